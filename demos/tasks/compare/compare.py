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
from demos.tasks.study import conduct, folder_by, tune_settings, with_notes

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

    At the same seed all activations have the same initial weights (as far as
    `build_model` leaves them to Keras' seed), the same order of the data and
    the same splits. The weights of the best epoch on the validation split are
    kept, and scored once on the test split.

    Args:
        build_model: A function that is called as `build_model(activation)`,
            with the name, and returns a new compiled `keras.Model`; what `vary`
            names is passed by name. With `jobs` it is sent to other processes.
        data: `(x, y)`, of which a random 15% are for validation and 15% for
            testing, the same for all trials; or `((x_train, y_train), (x_test,
            y_test))`, as `keras.datasets` has it, with 15% of the training rows
            for validation; or three such pairs, with the validation split in
            the middle; or a dictionary of `"train"`, `"validation"` and
            `"test"`. `x` and `y` are arrays, or lists or dictionaries of
            arrays, with a row an example.
        activations: Names of activations: `"serf"`, and any that Keras knows.
        seeds: Random seeds: each activation is trained once with each. A
            verdict needs at least three.
        reference: The activation that is compared with each other one.
        margin: The smallest difference that matters, in points of a score in
            percent, or in units of a loss: below it, activations count as
            equivalent. By default 1 point, and 5% of the trivial baseline's
            loss.
        baseline: A value of the metric that a trained model must beat; by
            default that of the best constant prediction (majority class, mean
            or median of the targets).
        tune: Values of arguments of `build_model`, by name, of which each
            activation gets the one that is best on the validation split.
        tune_seeds: Random seeds of the trials that tune; none of `seeds`.
        resplit: Draws the split of `(x, y)` anew with each seed, so that the
            intervals cover the choice of the data too.
        epochs: Number of epochs.
        batch_size: Batch size. An incomplete batch at the end of an epoch is
            dropped; its rows are others each time.
        metric: Name of the metric to compare, one that the model is compiled
            with, or `"loss"`; by default the first one.
        mode: Whether the metric should be high (`"max"`) or low (`"min"`); by
            default, known names decide.
        vary: Values of arguments of `build_model`, of `epochs` or
            `batch_size`, by name: numbers, strings or booleans. The study runs
            in all combinations.
        out: Output folder; by default in `runs/compare/`. The same call, made
            again, resumes the study. Another study is begun where the data, the
            config or the compilation of the model has changed; after any other
            change of the code, choose another folder.
        jobs: Number of processes that train in parallel.
        engine: `"ray"` to train on a Ray cluster.
        address: Address of its head node.
        tensorboard: Whether to write TensorBoard logs.

    Returns:
        The report, which a notebook shows; its `folder` holds `report.html`,
        tables, figures, and the best model of each activation. Its verdict and
        its path are printed.

    Raises:
        UserError: An argument is invalid, or no trial finished.

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
    report.verdicts  # Such as {"relu": "equivalent"}
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
        lambda folder, records: with_notes(
            task.presentation(folder, records), notes, chosen
        ),
        {},
    )
    print(f"{report.findings[0]}\nreport: {report.folder / 'report.html'}")
    return report


def _values(name: str, values: Any) -> tuple[Any, ...]:
    """Makes a tuple of plain values, at least one, without repeats."""
    if isinstance(values, str | int | float):
        raise UserError(f"{name} must be a list. Received: {values!r}")
    plain = tuple(v.item() if isinstance(v, np.generic) else v for v in values)
    for value in plain:
        if not isinstance(value, str | int | float) or "/" in str(value):
            raise UserError(
                f"{name} must hold numbers, booleans or strings without a "
                f"slash. Received: {value!r}"
            )
    check_unique(name, plain)
    return plain
