"""The page holds the whole study, is well formed, and loads nothing."""

import base64
import html
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from demos.report import html_report
from demos.report.comparisons import analyze
from demos.report.findings import findings
from demos.report.types import Metric, Presentation, Table
from demos.report.write import write_report
from demos.study.trial import TrialRecord

pytestmark = pytest.mark.once

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
METRICS = (
    Metric("accuracy", "accuracy"),
    Metric("loss", "loss", higher_is_better=False),
)
SCORES = {
    "relu": [0.70, 0.72, 0.71, 0.69, 0.73],
    "<mish>": [0.75, 0.77, 0.74, 0.76, 0.75],
    "serf": [0.76, 0.77, 0.75, 0.75, 0.77],
}
BASELINES = {"majority": {"accuracy": 0.5}}
# Elements that have no end.
VOID = {"br", "hr", "img", "link", "meta"}
LOADS = {"src", "href", "srcset", "data", "action", "poster"}


class Reader(HTMLParser):
    """Reads a page, and fails where an element is not closed in its turn."""

    def __init__(self):
        super().__init__()
        self.open, self.found, self.texts = [], [], []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def results_of(scores, layers=(2,), **further):
    return [
        TrialRecord(
            {"activation": name, "layers": number},
            seed,
            "f",
            metrics={
                "accuracy": value * (1 + 0.01 * seed * number),
                "loss": 1 - value,
            },
            history={"val": [value / 2, value]},
            parameters=1234,
            seconds=2.5,
            config={"batch_size": 32, "note": "<script>alert(1)</script>"},
            environment={"keras": "3.0", "backend": "jax"},
            **further,
        )
        for number in layers
        for name, values in scores.items()
        for seed, value in enumerate(values)
    ]


def sentences(results):
    return findings(analyze(results, METRICS[0], BASELINES), results)


def written(folder, results, **further):
    presentation = Presentation(
        'A study of <b> & "c"',
        METRICS,
        "val",
        "validation",
        notes=("A note & more.",),
        **further,
    )
    write_report(folder, results, BASELINES, presentation)
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def results():
    failed = TrialRecord(
        {"activation": "elu", "layers": 2},
        7,
        "f",
        reason="ValueError: <no>",
        environment={"keras": "3.1", "processor": "Some CPU"},
    )
    done = results_of(SCORES, (2, 4), finished="2026-11-25T12:00:00+00:00")
    return [*done, failed]


