"""Compares activations: in a demo's task, or in a model and on data of yours.

`python -m demos compare --task sentiment ...` runs a task's study;
`compare(build_model, data)` one of any Keras model.
"""

import contextlib
import hashlib
import importlib
import inspect
import json
import re
import tempfile
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal

from demos.common.backend import clear_session
from demos.common.errors import UserError
from demos.study.sweep import OTHER
from demos.tasks import command
from demos.tasks.command import StudyOptions

if TYPE_CHECKING:
    from demos.report import report
    from demos.study.trial import Trial
    from demos.study.trial import TrialContext
    from demos.study.trial import TrialResult

COMMAND = "python -m demos compare"
RUNS = Path("runs", "compare")
TASKS = {
    name: f"demos.{name}"
    for name in (
        "sentiment",
        "translation",
        "entailment",
        "classification",
        "detection",
    )
}
SPLITS = ("train", "validation", "test")
# Of data that come without: which part of the rows is validation, and test.
HELD_OUT = 0.15
TRAINING = ("epochs", "batch_size")  # What `vary` may name, besides arguments.
# What is in the names of metrics that are to be small, and to be great.
LOWER_IS_BETTER = re.compile(
    "loss|error|crossentropy|perplexity|divergence|distance|hinge|poisson|"
    r"false_|log_?cosh|brier|(\b|_)(mae|mse|mape|msle|rmse|wer|cer|fid)(\b|_)",
    re.IGNORECASE,
)
HIGHER_IS_BETTER = re.compile(
    "acc|auc|precision|recall|sensitivity|specificity|f1|f_?beta|f_?score|iou|"
    r"dice|jaccard|r2|cosine|true_|bleu|rouge|chrf|kappa|matthews|(\b|_)map(\b|_)",
    re.IGNORECASE,
)

NOT_SAVED = "Keras cannot save such a model (get_config?), so none is kept"

Arrays = tuple[Any, Any]  # Inputs and targets: arrays or structures of arrays.


def main(arguments: Sequence[str]) -> int:
    """Runs `python -m demos compare --task TASK ...`.

    Args:
        arguments: What follows `compare`.

    Returns:
        The exit code.

    Raises:
        UserError: The input is at fault, or no trial was finished.
    """
    from demos.common.cli import option_values

    known = ", ".join(TASKS)
    rest = list(arguments)
    tasks = option_values(rest, "--task")
    if not tasks:
        if {"-h", "--help"} & set(rest):
            print(
                f"usage: {COMMAND} --task TASK [options]\n\nCompares "
                "activations in a task on several seeds, and says which is "
                f"better, if any.\n\nTASK is of {known}; {COMMAND} --task TASK "
                "--help explains its options."
            )
            return 0
        raise UserError(f"Expected --task to be of {known}. Received none")
    if tasks[0] not in TASKS:
        raise UserError(
            f"Expected --task to be of {known}. Received: {tasks[0]!r}"
        )
    while "--task" in rest:
        place = rest.index("--task")
        del rest[place : place + 2]
    rest = [text for text in rest if not text.startswith("--task=")]
    if rest[:1] == ["predict"]:
        raise UserError(f"predict is asked of: python -m demos {tasks[0]}")
    return importlib.import_module(TASKS[tasks[0]]).main(rest)


