"""Where does Serf gain? One hyper-parameter after the other, on small networks.

The ablations of the paper as ready-made studies (`python -m demos ablation`):
depth, width, optimizer, learning rate, batch size, initializer and dropout of a
perceptron that reads digits, each with its report, and a page for them all.
"""

import math
import os
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Annotated

import tyro

from demos.common.cli import parse
from demos.common.errors import UnfinishedError
from demos.common.errors import UserError
from demos.common.progress import log
from demos.tasks import command
from demos.tasks.classification import task as classification
from demos.tasks.classification.task import ClassificationTask
from demos.tasks.classification.task import ModelConfig
from demos.tasks.classification.task import TrainingConfig
from demos.tasks.command import StudyOptions

if TYPE_CHECKING:
    from demos.report.comparisons import Interaction
    from demos.report.report import Metric
    from demos.report.report import Report
    from demos.study.trial import TrialRecord

COMMAND = "python -m demos ablation"
RUNS = Path("runs", "ablation")
# The axes of the paper's ablations, and values for a network of this size: the
# defaults, and smaller and larger ones where there are such.
AXES: Mapping[str, str] = {
    "depth": "2,4,8,16,32",
    "width": "16,64,256",
    "optimizer": "adam,rmsprop,sgd",
    "learning_rate": "0.0003,0.001,0.003,0.01",
    "batch_size": "16,32,128",
    "initializer": "glorot_uniform,he_normal,serf_normal",
    "dropout": "0.0,0.2,0.4",
}
QUICK_VALUES = 2  # Of each axis, in a --quick run: the first.
CLAIM = "Deeper networks gain more"  # Of the paper, from Serf.
DEPTH = "depth"
PAGE = "ablation.html"


@dataclass(frozen=True)
class AblationOptions(StudyOptions):
    """Varies one hyper-parameter after the other, with each activation.

    Each is a study of its own, and all tests are corrected together.
    """

    axes: tuple[str, ...] = tuple(AXES)
    """What is varied, one after the other."""
    vary: Annotated[
        tuple[str, ...],
        tyro.conf.UseAppendAction,
        tyro.conf.arg(metavar="AXIS=VALUE,...", help_behavior_hint=""),
    ] = ()
    """Other values of an axis than the usual ones: --vary depth=2,20."""
    dataset: str = "digits"
    """As of: python -m demos classification."""
    quick: bool = False
    """A try-out in a few minutes: 640 pictures, 1 epoch, the first 2 seeds at
    most and 2 of the usual values of each axis. Its scores mean nothing."""
    model: ModelConfig = field(
        default_factory=lambda: ModelConfig(network="mlp", layers=4, width=64)
    )
    training: TrainingConfig = field(
        default_factory=lambda: TrainingConfig(epochs=10)
    )


def main(arguments: Sequence[str]) -> int:
    """Runs `python -m demos ablation ...`.

    Args:
        arguments: What follows `ablation`.

    Returns:
        The exit code, 0.

    Raises:
        UserError: The input is at fault, or no trial of a study was finished.
    """
    print(compare(parse_options(arguments)).text)
    return 0


def parse_options(arguments: Sequence[str]) -> AblationOptions:
    """Parses the command line.

    Args:
        arguments: What follows `ablation`.

    Returns:
        The options.

    Raises:
        UserError: They do not fit.
    """
    return parse(AblationOptions, arguments, COMMAND)


