"""Figures show the numbers of the study, whole and legible."""

import io
import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import image
from matplotlib.colors import to_hex

from demos.report import statistics, trials
from demos.report.comparisons import analyze
from demos.report.figures import charts, curves
from demos.report.figures.svg import inline_svg
from demos.report.types import Metric, Presentation
from demos.study.trial import TrialRecord

pytestmark = pytest.mark.once

METRIC = Metric("accuracy", "accuracy")
PRESENTATION = Presentation("Title", (METRIC,), "val", "validation")
BASELINES = {"near": {"accuracy": 0.72}, "far": {"accuracy": 0.1}}
FIVE = ("relu", "gelu", "silu", "mish", "serf")
SEVEN = (*FIVE, "elu", "celu")
LONG = ("my_package>a_leaky_one", "hard_silu_approximation", "serf")
RATES = (0.001, 0.01, 0.1)


def study(activations, seeds, fails=lambda settings, seed: False, **choices):
    """Results of a grid, in which serf is better by 0.01 a layer."""
    generator = np.random.default_rng(0)
    found = []
    for seed, *values in itertools.product(
        range(seeds), activations, *choices.values()
    ):
        settings = dict(zip(["activation", *choices], values, strict=True))
        if fails(settings, seed):
            found.append(
                TrialRecord(settings, seed, "f", reason="ValueError: no")
            )
            continue
        score = 0.7 + 0.02 * generator.random()
        if settings["activation"] == "serf":
            score += 0.01 * settings.get("layers", 0)
        found.append(
            TrialRecord(
                settings,
                seed,
                "f",
                metrics={"accuracy": score},
                history={"val": [score / 2, score * 0.9, score]},
            )
        )
    return found


def drawn(results, baselines=BASELINES):
    return {
        chart.name: chart
        for chart in charts.draw(
            results,
            baselines,
            PRESENTATION,
            analyze(results, METRIC, baselines),
        )
    }


def texts(axes):
    return {text.get_position(): text.get_text() for text in axes.texts}


def whole(chart):
    """Checks that no ink touches the edge, and that no labels overlap."""
    file = io.BytesIO()
    chart.figure.savefig(file, format="png", dpi=40)  # Small, to be quick.
    file.seek(0)
    pixels = image.imread(file)
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (edge == 1).all()
    renderer = chart.figure.canvas.get_renderer()
    for axes in chart.figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            labels = [
                label
                for label in axis.get_ticklabels()
                if label.get_text() and label.get_visible()
            ]
            if any(label.get_rotation() for label in labels):
                continue  # Their boxes overlap where they do not.
            boxes = [label.get_window_extent(renderer) for label in labels]
            for one, two in itertools.combinations(boxes, 2):
                assert not one.overlaps(two)
    return pixels


STUDIES = {
    "long names": study(LONG, 3),
    "failures": study(
        FIVE, 3, lambda s, seed: s["activation"] == "gelu" or seed == 1
    ),
    "a setting": study(FIVE, 2, learning_rate=(0.0001, 0.0003, *RATES)),
    "close": study(("relu", "serf"), 2, rate=(0.0, 0.001, 0.002, 0.5)),
    "many levels": study(
        ("relu", "serf"), 1, rate=[round(0.01 * n, 2) for n in range(15)]
    ),
    "texts": study(SEVEN, 2, optimizer=("adam", "sgd", "lion")),
    "two settings": study(LONG, 2, layers=(1, 2), learning_rate=RATES),
    "two, alone": study(("serf",), 1, layers=(1, 2), heads=(2, 4)),
    "three": study(
        ("relu", "serf"), 2, layers=(1, 2), heads=(2, 4), norm=(False, True)
    ),
    "never all": study(
        ("relu", "serf"),
        2,
        lambda s, seed: s == {"activation": "relu", "layers": 4, "rate": 0.1},
        layers=(1, 4),
        rate=RATES,
    ),
}


