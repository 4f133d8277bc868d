"""`compare`: activations in a Keras model of your own, on your data."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from demos.common.errors import UserError
from demos.report.types import Report
from demos.study.resplit import ResplitTask
from demos.study.study import grid
from demos.study.sweep import OTHER
from demos.study.trial import Task, Trial
from demos.study.tuning import TunedTask
from demos.tasks.compare.baselines import trivial_baseline
from demos.tasks.compare.data import split
from demos.tasks.compare.model_task import TRAINING, ModelTask, built
from demos.tasks.demo import start_training
from demos.tasks.options import StudyOptions, check_study, check_unique
from demos.tasks.study import conduct, folder_by, tune_settings

RUNS = Path("runs", "compare")


def compare(
    build_model: Callable[..., keras.Model],
    data: Any,
    activations: Sequence[str] = ("relu", "silu", "serf"),
    seeds: Iterable[int] = range(5),
    *,
    reference: str = "serf",
    margin: float | None = None,
    baseline: float | None = None,
    tune: Mapping[str, Sequence[Any]] | None = None,
    tune_seeds: Iterable[int] = (1000, 1001, 1002),
    resplit: bool = False,
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
) -> Report:
    """Trains your model with each activation and seed, and reports.

    For each seed, all activations have the same initial weights (if
    `build_model` takes them from Keras' seed), data order and splits. Each
    model keeps the weights of its best epoch on the validation split, and is
    scored once on the test split.

    Args:
        build_model: A function `build_model(activation)` that gets the name and
            returns a new compiled `keras.Model`. The arguments in `vary` and
            `tune` are passed by name. With `jobs`, the function is sent to
            other processes.
        data: `(x, y)`, with a random 15% for validation and 15% for testing,
            the same for all trials; or `((x_train, y_train), (x_test,
            y_test))`, as in `keras.datasets`, with 15% of the training rows for
            validation; or three such pairs, with the validation split second;
            or a dictionary with `"train"`, `"validation"` and `"test"`. `x` and
            `y` are arrays, or lists or dictionaries of arrays, with one row per
            example.
        activations: Names of activations: `"serf"`, or any that Keras knows.
        seeds: Random seeds. Each activation is trained once with each seed. A
            verdict needs at least three.
        reference: The activation that is compared with each of the others.
        margin: The smallest difference that matters, in points of a score in
            percent, or in units of a loss. Smaller differences count as
            equivalent. The default is 1 point, or 5% of the trivial baseline's
            loss.
        baseline: A value of the metric that a trained model must beat. The
            default is that of the best constant prediction (majority class,
            mean or median of the targets).
        tune: Values of arguments of `build_model`, by name. Each activation
            uses the value that is best on the validation split.
        tune_seeds: Random seeds of the tuning trials, different from `seeds`.
        resplit: Whether to draw a new split of `(x, y)` for each seed, so that
            the intervals also cover the choice of the data.
        epochs: Number of epochs.
        batch_size: Batch size. An incomplete batch at the end of an epoch is
            dropped, with different rows in each epoch.
        metric: Name of the metric to compare: a metric of the compiled model,
            or `"loss"`. The default is the first one.
        mode: `"max"` if higher values of the metric are better, `"min"` if
            lower ones are; by default, this depends on its name.
        vary: Values of arguments of `build_model`, of `epochs` or of
            `batch_size`, by name: numbers, strings or booleans. The study runs
            all combinations.
        out: Output folder; by default in `runs/compare/`. Repeat the call to
            resume the study. If the data, the config or the compilation of the
            model changes, a new study begins; after any other change of the
            code, choose another folder.
        jobs: Number of processes that train in parallel.
        engine: `"ray"` to train on a Ray cluster.
        address: Address of the Ray head node.
        tensorboard: Whether to write TensorBoard logs.

    Returns:
        The report, which a notebook displays. Its `folder` has `report.html`,
        tables, figures, and the best model of each activation. The verdict and
        the path are printed.

    Raises:
        UserError: If an argument is invalid or no trial finished.

    Example:

    ```python
    import keras
    from sklearn.datasets import load_digits

    from demos import compare

    def build_model(activation):
        hidden = keras.layers.Dense(64, activation)
        model = keras.Sequential([hidden, keras.layers.Dense(10, "softmax")])
        loss = "sparse_categorical_crossentropy"
        model.compile("adam", loss, metrics=["accuracy"])
        return model

    x, y = load_digits(return_X_y=True)
    report = compare(build_model, (x / 16, y), ["relu", "serf"])
    report.verdicts  # For example {"relu": "equivalent"}
    ```
    """
    axes, tuned_axes = (
        {
            name: _values(f"{argument}[{name!r}]", values)
            for name, values in (given or {}).items()
        }
        for argument, given in (("vary", vary), ("tune", tune))
    )
    if taken := {"seed", *OTHER} & {*axes, *tuned_axes}:
        raise UserError(f"vary and tune cannot name {taken.pop()!r}")
    if twice := axes.keys() & tuned_axes.keys():
        raise UserError(f"vary and tune both name {twice.pop()!r}")
    names = _values("activations", activations)
    if not all(isinstance(name, str) for name in names):
        raise UserError(
            f"activations must be names, such as 'relu'. Received: {names}"
        )
    numbers = _values("seeds", seeds)
    if not all(isinstance(seed, int) for seed in numbers):
        raise UserError(f"seeds must be integers. Received: {numbers}")
    for name, given in zip(TRAINING, (epochs, batch_size), strict=True):
        for value in (given, *axes.get(name, ()), *tuned_axes.get(name, ())):
            if not isinstance(value, int) or value < 1:
                raise UserError(
                    f"{name} must be an integer, at least 1. "
                    f"Received: {value!r}"
                )
    options = StudyOptions(
        activations=names,
        seeds=numbers,
        reference=reference,
        margin=margin,
        tune=tuple(f"{name}=..." for name in tuned_axes),
        tune_seeds=_values("tune_seeds", tune_seeds),
        resplit=resplit,
        out=None if out is None else Path(out),
        jobs=jobs,
        engine=engine,
        address=address,
        tensorboard=tensorboard,
    )
    check_study(options, RUNS)
    start_training(options)
    trials = grid({"activation": options.activations, **axes}, options.seeds)
    first = Trial(
        {**{k: v[0] for k, v in tuned_axes.items()}, **trials[0].settings},
        trials[0].seed,
    )
    task = ModelTask.create(
        build_model, split(data), epochs, batch_size, metric, mode, first
    )
    folder = folder_by(RUNS / task.name, axes)
    trained: Task = task
    if resplit:
        trained = ResplitTask(
            task, lambda seed: replace(task, data=split(data, seed))
        )
    chosen: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    if tuned_axes:
        tuning = grid({"activation": names, **tuned_axes}, options.tune_seeds)
        chosen, notes = tune_settings(
            trained, tuning, tuned_axes, options, folder, trained.config()
        )
        trained = TunedTask(trained, chosen)

    def baselines() -> dict[str, dict[str, float]]:
        if baseline is not None:
            return {"baseline": {task.metrics[0]: baseline}}
        return trivial_baseline(
            built(build_model, first, task.data["train"]),
            task.data["train"],
            task.data["test"],
            task.metrics[0],
            task.higher_is_better,
        )

    report = conduct(
        trained,
        trials,
        options,
        folder,
        {**trained.config(), "varied": sorted(axes)},
        task.describe(),
        baselines,
        task.presentation,
        notes,
        chosen,
        {},
    )
    print(f"{report.findings[0]}\nreport: {report.folder / 'report.html'}")
    return report


def _values(name: str, values: Any) -> tuple[Any, ...]:
    """Returns a tuple of at least one plain value, without repeats."""
    if isinstance(values, str | int | float):
        raise UserError(f"{name} must be a list. Received: {values!r}")
    plain = tuple(v.item() if isinstance(v, np.generic) else v for v in values)
    for value in plain:
        if not isinstance(value, str | int | float) or "/" in str(value):
            raise UserError(
                f"{name} must contain numbers, booleans, or strings without a "
                f"slash. Received: {value!r}"
            )
    check_unique(name, plain)
    return plain