def compare(
    build_model: Callable[..., Any],
    data: Any,
    activations: Sequence[str] = ("relu", "gelu", "silu", "mish", "serf"),
    seeds: Iterable[int] = range(5),
    *,
    epochs: int = 10,
    batch_size: int = 32,
    metric: str | None = None,
    mode: Literal["auto", "max", "min"] = "auto",
    vary: Mapping[str, Sequence[Any]] | None = None,
    out: str | Path | None = None,
    jobs: int | None = None,
    engine: Literal["local", "ray"] = "local",
    address: str | None = None,
    tensorboard: bool = False,
) -> "report.Report":
    """Trains a model of yours with each activation and seed, and reports.

    At the same seed all activations have the same initial weights (as far as
    `build_model` leaves them to Keras' seed), the same order of the data and
    the same splits. Of each trial the best epoch on the validation is kept and
    scored once on the test.

    Args:
        build_model: Is called as `build_model(activation)`, with the name, and
            returns a new compiled `keras.Model`, which shares no weights and no
            optimizer with the last one; what `vary` names is passed on by
            name. With `jobs` it is sent to other processes.
        data: `(x, y)`, of which 15% become the validation and 15% the test, by
            one shuffle for all; or `((x_train, y_train), (x_test, y_test))`, as
            `keras.datasets` has it, whose validation is 15% of the training
            rows; or three such pairs, with the validation in the middle; or a
            dictionary of `"train"`, `"validation"` and `"test"`. `x` and `y`
            are arrays, or lists or dictionaries of arrays, with a row an
            example.
        activations: Names that Keras knows, and serf.
        seeds: One trial of each activation is run for each of these; a verdict
            wants three at least.
        epochs: Passes over the training rows.
        batch_size: Rows a step; those left over at the end of an epoch, which
            are others each time, are not served in it.
        metric: What is compared: a metric that the model is compiled with, or
            `"loss"`; by default the first one.
        mode: Whether it is to be high (`"max"`) or low (`"min"`); by default
            that is told by its name, if that is one of the usual ones.
        vary: Values to try of arguments of `build_model`, of `epochs` or
            `batch_size`, by name: numbers, strings or booleans. All are
            combined.
        out: Folder to write; by default in `runs/compare/`. The same call, made
            again, goes on where it was stopped. It is taken for another one if
            the data, the model's config or compilation, or the code of
            `build_model` and of the functions beside it has changed; if
            anything else has, choose another folder.
        jobs: Processes that run trials side by side.
        engine: `"ray"` to run them on a Ray cluster.
        address: Of its head.
        tensorboard: Whether to write logs for TensorBoard.

    Returns:
        The report, which a notebook shows; its `folder` holds `report.html`,
        tables, figures, and the best model of each activation.

    Raises:
        UserError: The input is at fault, or no trial was finished.

    Example:

    ```python
    import keras
    from sklearn.datasets import load_diabetes

    from demos.tasks.compare.task import compare

    def build_model(activation):
        hidden = keras.layers.Dense(64, activation)
        model = keras.Sequential([hidden, keras.layers.Dense(1)])
        model.compile("adam", "mse")
        return model

    compare(build_model, load_diabetes(return_X_y=True), ["relu", "serf"])
    ```
    """
    from demos.study.study import grid

    axes = {
        name: _values(f"vary[{name!r}]", values)
        for name, values in (vary or {}).items()
    }
    if taken := {"seed", *OTHER} & axes.keys():
        raise UserError(
            f"Expected vary to be of other things. Received: {taken.pop()!r}"
        )
    names = _values("activations", activations)
    if not all(isinstance(name, str) for name in names):
        raise UserError(
            "Expected activations to be names, such as 'relu'. Received: "
            f"{names}"
        )
    numbers = _values("seeds", seeds)
    if not all(isinstance(seed, int) for seed in numbers):
        raise UserError(f"Expected seeds to be integers. Received: {numbers}")
    for name, given in zip(TRAINING, (epochs, batch_size), strict=True):
        for value in (given, *axes.get(name, ())):
            if not isinstance(value, int) or value < 1:
                raise UserError(
                    f"Expected {name} to be a number, at least 1. "
                    f"Received: {value!r}"
                )
    options = StudyOptions(
        activations=names,
        seeds=numbers,
        out=None if out is None else Path(out),
        jobs=jobs,
        engine=engine,
        address=address,
        tensorboard=tensorboard,
    )
    command.prepare(options, RUNS)
    command.start_training(options)
    trials = grid({"activation": options.activations, **axes}, options.seeds)
    task = ModelTask.of(
        build_model, split(data), epochs, batch_size, metric, mode, trials[0]
    )
    return command.conduct(
        task,
        trials,
        options,
        command.usual_folder(RUNS / task.name, axes),
        {**task.config(), "varied": sorted(axes)},
        task.description,
        dict,
        lambda folder, results: task.presentation(),
    )