@pytest.mark.parametrize("name", STUDIES)
def test_nothing_is_cut_off_and_no_labels_overlap(name):
    results = STUDIES[name]
    found = drawn(results)
    choices = trials.varied(results)
    expected = {"figure.png"}
    expected |= {"curves.png"} if choices else set()
    expected |= {"heatmap.png"} if len(choices) == 2 else set()
    assert found.keys() == expected
    assert expected <= {*charts.NAMES}
    for chart in found.values():
        pixels = whole(chart)
        assert min(pixels.shape[:2]) > 130
        assert len(chart.description) > 20


def test_the_interval_drawn_is_the_bootstrap():
    results = study(("relu", "serf"), 5)
    axes = drawn(results)["figure.png"].figure.axes[1]
    for container, name in zip(axes.containers, ("relu", "serf"), strict=True):
        values = [
            r.metrics["accuracy"]
            for r in results
            if r.settings["activation"] == name
        ]
        ((_, low), (_, high)) = container.lines[2][0].get_segments()[0]
        assert (low, high) == pytest.approx(statistics.bootstrap(values))
    assert "95% bootstrap interval" in axes.get_title()


def test_curves_have_their_means_and_bands():
    results = study(("relu", "serf"), 4)
    axes = drawn(results)["figure.png"].figure.axes[0]
    curves = np.array(
        [
            r.history["val"]
            for r in results
            if r.settings["activation"] == "serf"
        ]
    )
    np.testing.assert_allclose(axes.lines[1].get_ydata(), curves.mean(axis=0))
    edges = axes.collections[1].get_paths()[0].vertices[:, 1]
    low, high = np.quantile(curves, (0.25, 0.75), axis=0)
    assert edges.min() == pytest.approx(low.min())
    assert edges.max() == pytest.approx(high.max())


def test_of_many_activations_the_reference_alone_has_a_band():
    axes = drawn(study(FIVE, 3))["figure.png"].figure.axes[0]
    (band,) = axes.collections
    serf = next(line for line in axes.lines if line.get_label() == "serf")
    assert to_hex(band.get_facecolor()[0]) == to_hex(serf.get_color())


def test_in_a_page_a_figure_has_its_colours_and_its_text():
    results = study(("relu", "serf"), 3, layers=(1, 2), rate=RATES)
    charts = drawn(results)
    parts = {name: inline_svg(chart) for name, chart in charts.items()}
    ids = [
        i for part in parts.values() for i in re.findall(r'id="(.*?)"', part)
    ]
    assert len(ids) == len(set(ids))
    for part in parts.values():
        assert "currentColor" in part
        assert "var(--paper)" in part
        assert not re.search("#000000|#ffffff", part)
        ElementTree.fromstring(
            f'<svg xmlns:xlink="http://www.w3.org/1999/xlink">{part}</svg>'
        )
    # Numbers in the text are those of the PNG; coordinates are rounded.
    cells = texts(charts["heatmap.png"].figure.axes[0]).values()
    assert all(f">{cell}</text>" in parts["heatmap.png"] for cell in cells)


def test_a_baseline_far_away_does_not_squeeze_the_scores():
    axes = drawn(study(FIVE, 3))["figure.png"].figure.axes[1]
    assert axes.get_ylim()[0] > 0.6
    (legend,) = axes.figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["near: 0.720", "far: 0.100 (off the axis)"]


@pytest.mark.parametrize(
    ("choices", "scale"),
    [
        ({"learning_rate": (0.001, 0.003, 0.01)}, "log"),
        ({"layers": (1, 2, 4)}, "linear"),
        ({"dropout": (0.0, 0.5)}, "linear"),
        ({"dropout": (0.0, 0.001, 0.5)}, "linear"),
        ({"optimizer": ("adam", "sgd")}, "linear"),
        ({"norm": (False, True)}, "linear"),
    ],
)
def test_scores_stand_over_their_levels(choices, scale):
    ((name, values),) = choices.items()
    results = study(("relu", "serf"), 3, **choices)
    axes = drawn(results, {})["figure.png"].figure.axes[0]
    assert axes.get_xscale() == scale
    assert axes.get_xlabel() == name
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == list(map(str, values))
    lines = {line.get_label(): line for line in axes.lines}
    for activation in ("relu", "serf"):
        means = [
            np.mean(
                [
                    r.metrics["accuracy"]
                    for r in results
                    if r.settings == {"activation": activation, name: value}
                ]
            )
            for value in values
        ]
        np.testing.assert_allclose(lines[activation].get_ydata(), means)
        places = lines[activation].get_xdata()
        ticks = axes.get_xticks()
        assert np.abs(places - ticks).max() < np.ptp(ticks) / 20
        if values[0] == 0.0 and len(values) == 3:  # Too close to be told apart.
            np.testing.assert_array_equal(np.diff(ticks), 1)