def compare(options: AblationOptions) -> "Report":
    """Runs a study of each axis, and reports on them all.

    Args:
        options: The command line.

    Returns:
        The report, of which the files are written, beside the studies' own.

    Raises:
        UserError: The input is at fault, or no trial of a study was finished.
    """
    from demos.datasets.load import load_images

    texts = vary_texts(options)
    classification.check_options(options.model, options.training)
    command.prepare(options, RUNS)
    dataset = load_images(options.dataset, options.model.image_size)
    command.start_training(options)
    if options.quick:
        dataset = classification.quick_part(dataset)
        options = command.quick(options)
    task = ClassificationTask(dataset, options.model, options.training)
    for text in texts.values():  # A failure here is to come early.
        classification.check_axes(task, (text,))
    folder = options.out or RUNS / dataset.name
    found: dict[str, Report] = {}
    failed: dict[str, str] = {}
    for number, (axis, text) in enumerate(texts.items(), 1):
        log(f"axis {number}/{len(texts)}: {text}")
        out = options.out and options.out / axis
        try:
            found[axis] = classification.run(
                # A new one: what it compiles is not kept for long.
                replace(task),
                replace(options, vary=(text,), out=out),
                folder,
            )
        except UnfinishedError as error:
            failed[axis] = str(error)
    if not found:
        raise UnfinishedError(next(iter(failed.values())))
    notes = [
        classification.describe(dataset),
        *(f"{axis}: {reason}" for axis, reason in failed.items()),
        f"What is not varied: {fixed(task)}.",
    ]
    if options.quick:
        notes.insert(0, "QUICK RUN: few pictures, 1 epoch")
    return write(folder, found, notes)


def fixed(task: ClassificationTask) -> str:
    """Says what the studies share.

    Args:
        task: As it is where nothing is varied.

    Returns:
        The options of model and training that are not 0, off or left out.
    """
    return ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for config in (task.model, task.training)
        for name, value in vars(config).items()
        if value
    )


def vary_texts(options: AblationOptions) -> dict[str, str]:
    """Says what each study varies.

    Args:
        options: The command line.

    Returns:
        By axis, a text as `--vary` takes it.

    Raises:
        UserError: There is no such axis, or it is named twice.

    Example:

    >>> vary_texts(AblationOptions(axes=("depth",), vary=("depth=1,2",)))
    {'depth': 'depth=1,2'}
    """
    if not options.axes or len(set(options.axes)) < len(options.axes):
        raise UserError(
            "Expected --axes to be at least one, each once. Received: "
            f"{' '.join(options.axes) or 'none'}"
        )
    found = {}
    for name in options.axes:
        axis = name.replace("-", "_")
        if axis not in AXES:
            raise UserError(
                f"Expected --axes to be of {', '.join(AXES)}. Received: {axis}"
            )
        values = AXES[axis].split(",")
        if options.quick:
            values = values[:QUICK_VALUES]
        found[axis] = f"{axis}={','.join(values)}"
    given: set[str] = set()
    for text in options.vary:
        axis = text.partition("=")[0].strip().lstrip("-").replace("-", "_")
        if axis not in found:
            raise UserError(
                f"Expected --vary to be of the axes {', '.join(found)}. "
                f"Received: {text!r}"
            )
        if axis in given:
            raise UserError(
                f"Expected --vary {axis} once, with all its values. Received "
                "it twice"
            )
        if "," not in text:
            raise UserError(
                f"Expected --vary {axis} to be two values or more. Received: "
                f"{text!r}"
            )
        given.add(axis)
        found[axis] = text
    return found