@pytest.fixture(scope="module")
def study(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    written(
        folder,
        results,
        tables=(Table("Samples", ["source"], [["a <b>"]]),),
        warnings=("Smoke test: no meaning.",),
        command="python -m demos sentiment --seeds 0 1",
    )
    return folder


@pytest.fixture(scope="module")
def reader(study):
    return read((study / "report.html").read_text(encoding="utf-8"))


def words(text):
    return " ".join(text.split())


def test_it_loads_nothing(reader):
    for _, attributes in reader.found:
        for name in LOADS & attributes.keys():
            assert attributes[name].startswith(("data:", "#"))
        assert not any(name.startswith("on") for name in attributes)
    assert reader.all("script") == [{}]  # Whose digest the policy has.
    assert not re.search(r"url\(|@import", " ".join(reader.texts))


def test_it_says_what_language_and_characters_it_has(study, reader):
    text = (study / "report.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert reader.all("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in reader.all("meta")
    assert any(m.get("name") == "viewport" for m in reader.all("meta"))
    names = [a["id"] for _, a in reader.found if "id" in a]
    assert len(names) == len(set(names))
    links = [a["href"][1:] for a in reader.all("a") if a["href"][0] == "#"]
    assert set(links) <= set(names)


def test_it_holds_verdict_table_notes_and_command(results, reader):
    text = words(" ".join(reader.texts))
    assert 'A study of <b> & "c"' in text
    for sentence in sentences(results):
        assert words(sentence) in text
    assert text.index("Smoke test") < text.index("A note & more.")
    assert "1 of 31 trials failed." in text
    assert "majority (baseline)" in text
    assert "a <b>" in text
    assert "python -m demos sentiment --seeds 0 1" in text


def test_figures_are_inside_with_a_description(study, reader):
    pictures = [
        *(a for a in reader.all("svg") if "viewbox" in a),
        *reader.all("img"),
    ]
    files = {path.name for path in study.glob("*.png")}
    assert len(pictures) == len(files - {"verdict.png"}) == 2
    for picture in pictures:
        assert len(picture.get("aria-label") or picture["alt"]) > 40


def test_every_trial_can_be_downloaded_from_the_page_alone(
    results, study, reader
):
    (link,) = [a for a in reader.all("a") if "download" in a]
    content = link["href"].removeprefix("data:text/csv;base64,")
    assert base64.b64decode(content) == (study / "trials.csv").read_bytes()
    text = words(" ".join(reader.texts))
    assert f"All {len(results)} trials" in text
    assert "ValueError: <no>" in text
    assert '"note": "<script>alert(1)</script>"' in text  # The config.


def test_a_notebook_shows_the_same_top(results, study, tmp_path):
    report = write_report(
        tmp_path, results, BASELINES, Presentation("A", METRICS, "val", "")
    )
    card = report._repr_html_()
    assert html.escape(sentences(results)[0]) in card
    shown = read(card)
    assert "majority (baseline)" in " ".join(shown.texts)
    assert shown.all("script") == shown.all("img") == []
    assert len(card) < 30_000


def test_surroundings_that_differ_are_all_named(results):
    rows = dict(html_report.environments(results).rows)
    assert rows["keras"] == "3.0; 3.1"
    assert rows["processor"] == "Some CPU"
    assert rows["total time of all trials"] == "75 seconds"


def test_comparisons_have_word_interval_p_and_seeds(results):
    analysis = analyze(results, METRICS[0], BASELINES)
    table = html_report.overall(analysis, ["layers"])
    relu = table.rows[0]
    assert relu[:2] == ["relu", "better"]
    low, high = map(float, relu[3].split(" to "))
    assert low < float(relu[2]) < high
    assert relu[4].endswith(" *")
    assert relu[5] == "5"
    assert [row[0] for row in table.rows] == ["relu", "<mish>", "elu"]
    assert table.rows[2][1:] == ["inconclusive", "–", "–", "–", "0", "–"]
    levels = html_report.by_level(analysis, ["layers"])
    assert [row[0] for row in levels.rows] == ["2"] * 3 + ["4"] * 3
    depends = html_report.dependence(analysis)
    assert [row[:2] for row in depends.rows] == [
        ["layers", "relu"],
        ["layers", "<mish>"],
    ]
    for one in (table, levels, depends):
        assert {len(row) for row in one.rows} == {len(one.header)}
        assert "nan" not in str(one.rows)


def test_a_study_of_one_seed_of_one_activation_has_a_page_too(tmp_path):
    text = written(tmp_path, results_of({"serf": [0.5]}))
    reader = read(text)
    shown = words(" ".join(reader.texts))
    assert "Serf has no other activation to compare with." in shown
    assert "Comparisons" not in shown
    assert "Command to repeat this study" not in shown
    assert "nan" not in re.sub(r"[^ ]{40,}", "", shown)


@pytest.mark.skipif(not BROWSER, reason="needs Chromium")
def test_a_browser_shows_it_all(study, results, tmp_path):
    found = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu"),
            *("--no-first-run", "--disable-background-networking"),
            *("--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={tmp_path}", "--dump-dom"),
            (study / "report.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    reader = read(found.stdout)
    shown = words(" ".join(reader.texts))
    assert words(sentences(results)[0]) in shown
    # The script has run: headings of tables can be reached by keyboard.
    assert all(
        th["tabindex"] == "0"
        for th in reader.all("th")
        if "scope" in th and th["scope"] == "col"
    )
    for result in results:
        assert str(result.settings["activation"]) in shown
    for tag, attributes in reader.found:
        for name in LOADS & attributes.keys():
            assert attributes[name].startswith(("data:", "#")), tag
