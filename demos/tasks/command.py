"""What the commands of all tasks share: options, checks, a study, its models.

Keras is imported inside the functions that need it, so that `--help` is quick
and `--backend` is heard before Keras is.
"""

import importlib.util
import shlex
import sys
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any
from typing import Literal
from typing import TypeVar

import tyro

from demos.common.backend import check_activations
from demos.common.backend import check_initializer
from demos.common.backend import check_trains
from demos.common.backend import choose_backend
from demos.common.backend import start_keras
from demos.common.errors import UnfinishedError
from demos.common.errors import UserError
from demos.common.files import check_writable
from demos.common.progress import log
from demos.study.executors import Processes
from demos.study.executors import RayCluster
from demos.study.study import SequentialExecutor
from demos.tasks import word_tokenizer as words

if TYPE_CHECKING:
    from PIL import Image
    from tokenizers import Tokenizer

    from demos.report.report import Presentation
    from demos.report.report import Report
    from demos.study.study import Executor
    from demos.study.trial import Task
    from demos.study.trial import Trial
    from demos.study.trial import TrialRecord

Backend = Literal["tensorflow", "jax", "torch"]
Content = TypeVar("Content")
QUICK_SEEDS = 2  # Of a --quick run, which has one epoch.


@dataclass(frozen=True)
class StudyOptions:
    """Options of every command that compares activations."""

    activations: tuple[str, ...] = ("relu", "gelu", "silu", "mish", "serf")
    """Names that Keras knows, and serf."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """One trial of each activation is run for each of these."""
    out: Path | None = None
    """Folder to write; by default in runs/, under the names of task and
    dataset. The same command, given again, goes on where it was stopped."""
    backend: Backend | None = None
    """What Keras runs on; by default what KERAS_BACKEND says."""
    vary: Annotated[
        tuple[str, ...],
        tyro.conf.UseAppendAction,
        tyro.conf.arg(metavar="NAME=VALUE,...", help_behavior_hint=""),
    ] = ()
    """Runs the study for every value of an option of the model or the training
    too: --vary layers=1,2,4 --vary optimizer=adam,sgd, all combined."""
    jobs: int | None = None
    """Processes that run trials side by side, each with its share of the cores;
    by default 1, and on a Ray cluster one a node."""
    engine: Literal["local", "ray"] = "local"
    """Where trials run: on this machine, or on a cluster of Ray, whose machines
    all see the folder --out."""
    address: str | None = None
    """Of the head of the Ray cluster, such as 10.0.0.1:6379; by default that
    which runs on this machine, or a new one."""
    tensorboard: bool = False
    """Writes logs for TensorBoard, into the folder tensorboard beside the
    trials: tensorboard --logdir FOLDER."""


@dataclass(frozen=True)
class ModelOptions:
    """Options of every command that asks a saved model."""

    activation: str | None = None
    """Whose model; by default the best on the validation."""
    out: Path | None = None
    """Folder of the study; by default the latest in runs/, of this task, that
    has a model."""
    backend: Backend | None = None
    """What Keras runs on; any one reads what another has trained."""


@dataclass(frozen=True)
class TextOptions(ModelOptions):
    """Options of every command that asks a saved model about texts."""

    texts: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="TEXT [TEXT ...]", help_behavior_hint=""),
    ] = ()
    """What to read."""


def prepare(options: StudyOptions, runs: Path) -> None:
    """Checks what can be checked without Keras, and chooses the backend.

    Args:
        options: The command line.
        runs: Where the studies of the task are kept.

    Raises:
        UserError: An option has no possible meaning.
    """
    for name in ("activations", "seeds"):
        values = getattr(options, name)
        if not values or len(set(values)) < len(values):
            raise UserError(
                f"Expected --{name} to be at least one, each once. "
                f"Received: {' '.join(map(str, values)) or 'none'}"
            )
    if not all(0 <= seed < 2**32 for seed in options.seeds):
        raise UserError(
            "Expected --seeds to be from 0 to 4294967295. "
            f"Received: {' '.join(map(str, options.seeds))}"
        )
    if options.jobs is not None and options.jobs < 1:
        raise UserError(
            f"Expected --jobs to be at least 1. Received: {options.jobs}"
        )
    if options.engine == "local" and options.address is not None:
        raise UserError("--address is that of a cluster: give --engine ray too")
    if options.tensorboard and not importlib.util.find_spec("tensorboard"):
        raise UserError(
            "--tensorboard needs TensorBoard; install it with: "
            "pip install tensorboard"
        )
    check_writable(options.out or runs)
    choose_backend(options.backend)


def quick(options: Any) -> Any:
    """Cuts a study down to a try-out.

    Args:
        options: `StudyOptions` with a `training` that has `epochs`.

    Returns:
        The same with one epoch and the first 2 seeds at most.
    """
    return replace(
        options,
        training=replace(options.training, epochs=1),
        seeds=options.seeds[:QUICK_SEEDS],
    )


def check_words(sizes: Any) -> None:
    """Checks how many words are to be known, and how many of a text read.

    Args:
        sizes: Has `vocabulary_size`, and `sequence_length` or None.

    Raises:
        UserError: They are too few.
    """
    if sizes.vocabulary_size < 3:
        raise UserError(
            "Expected --vocabulary-size to be at least 3: padding, unknown "
            f"and a word. Received: {sizes.vocabulary_size}"
        )
    length = sizes.sequence_length
    if length is not None and length < words.SHORTEST:
        raise UserError(
            f"Expected --sequence-length to be at least {words.SHORTEST}. "
            f"Received: {length}"
        )


def evenly(count: int, most: int) -> range:
    """Chooses rows, evenly spaced.

    Args:
        count: Rows there are.
        most: How many to take at most.

    Returns:
        Their indices.

    Example:

    >>> list(evenly(7, 3))
    [0, 3, 6]
    """
    return range(0, count, max(1, -(-count // most)))


def check_numbers(
    configs: Sequence[Any],
    fractions: Collection[str],
    may_be_zero: Collection[str],
) -> None:
    """Checks the numbers among options.

    Args:
        configs: Dataclasses; fields that are None, text or a flag are passed
            over.
        fractions: Names of the fields that are from 0 to below 1.
        may_be_zero: Names of the fields that are 0 or above; all other numbers
            are above 0.

    Raises:
        UserError: A number is out of its range, infinite, or none.
    """
    for config in configs:
        for item in fields(config):
            value = getattr(config, item.name)
            flag = f"--{item.name.replace('_', '-')}"
            if item.name in fractions:
                if not 0 <= value < 1:
                    raise UserError(
                        f"Expected {flag} to be from 0 to below 1. "
                        f"Received: {value}"
                    )
            elif (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and not (value == 0 and item.name in may_be_zero)
                and not 0 < value < float("inf")
            ):
                raise UserError(
                    f"Expected {flag} to be above 0. Received: {value}"
                )


def check_heads(embedding_dim: int, heads: int) -> None:
    """Checks that attention heads share the width out.

    Args:
        embedding_dim: The width.
        heads: How many there are.

    Raises:
        UserError: They do not divide it.
    """
    if embedding_dim % heads:
        raise UserError(
            "Expected --heads to divide --embedding-dim. Received: "
            f"{heads} and {embedding_dim}"
        )


def start_training(options: StudyOptions) -> None:
    """Starts Keras on a backend that trains.

    Args:
        options: The command line.

    Raises:
        UserError: Something is not installed, cannot train, or Keras does not
            know one of the activations.
    """
    start_keras()
    check_trains()
    check_activations(options.activations)


def run_study(
    task: Any,
    options: StudyOptions,
    usual: Path,
    description: str,
    baselines: Callable[[], Mapping[str, Mapping[str, float]]],
    presentation: Callable[[Path, Sequence["TrialRecord"]], "Presentation"],
    check: Callable[[Any], None],
    probes: Mapping[str, "Trial"] | None = None,
) -> "Report":
    """Trains with every activation, seed and `--vary`, and reports.

    Args:
        task: What a trial trains and scores: `Task` and `Variable`.
        options: The command line.
        usual: Where the study is kept if no other folder is asked for; by
            another name if something is varied.
        description: Of the data, in a line.
        baselines: Scores what needs no seeds.
        presentation: Says, of the study's folder and the results, how the
            report is to call things.
        check: Raises UserError where the task's options have no possible
            meaning, as they may when they are varied.
        probes: Further trials, by the name of the baseline that they make; left
            out if something is varied, for they are of the model as it is.

    Returns:
        The report, of which the files are written.

    Raises:
        UserError: The folder cannot be written, or no trial was finished.
    """
    from demos.study import sweep
    from demos.study.study import grid

    axes = sweep.axes(options.vary, task)
    trials = grid({"activation": options.activations, **axes}, options.seeds)
    for trial in trials:
        varied = sweep.apply_overrides(task, trial.settings)
        check(varied)
        check_initializer(varied.model.initializer)
    return conduct(
        task,
        trials,
        options,
        usual_folder(usual, axes),
        sweep.shared(task.config(), task, axes),
        description,
        baselines,
        presentation,
        {} if axes else probes,
    )


def usual_folder(usual: Path, axes: Collection[str]) -> Path:
    """Names the folder of a study, if no other is asked for.

    Args:
        usual: That of one that varies nothing.
        axes: What it varies, besides activation and seed.

    Returns:
        The folder.

    Example:

    >>> usual_folder(Path("reviews"), ["layers", "dropout"]).name
    'reviews-by-layers-dropout'
    """
    if not axes:
        return usual
    return usual.with_name("-".join([usual.name, "by", *axes]))


def conduct(
    task: "Task",
    trials: Sequence["Trial"],
    options: StudyOptions,
    usual: Path,
    config: Mapping[str, Any],
    description: str,
    baselines: Callable[[], Mapping[str, Mapping[str, float]]],
    presentation: Callable[[Path, Sequence["TrialRecord"]], "Presentation"],
    probes: Mapping[str, "Trial"] | None = None,
) -> "Report":
    """Runs the trials of a study, and reports.

    Args:
        task: What a trial trains and scores.
        trials: The trials.
        options: Folder, and who runs the trials.
        usual: Where the study is kept if no other folder is asked for.
        config: What the trials share.
        description: Of the data, in a line.
        baselines: Scores what needs no seeds.
        presentation: Says, of the study's folder and the results, how the
            report is to call things.
        probes: Further trials, by the name of the baseline that they make.

    Returns:
        The report, of which the files are written.

    Raises:
        UserError: The folder cannot be written, or no trial was finished.
    """
    from demos.report import report
    from demos.study.progress import Progress
    from demos.study.study import Study

    study = Study.open(task, options.out, usual, config, options.tensorboard)
    every = [*trials, *(probes or {}).values()]
    pending = study.pending(every)
    log(description)
    log(
        f"{study.folder}: {len(every) - len(pending)} of {len(every)} trials "
        f"finished before, {len(pending)} to run"
    )
    scores = dict(baselines())  # First: a failure here is to come early.
    epochs = max(t.settings.get("epochs", task.epochs) for t in trials)
    with Progress(len(pending), epochs) as progress:
        found = study.run(every, progress, executor(options))
    results, probed = found[: len(trials)], found[len(trials) :]
    for name, result in zip(probes or {}, probed, strict=True):
        if not result.reason:  # Progress has said why.
            scores[name] = result.metrics
    if all(result.reason for result in results):
        raise UnfinishedError(
            f"no trial was finished; the first failed with {results[0].reason}"
        )
    try:
        shown = replace(
            presentation(study.folder, results), command=command_line()
        )
        return report.write(study.folder, results, scores, shown)
    except OSError as error:
        raise UserError(f"{study.folder} cannot be written: {error}") from None


def command_line() -> str:
    """Returns the command that runs in this process, if it is a demo's."""
    program, *arguments = sys.argv
    if Path(program).parts[-2:] != ("demos", "__main__.py"):
        return ""
    return f"python -m demos {shlex.join(arguments)}"