def test_a_mean_over_other_settings_is_of_those_that_finished_all():
    results = STUDIES["never all"]
    axes = drawn(results)["figure.png"].figure.axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    assert np.isnan(lines["relu"].get_ydata()).tolist() == [False, True]
    assert not np.isnan(lines["serf"].get_ydata()).any()


def test_heat_map_shows_the_lead_at_each_level():
    results = study(("relu", "serf"), 4, layers=(1, 2, 9), rate=RATES)
    axes, _ = drawn(results)["heatmap.png"].figure.axes
    assert axes.get_title() == "serf − relu"
    written = texts(axes)
    for row, layers in enumerate((1, 2, 9)):
        for column, rate in enumerate(RATES):
            lead = {}
            for r in results:
                if (r.settings["layers"], r.settings["rate"]) == (layers, rate):
                    lead.setdefault(r.settings["activation"], []).append(
                        r.metrics["accuracy"]
                    )
            mean = np.mean(lead["serf"]) - np.mean(lead["relu"])
            assert written[column, row].startswith(f"{mean:+.4f}")
    # Nine layers are 0.09 better: significant in each of nine tests.
    assert all(written[column, 2].endswith("*") for column in range(3))


def test_heat_map_says_what_failed():
    results = STUDIES["never all"]
    axes, _ = drawn(results)["heatmap.png"].figure.axes
    assert texts(axes)[2, 1] == "failed"


@pytest.mark.parametrize("higher", [True, False])
def test_the_reference_being_better_is_purple(higher):
    metric = Metric("accuracy", "loss", higher)
    results = study(("relu", "serf"), 3, layers=(10, 20), rate=RATES)
    analysis = analyze(results, metric, {})
    chart = charts.draw_heat_map(results, analysis, "Title")
    (picture,) = chart.figure.axes[0].images
    red, green, blue, _ = picture.cmap(picture.norm(0.2))
    assert (blue > red > green) == higher


def test_an_activation_looks_the_same_in_every_panel():
    results = study(
        ("relu", "mish", "serf"),
        2,
        lambda s, seed: s["activation"] == "mish" and s["layers"] == 1,
        layers=(1, 2),
    )
    figure = drawn(results)["curves.png"].figure
    colours = [
        {line.get_label(): to_hex(line.get_color()) for line in axes.lines}
        for axes in figure.axes
    ]
    assert colours[0].keys() == {"relu", "serf"}
    assert colours[1]["serf"] == colours[0]["serf"]
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == [
        "relu",
        "mish",
        "serf",
    ]


def test_of_many_levels_some_curves_are_shown_and_it_is_said():
    results = study(("serf",), 1, layers=range(1, 31))
    figure = drawn(results)["curves.png"].figure
    titles = [axes.get_title() for axes in figure.axes]
    assert len(titles) == curves.MOST_PANELS
    assert (titles[0], titles[-1]) == ("layers=1", "layers=30")
    assert "12 of 30 levels" in figure.get_suptitle()


@pytest.mark.parametrize("higher", [True, False])
def test_a_loss_that_falls_by_a_decade_is_drawn_on_a_logarithmic_scale(higher):
    results = [
        TrialRecord(
            {"activation": "serf"},
            seed,
            "f",
            metrics={"accuracy": 0.1},
            history={"val": [2.0, 0.4, 0.1]},
        )
        for seed in range(3)
    ]
    metric = Metric("accuracy", "score", higher)
    (chart,) = charts.draw(
        results,
        {},
        Presentation("Title", (metric,), "val", "validation"),
        analyze(results, metric, {}),
    )
    scale = "linear" if higher else "log"
    assert chart.figure.axes[0].get_yscale() == scale
