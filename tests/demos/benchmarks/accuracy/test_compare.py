"""Errors are measured against exact values, in the right units."""

import math
from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest

from demos.benchmarks.accuracy.errors import Errors
from demos.benchmarks.accuracy.exact import compare, exact
from demos.benchmarks.accuracy.inputs import numpy_dtype

pytestmark = pytest.mark.once

X = np.linspace(-20, 10, 301, dtype="float32")


def errors_of_value(x, y, reference):
    return compare("value", x, y, reference)


def exact_in_dtype(x):
    """Values that are numbers of the dtype, so that errors are whole ulps."""
    reference = exact(x)["value"]
    y = reference.values.astype(x.dtype)
    return y, replace(reference, values=y.astype("float64"))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_three_steps_are_three_ulps(dtype):
    x = X.astype(numpy_dtype(dtype))
    y, reference = exact_in_dtype(x)
    assert errors_of_value(x, y, reference).error == 0
    for _ in range(3):
        y[120] = np.nextafter(y[120], np.array(-np.inf, y.dtype))
    errors = errors_of_value(x, y, reference)
    assert (errors.error, errors.at) == (3, x[120])


def test_a_derivative_is_measured_by_its_larger_term():
    x = np.array([-1.1930599], "float32")  # f' is 0 here, its terms are not.
    reference = exact(x)["derivative"]
    y = reference.values + 3 * 2**-23 * 2 * 0.292057  # G = f/x at the minimum.
    errors = compare("derivative", x, y, reference)
    assert errors.error == pytest.approx(3, rel=1e-4)


def test_nonfinite_results_are_counted_and_do_not_hide_the_error():
    x = np.append(X, np.array([-np.inf, np.inf, np.nan], "float32"))
    y, reference = exact_in_dtype(x)
    y[-3:] = np.nan, np.inf, np.nan
    y[[10, 290]] = np.nan
    y[285] = np.inf
    y[120] = np.nextafter(y[120], np.float32(1))
    errors = errors_of_value(x, y, reference)
    assert errors.inputs == X.size
    assert (errors.nonfinite, errors.example) == (3, X[285])
    assert (errors.error, errors.at) == (1, X[120])
    assert errors.limits == ("f(-inf) = nan",)


def test_tails_may_be_flushed_to_zero_but_not_be_wrong():
    x = np.array([-88.0, -90.0, -1e30], "float32")
    reference = exact(x)["value"]
    flushed = errors_of_value(x, np.zeros(3), reference)
    assert (flushed.error, flushed.at) == (0, None)
    assert 0 < flushed.flushed <= 1
    wrong = errors_of_value(x, np.full(3, -1e-35), reference)
    assert wrong.flushed > 1


def test_the_smallest_normal_numbers_may_not_be_flushed():
    x = np.array([2e-38, 1.0], "float32")
    reference = exact(x)["value"]
    y = reference.values.astype("float32")
    y[0] = 2e-38  # As if a product had been flushed to zero.
    errors = errors_of_value(x, y, reference)
    assert errors.error > 1e6
    assert errors.at == x[0]


def test_errors_of_parts_add_up_to_those_of_the_whole():
    x = np.append(X, np.array([-np.inf, np.nan], "float32"))
    y = exact(x)["value"].values.astype("float32")
    y[40] = np.nan

    def errors(part):
        return errors_of_value(x[part], y[part], exact(x[part])["value"])

    parts = [errors(slice(k, k + 101)) for k in (0, 101, 202)]
    assert sum(parts, Errors()) == errors(slice(None))


def test_references_agree_with_high_precision():
    def f(x):
        return x * mp.erf(mp.log1p(mp.exp(x)))

    x = np.array([-30.0, -3.0, -0.5, 0.0, 1e-6, 2.0, 7.0], "float32")
    with mp.workdps(30):
        for order, reference in enumerate(exact(x).values()):
            np.testing.assert_allclose(
                reference.values,
                [float(mp.diff(f, mp.mpf(float(v)), order)) for v in x],
                rtol=1e-12,
                atol=1e-20,
            )


def test_float64_is_judged_beyond_its_own_rounding():
    x = np.array([-300.0, -1.0, 0.3, 5.0, 100.0, math.inf])
    references = exact(x)
    for quantity, limit in (("value", 100.0), ("derivative", 1.0)):
        reference = references[quantity]
        nearest = np.append(reference.values[:-1], limit)
        errors = compare(quantity, x, nearest, reference)
        assert 0 < errors.error <= 0.5
    assert references["value"].values[4] == 100