def executor(options: StudyOptions) -> "Executor":
    """Chooses what runs the trials.

    Args:
        options: The command line.

    Returns:
        The executor.
    """
    if options.engine == "ray":
        return RayCluster(options.address, options.jobs)
    if options.jobs is None or options.jobs == 1:
        return SequentialExecutor()
    return Processes(options.jobs)


def best_model(
    options: ModelOptions, runs: Path, objective: str, command: str
) -> tuple[Path, "TrialRecord"]:
    """Finds the saved model to ask, and starts Keras.

    Args:
        options: The command line.
        runs: Where the studies of the task are kept.
        objective: The metric that chooses.
        command: That trains, for errors.

    Returns:
        The `.keras` file, in the folder of its study, and its trial.

    Raises:
        UserError: There is no text, no study or no such model.
    """
    from demos.study.study import best
    from demos.study.study import gather

    if isinstance(options, TextOptions) and not options.texts:
        raise UserError(
            f'Expected at least one text: {command} predict "a text" ...'
        )
    folder = options.out or latest_study(runs, command)
    results = [
        result
        for result in gather(folder)
        if options.activation in (None, result.settings["activation"])
        and "sees" not in result.settings  # No probe.
    ]
    kinds = {result.config.get("task", runs.name) for result in results}
    if kinds - {runs.name} or any(
        objective not in result.metrics for result in results
    ):
        raise UserError(
            f"{folder} holds a study of another task; train with: {command}"
        )
    # A model may have been deleted to save space.
    results = [r for r in results if (folder / f"{r.label}.keras").is_file()]
    if not results:
        whose = f" with {options.activation}" if options.activation else ""
        raise UserError(
            f"{folder} holds no trained model{whose}; train with: {command}"
        )
    chosen = best(results, objective)
    choose_backend(options.backend)
    start_keras()
    return folder / f"{chosen.label}.keras", chosen