def write(
    folder: Path, found: Mapping[str, "Report"], notes: Sequence[str]
) -> "Report":
    """Writes what the studies have found together.

    Args:
        folder: Where to: ablation.html, ablation.md, ablation.csv and
            ablation.png.
        found: By axis, the report of its study.
        notes: On the data and on what the studies share, a line each.

    Returns:
        A report on all of them.

    Raises:
        UserError: The folder cannot be written.
    """
    import pandas as pd

    from demos.common.files import atomic
    from demos.common.files import write_text
    from demos.report import charts
    from demos.report import comparisons as significance
    from demos.report import html_report as page
    from demos.report import report

    metric = report.Metric("accuracy", "accuracy")
    results = {axis: one.results for axis, one in found.items()}
    rows = together(results, metric)
    findings = summary(rows, results, metric)
    every = tuple(result for ours in results.values() for result in ours)
    reference = significance.reference_of(every)
    title = "Ablation: one hyper-parameter after the other"
    chart = charts.draw_studies(results, metric, title)
    sentences = {
        axis: report.findings(list(ours), metric)
        for axis, ours in results.items()
    }
    trials = sum(map(len, results.values()))
    notes = [*notes, f"{len(found)} studies, {trials} trials."]
    pages = {axis: one.folder / "report.html" for axis, one in found.items()}
    header, cells = table(rows, metric)
    lines = [
        f"# {title}",
        "",
        *(f"{note}\n" for note in notes),
        *report.aligned([header, *cells], left=2),
        "",
        f"**Verdict.** {' '.join(findings)}",
        "",
        *(
            f"- {axis}: {one.folder / 'report.html'}"
            for axis, one in found.items()
        ),
        f"- all: {folder / PAGE}",
    ]
    text = "\n".join(lines)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic(folder / "ablation.csv") as scratch:
            pd.DataFrame([vars(row) for row in rows]).to_csv(
                scratch, index=False
            )
        write_text(folder / "ablation.md", text)
        with atomic(folder / chart.name) as scratch:
            chart.save(scratch)
        write_text(
            folder / PAGE,
            page.fill(
                PAGE,
                title=title,
                findings=findings,
                notes=notes,
                pictures=page.embedded({chart: folder / chart.name}),
                comparisons=page.Table(
                    f"{reference} against the others: {metric.label}",
                    header,
                    cells,
                    left=2,
                ),
                studies=[
                    {
                        "axis": axis,
                        "findings": sentences[axis],
                        "link": Path(
                            os.path.relpath(pages[axis], folder)
                        ).as_posix(),
                    }
                    for axis in found
                ],
                command=command.command_line(),
            ),
        )
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}") from None
    return report.Report(text, folder, every)


@dataclass(frozen=True)
class Row:
    """Serf, or the reference, against another activation on one axis.

    Attributes:
        axis: What was varied.
        against: The other activation.
        difference: Mean of (reference - other) over values and seeds.
        p: Of the difference, after Holm's correction for all rows; NaN where
            there is no test.
        change: Of the difference, from one value to the next; NaN where the
            values have no order.
        p_change: Whether the difference depends on the value, after Holm's
            correction for all rows.
        seeds: That finished every trial of both.
    """

    axis: str
    against: str
    difference: float
    p: float
    change: float
    p_change: float
    seeds: int


def together(
    results: Mapping[str, Sequence["TrialRecord"]], metric: "Metric"
) -> list[Row]:
    """Tests all axes as one family.

    Args:
        results: Of each axis' trials, by axis.
        metric: What is compared.

    Returns:
        A row for each axis and other activation that share a seed.
    """
    from demos.report import comparisons as significance

    rows = []
    for axis, ours in results.items():
        reference = significance.reference_of(ours)
        for other in significance.activations_of(significance.finished(ours)):
            # Of two activations alone, so that nothing is corrected yet.
            pair = [
                result
                for result in ours
                if result.settings["activation"] in (reference, other)
            ]
            compared = significance.compare(pair, metric.key, reference)
            depends = significance.interactions(pair, metric.key, reference)
            rows += [
                Row(
                    axis,
                    other,
                    comparison.difference,
                    comparison.p,
                    interaction.trend,
                    interaction.p,
                    interaction.seeds,
                )
                for comparison, interaction in zip(
                    compared, depends, strict=False
                )
            ]
    p, p_change = (
        significance.holm([getattr(row, name) for row in rows])
        for name in ("p", "p_change")
    )
    return [
        replace(row, p=first, p_change=second)
        for row, first, second in zip(rows, p, p_change, strict=True)
    ]


def table(
    rows: Sequence[Row], metric: "Metric"
) -> tuple[list[str], list[list[str]]]:
    """Lays the comparisons out as they are to be read.

    Args:
        rows: What `together` returns.
        metric: What was compared.

    Returns:
        The header, and the cells of each row.
    """
    from demos.report.comparisons import ALPHA
    from demos.report.html_report import NONE

    def number(value: float) -> str:
        return NONE if math.isnan(value) else f"{value:+z.{metric.decimals}f}"

    def p(value: float) -> str:
        if math.isnan(value):
            return NONE
        return f"{value:.2g}{'*' if value < ALPHA else ''}"

    header = ["axis", "against", "difference", "p", "change", "p", "seeds"]
    return header, [
        [
            row.axis,
            row.against,
            number(row.difference),
            p(row.p),
            number(row.change),
            p(row.p_change),
            str(row.seeds),
        ]
        for row in rows
    ]