@dataclass(frozen=True)
class ModelTask:
    """Trains and scores one model of a user's.

    Attributes:
        build_model: Of an activation, and of what is varied.
        data: Inputs and targets by split.
        epochs: Passes over the training rows.
        batch_size: Rows a step.
        metrics: Names of those that the model is compiled with, and `"loss"`;
            the first is compared.
        higher_is_better: Which way it is to go.
        name: Of the model.
        digest: Of the model, the code that builds it, and the data.
        can_be_saved: Whether the best models are kept.
    """

    build_model: Callable[..., Any]
    data: Mapping[str, Arrays]
    epochs: int
    batch_size: int
    metrics: tuple[str, ...]
    higher_is_better: bool
    name: str
    digest: str
    can_be_saved: bool

    objective = "objective"

    @classmethod
    def of(
        cls,
        build_model: Callable[..., Any],
        data: Mapping[str, Arrays],
        epochs: int,
        batch_size: int,
        metric: str | None,
        mode: str,
        trial: "Trial",
    ) -> "ModelTask":
        """Makes a task, and finds out all that the model knows.

        Args:
            build_model: Of an activation, and of what is varied.
            data: Inputs and targets by split.
            epochs: Passes over the training rows.
            batch_size: Rows a step.
            metric: Name of what is compared.
            mode: `"auto"`, `"max"` or `"min"`.
            trial: Any one.

        Returns:
            The task.

        Raises:
            UserError: The model, its metric or a number cannot be.
        """
        import numpy as np

        if mode not in ("auto", "max", "min"):
            raise UserError(
                "Expected mode to be 'auto', 'max' or 'min'. "
                f"Received: {mode!r}"
            )
        clear_session()  # Or its name would count its kind.
        model = _built(build_model, trial, data["train"])
        _check_apart(model, _built(build_model, trial, data["train"]))
        few = [_rows(part, slice(0, 2)) for part in data["train"]]
        digest = _digest(model, build_model, data)
        scores = model.evaluate(*few, verbose=0, return_dict=True)
        known = list(scores)
        for name, score in scores.items():
            if np.ndim(score):
                raise UserError(
                    f"Expected metric {name!r} to be one number, such as an "
                    f"average. Received: shape {np.shape(score)}"
                )
        first = metric or next((k for k in known if k != "loss"), "loss")
        if first not in known:
            raise UserError(
                f"Expected metric to be one that the model is compiled with: "
                f"{', '.join(known)}. Received: {metric!r}"
            )
        lower, higher = (
            bool(words.search(first))
            for words in (LOWER_IS_BETTER, HIGHER_IS_BETTER)
        )
        if mode == "auto" and lower == higher:
            raise UserError(
                "Expected mode to be 'max' or 'min', for the name of metric "
                f"{first!r} does not tell which is better. Received: 'auto'"
            )
        return cls(
            build_model,
            data,
            epochs,
            batch_size,
            (first, *(name for name in known if name != first)),
            mode == "max" or (mode == "auto" and higher),
            model.name,
            digest,
            _can_be_saved(model),
        )

    @property
    def description(self) -> str:
        """Name and sizes, in a line."""
        train, validation, test = (_count(self.data[name]) for name in SPLITS)
        return (
            f"{self.name}: {train} rows to train on, {validation} to validate, "
            f"{test} to test" + ("" if self.can_be_saved else "; " + NOT_SAVED)
        )

    def config(self) -> dict[str, Any]:
        """Returns all that decides a trial's result, besides the trial."""
        import keras

        return {
            "task": "compare",
            "model": self.name,
            "digest": self.digest,
            "rows": {name: _count(self.data[name]) for name in SPLITS},
            "training": {name: getattr(self, name) for name in TRAINING},
            "dtype_policy": keras.config.dtype_policy().name,
            "metrics": list(self.metrics),
            "higher_is_better": self.higher_is_better,
        }

    def run(self, trial: "Trial", context: "TrialContext") -> "TrialResult":
        """Trains one model and scores it once on the test.

        Args:
            trial: Its settings hold the `activation`, and what is varied.
            context: Who is told of each epoch, and folders.

        Returns:
            The model's metrics on the test and, as `validation_...`, on the
            validation, at the epoch kept, and all curves.

        Raises:
            DivergedError: The loss is not finite.
        """
        import keras

        from demos.study.trial import TrialResult
        from demos.training.batches import ArrayBatches
        from demos.training.fit import fit

        clear_session()
        keras.utils.set_random_seed(trial.seed)
        model = _built(self.build_model, trial, self.data["train"])
        batch_size = trial.settings.get("batch_size", self.batch_size)
        history = fit(
            model,
            ArrayBatches(*self.data["train"], batch_size, trial.seed),
            validation_data=self.data["validation"],
            validation_batch_size=batch_size,
            epochs=trial.settings.get("epochs", self.epochs),
            context=context,
            monitor=f"val_{self.metrics[0]}",
            mode="max" if self.higher_is_better else "min",
        )
        test, validation = (
            model.evaluate(
                *self.data[part],
                batch_size=batch_size,
                verbose=0,
                return_dict=True,
            )
            for part in ("test", "validation")
        )
        sign = 1 if self.higher_is_better else -1
        return TrialResult(
            {
                **test,
                **{f"validation_{k}": value for k, value in validation.items()},
                "objective": sign * validation[self.metrics[0]],
            },
            history,
            model.count_params(),
            model.save if self.can_be_saved else None,
        )

    def save_assets(self, folder: Path) -> None:
        """Writes nothing: the models are all there is."""

    def presentation(self) -> "report.Presentation":
        """Says how the report is to call things.

        Returns:
            Titles, metrics and notes.
        """
        from demos.report import report

        first = self.metrics[0]
        return report.Presentation(
            title=f"Comparison: {self.name}",
            metrics=tuple(
                report.Metric(
                    name,
                    name.replace("_", " "),
                    self.higher_is_better
                    if name == first
                    else not LOWER_IS_BETTER.search(name),
                )
                for name in self.metrics
            ),
            curve=f"val_{first}",
            curve_label=f"validation {first.replace('_', ' ')}",
            notes=(self.description,),
        )


