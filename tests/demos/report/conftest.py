"""Records of studies, made from tables of scores."""

import numpy as np
import pytest

from demos.study.trial import TrialRecord

SCORES = {
    "relu": [0.70, 0.72, 0.71, 0.69, 0.73],
    "mish": [0.75, 0.77, 0.74, 0.76, 0.75],
    "serf": [0.76, 0.77, 0.75, 0.75, 0.77],
}


@pytest.fixture(scope="session")
def make_record():
    """A function of settings, seed and accuracy; a reason makes a failure."""

    def make(settings, seed, value=None, reason="", **further):
        if reason:
            return TrialRecord(settings, seed, "f", reason=reason, **further)
        return TrialRecord(
            settings,
            seed,
            "f",
            metrics={"accuracy": value, "loss": 1 - value},
            history={"val": [value / 2, value * 0.9, value]},
            parameters=1234,
            seconds=2.0,
            **further,
        )

    return make


@pytest.fixture(scope="session")
def make_study(make_record):
    """A function of scores by activation, shape `(seeds,)` or, over the values
    of a setting, `(seeds, values)`; NaN is a failure.
    """

    def make(scores, name="layers", values=(None,), **further):
        records = []
        for column, value in enumerate(values):
            for activation, table in scores.items():
                table = np.asarray(table, float).reshape(len(table), -1)
                settings = {"activation": activation, **further}
                if value is not None:
                    settings[name] = value
                for seed, row in enumerate(table):
                    failed = np.isnan(row[column])
                    records.append(
                        make_record(
                            settings,
                            seed,
                            float(row[column]),
                            "ValueError: no" if failed else "",
                        )
                    )
        return records

    return make


@pytest.fixture(scope="session")
def five_seeds(make_study):
    """A study of three activations in which serf is better than relu."""
    return make_study(SCORES)