def summary(
    rows: Sequence[Row],
    results: Mapping[str, Sequence["TrialRecord"]],
    metric: "Metric",
) -> list[str]:
    """Says what the axes have shown together, and what becomes of the claim.

    Args:
        rows: What `together` returns.
        results: Of each axis' trials, by axis.
        metric: What was compared.

    Returns:
        Sentences.
    """
    from demos.report import comparisons as significance

    sentences = []
    if DEPTH in results:
        ours = results[DEPTH]
        reference = significance.reference_of(ours)
        sentences.append(
            claim(
                significance.interactions(ours, metric.key, reference),
                reference,
                metric,
            )
        )
    tested = [row for row in rows if not math.isnan(row.p)]
    if not tested:
        return [
            *sentences,
            "No verdict on the axes: tests need at least "
            f"{significance.LEAST_SEEDS} seeds that both activations finished.",
        ]
    ours = next(iter(results.values()))
    reference = significance.reference_of(ours)
    for what, strong in (
        (
            "is better or worse on average over an axis",
            [
                f"{row.axis}, against {row.against} "
                f"({row.difference:+.{metric.decimals}f}, p = {row.p:.2g})"
                for row in tested
                if row.p < significance.ALPHA
            ],
        ),
        (
            "gains or loses along an axis",
            [
                f"{row.axis}, against {row.against} (p = {row.p_change:.2g})"
                for row in tested
                if row.p_change < significance.ALPHA
            ],
        ),
    ):
        sentences.append(
            f"Where {reference} {what}, of {len(tested)} tests corrected "
            f"together: {'; '.join(strong) or 'nowhere significantly'}."
        )
    return sentences


def claim(
    found: Sequence["Interaction"], reference: str, metric: "Metric"
) -> str:
    """Says whether deeper networks gain more: as an interaction, by a test.

    Args:
        found: Of activation and depth.
        reference: The activation of which it is claimed.
        metric: What was compared.

    Returns:
        The sentence.

    Example:

    >>> from demos.report.report import Metric
    >>> from demos.report.comparisons import Interaction
    >>> claim(
    ...     [Interaction("relu", "depth", 0.012, 0.004, seeds=5)],
    ...     "serf",
    ...     Metric("accuracy", "accuracy"),
    ... )
    'Deeper networks gain more from serf: yes, against relu (+0.0120 from one \
depth to the next, p = 0.004) (interaction of activation and depth, 1 test; \
the question came before the data, so that the other axes do not count).'
    """
    tested = [one for one in found if not math.isnan(one.p)]
    parts = []
    for answer, sign in (("yes", 1), ("on the contrary", -1)):
        texts = [
            f"{one.other} ({one.trend:+.{metric.decimals}f} from one depth to "
            f"the next, p = {one.p:.2g})"
            for one in tested
            if one.significant and sign * one.trend > 0
        ]
        if texts:
            parts.append(f"{answer}, against {', '.join(texts)}")
    weak = [one for one in tested if not one.significant]
    if weak:
        parts.append(
            f"no significant sign of it against "
            f"{', '.join(one.other for one in weak)} "
            f"({'smallest ' if len(weak) > 1 else ''}"
            f"p = {min(one.p for one in weak):.2g})"
        )
    told = "; ".join(parts) or "no verdict, for want of seeds"
    several = f"{len(tested)} tests corrected together"
    tests = (
        " (interaction of activation and depth, "
        f"{several if len(tested) > 1 else '1 test'}; the question came before "
        "the data, so that the other axes do not count)"
    )
    return f"{CLAIM} from {reference}: {told}{tests if tested else ''}."