def latest_study(runs: Path, command: str) -> Path:
    """Finds the study that was begun last, of those with a model if any.

    Args:
        runs: Where the studies of the task are kept.
        command: That trains, for errors.

    Returns:
        Its folder.

    Raises:
        UserError: There is none.
    """
    found = [path.parent for path in runs.glob("*/study.json")]
    if not found:
        raise UserError(f"{runs} holds no study; train with: {command}")

    def order(folder: Path) -> tuple[bool, float]:
        begun = (folder / "study.json").stat().st_mtime
        return any(folder.glob("*.keras")), begun

    return max(found, key=order)


def load_model(path: Path, command: str) -> Any:
    """Loads a saved model to ask it, under any backend.

    Args:
        path: The `.keras` file.
        command: That trains, for errors.

    Returns:
        The `keras.Model`. It is not compiled: the optimizer belongs to the
        backend that it trained on.

    Raises:
        UserError: It cannot be read.
    """
    import keras

    return read(
        path, lambda file: keras.saving.load_model(file, compile=False), command
    )


def load_tokenizer(path: Path, command: str) -> "Tokenizer":
    """Loads a tokenizer that a task has saved beside its models.

    Args:
        path: The `.json` file.
        command: That trains, for errors.

    Returns:
        The tokenizer.

    Raises:
        UserError: It cannot be read.
    """
    from tokenizers import Tokenizer

    return read(
        path,
        lambda file: Tokenizer.from_str(file.read_text(encoding="utf-8")),
        command,
    )