def split(data: Any) -> dict[str, Arrays]:
    """Parts data into what is trained on, validated and tested.

    Args:
        data: As `compare` takes it.

    Returns:
        Inputs and targets by split.

    Raises:
        UserError: They cannot be read as such, or have too few rows.

    Example:

    >>> import numpy as np
    >>> parts = split((np.zeros((100, 3)), np.zeros(100)))
    >>> {name: len(y) for name, (x, y) in parts.items()}
    {'train': 70, 'validation': 15, 'test': 15}
    """
    if isinstance(data, Mapping):
        if set(data) != set(SPLITS):
            raise UserError(
                f"Expected data to have the keys {', '.join(SPLITS)}. "
                f"Received: {', '.join(map(str, data))}"
            )
        parts = [data[name] for name in SPLITS]
    elif isinstance(data, tuple) and all(map(_is_pair, data)):
        parts = list(data)
    else:
        parts = [data]
    if not 1 <= len(parts) <= 3 or not all(map(_is_pair, parts)):
        raise UserError(
            "Expected data to be (x, y), or two or three such pairs, or a "
            f"dictionary of {', '.join(SPLITS)}. Received: "
            f"{type(data).__name__}"
        )
    parts = [_arrays(part) for part in parts]
    if len(parts) == 1:
        rest, test = _part(parts[0], HELD_OUT)
        parts = [*_part(rest, HELD_OUT / (1 - HELD_OUT)), test]
    elif len(parts) == 2:
        parts = [*_part(parts[0], HELD_OUT), parts[1]]
    return dict(zip(SPLITS, parts, strict=True))


def _is_pair(part: Any) -> bool:
    return isinstance(part, tuple) and len(part) == 2


def _arrays(part: Arrays) -> Arrays:
    """Makes NumPy arrays of all, and checks that they have the same rows."""
    import keras
    import numpy as np

    def plain(each: Any) -> Any:
        # A list of inputs, or the rows of one.
        if isinstance(each, list) and not all(
            hasattr(e, "shape") for e in each
        ):
            return np.asarray(each)
        return each

    found = keras.tree.map_structure(
        lambda array: np.asarray(keras.ops.convert_to_numpy(array)),
        tuple(map(plain, part)),
    )
    counts = [
        array.shape[0] if array.ndim else 0
        for array in keras.tree.flatten(found)
    ]
    if len(set(counts)) != 1 or counts[0] < 1:
        raise UserError(
            "Expected x and y to have the same number of rows, at least 1. "
            f"Received: {', '.join(map(str, counts)) or 'none'}"
        )
    return found


def _part(part: Arrays, fraction: float) -> tuple[Arrays, Arrays]:
    """Takes a part of the rows away, by a shuffle that never changes."""
    import numpy as np

    count = _count(part)
    held = round(fraction * count)
    if not 0 < held < count:
        raise UserError(
            f"Expected data to have enough rows to be split. Received: {count}"
        )
    order = np.random.default_rng(0).permutation(count)
    kept, away = order[held:], order[:held]
    return _rows(part, kept), _rows(part, away)


def _rows(part: Any, rows: Any) -> Any:
    import keras

    return keras.tree.map_structure(lambda array: array[rows], part)