def read(
    path: Path, reader: Callable[[Path], Content], command: str
) -> Content:
    """Reads a file of a study.

    Args:
        path: The file.
        reader: Returns its content, or raises.
        command: That trains, for errors.

    Returns:
        The content.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return reader(path)
    except MemoryError:  # Not the file's fault.
        raise
    except Exception as error:  # tokenizers raises a bare Exception.
        raise UserError(
            f"{path} cannot be read: {error}; train again, into another --out, "
            f"with: {command}"
        ) from None


def open_picture(path: Path) -> "Image.Image":
    """Opens a picture, the right way up.

    Args:
        path: Of its file.

    Returns:
        The picture, red, green and blue.

    Raises:
        UserError: It is not found, or cannot be read.
    """
    from demos.datasets.images import open_image

    if not path.is_file():
        raise UserError(f"{path} is not found")
    try:
        return open_image(path)
    except MemoryError:
        raise
    except Exception:  # Of a damaged file, decoders raise anything.
        raise UserError(f"{path} cannot be read as a picture") from None


def renewed(kept: Any, fresh: Any) -> Any:
    """Uses what an earlier trial has compiled again, for a new model.

    Args:
        kept: A compiled `keras.Model` of an earlier trial; None for none.
        fresh: One that was built and compiled in the same way, and is new.

    Returns:
        `kept`, with the state of `fresh`; or that, where nothing is kept or, as
        on PyTorch, nothing is compiled.
    """
    import keras

    if kept is None or keras.backend.backend() == "torch":
        return fresh
    copy_state(fresh, kept)
    return kept


def copy_state(source: Any, target: Any) -> None:
    """Makes a compiled model what another one is, without compiling it again.

    Args:
        source: A `keras.Model`, compiled and new.
        target: One that was built and compiled in the same way, and may have
            been trained since: it gets the weights of `source`, the seeds of
            its dropout and the state of its optimizer.
    """

    def state(model: Any) -> list[Any]:
        model.optimizer.build(model.trainable_variables)
        seeds = [v for v in model.variables if "seed_generator" in v.path]
        return [*model.weights, *seeds, *model.optimizer.variables]

    for new, old in zip(state(source), state(target), strict=True):
        old.assign(new)