def _count(part: Arrays) -> int:
    import keras

    return len(keras.tree.flatten(part)[0])


def _built(
    build_model: Callable[..., Any], trial: "Trial", train: Arrays
) -> Any:
    """Builds the model of a trial.

    Raises:
        UserError: It is none, or not compiled.
    """
    import keras

    arguments = {
        name: value
        for name, value in trial.settings.items()
        if name not in ("activation", *TRAINING)
    }
    try:
        inspect.signature(build_model).bind("relu", **arguments)
    except TypeError as error:
        raise UserError(
            "Expected build_model to take the activation and, by name, what "
            f"is varied: {error}"
        ) from None
    model = build_model(trial.settings["activation"], **arguments)
    if not isinstance(model, keras.Model):
        raise UserError(
            "Expected build_model to return a keras.Model. Received: "
            f"{type(model).__name__}"
        )
    if not model.compiled:
        raise UserError(
            "Expected build_model to return a compiled model: call its "
            "compile(optimizer, loss, metrics=[...]) first"
        )
    if not model.built:
        model(_rows(train[0], slice(0, 1)))
    return model


def _values(name: str, values: Any) -> tuple[Any, ...]:
    """Makes plain values of what is given, each once.

    Raises:
        UserError: They are none, not plain, or not several.
    """
    import numpy as np

    if isinstance(values, str | int | float):
        raise UserError(
            f"Expected {name} to be several values. Received: {values!r}"
        )
    found = tuple(v.item() if isinstance(v, np.generic) else v for v in values)
    for value in found:
        if not isinstance(value, str | int | float) or "/" in str(value):
            raise UserError(
                f"Expected {name} to be numbers, booleans or strings without "
                f"a slash. Received: {value!r}"
            )
    if not found or len(set(found)) < len(found):
        raise UserError(
            f"Expected {name} to be at least one, each once. Received: "
            f"{', '.join(map(str, found)) or 'none'}"
        )
    return found


def _check_apart(model: Any, other: Any) -> None:
    """Checks that two models are trained apart.

    Raises:
        UserError: They share weights, or the optimizer.
    """
    ours = {id(variable) for variable in model.variables}
    shared = any(id(variable) in ours for variable in other.variables)
    if shared or model.optimizer is other.optimizer:
        what = "weights" if shared else "the optimizer"
        raise UserError(
            "Expected build_model to return a new model each time. Received "
            f"two that share {what}: a trial would go on where another ended"
        )


def _can_be_saved(model: Any) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            model.save(Path(folder, "model.keras"))
        except Exception:  # Keras raises what its layers do.
            return False
    return True


def _digest(
    model: Any, build_model: Callable[..., Any], data: Mapping[str, Arrays]
) -> str:
    """Identifies a model, the code that builds it, and data."""
    import keras
    import numpy as np

    def described(describe: Callable[[], Any]) -> Any:
        try:
            return describe()
        except Exception:  # A class without `get_config`, or a faulty one.
            return None

    found = hashlib.sha256()
    parts = [
        type(model).__qualname__,
        [list(weight.shape) for weight in model.weights],
        described(model.get_config),
        described(model.get_compile_config),
        _sources(build_model, set()),
    ]
    # What JSON does not know is told by its class: where it lies in memory is
    # another matter in each process.
    text = json.dumps(
        parts, sort_keys=True, default=lambda each: type(each).__qualname__
    )
    found.update(text.encode())
    for array in keras.tree.flatten([data[name] for name in SPLITS]):
        found.update(f"{array.dtype} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def _sources(function: Any, seen: set[str]) -> list[str]:
    """Returns the code of a function, and of those beside it that it names."""
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None or code.co_qualname in seen:
        return []
    seen.add(code.co_qualname)
    try:
        found = [inspect.getsource(function)]
    except (OSError, TypeError):  # Typed into an interpreter.
        found = [code.co_code.hex(), repr(code.co_consts)]
    for name in code.co_names:
        named = function.__globals__.get(name)
        if getattr(named, "__module__", None) == function.__module__:
            if inspect.isclass(named):
                with contextlib.suppress(OSError, TypeError):
                    found.append(inspect.getsource(named))
            elif inspect.isfunction(named):
                found += _sources(named, seen)
        elif isinstance(named, str | int | float):
            found.append(f"{name}={named!r}")
    return found
