"""The paper's mathematics: against 40 digits, and as properties of any x."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_serf import theory

reals = st.floats(-700, 1e300)
moderate = st.floats(-30, 30)


def exact(x):
    """Returns f, f', f'' at `x` as mpmath differentiates the definition."""
    with mp.workdps(40):
        values = mp.taylor(
            lambda x: x * mp.erf(mp.log1p(mp.exp(x))), mp.mpf(x), 2
        )
        return values[0], values[1], 2 * values[2]


@pytest.mark.parametrize("x", [-80.0, -20.0, -5.0, -1.2, -0.1, 0.0, 0.7, 3, 6])
def test_derivatives_are_those_of_the_definition(x):
    f, first, second = exact(x)
    assert theory.serf(x) == pytest.approx(float(f), rel=4e-16, abs=0)
    assert theory.derivative(x) == pytest.approx(float(first), rel=1e-13)
    assert theory.second_derivative(x) == pytest.approx(
        float(second), rel=4e-14
    )


@given(moderate.filter(lambda x: abs(x) > 1e-300))
def test_preconditioner_identity(x):
    right = theory.preconditioner(x) * theory.swish(x) + theory.serf(x) / x
    assert theory.derivative(x) == pytest.approx(right, rel=1e-12, abs=1e-14)


@given(reals)
def test_bounds(x):
    f = theory.serf(x)
    assert max(theory.MINIMUM[1] * (1 + 1e-15), min(x, 0)) <= f <= max(x, 0)
    assert -0.13 < theory.derivative(x) < 1.09
    # Non-zero wherever float64 can tell it from 0: no unit is ever dead.
    assert f != 0 or abs(x) < 1e-300


@given(moderate, moderate)
def test_monotone_on_either_side_of_the_minimum(x, y):
    low, high = sorted([x, y])
    f = theory.serf
    slack = 4e-16
    if theory.MINIMUM[0] <= low:
        assert f(low) <= f(high) + slack * (1 + abs(high))
    if high <= theory.MINIMUM[0]:
        assert f(low) >= f(high) - slack


def test_minimum():
    x, f = theory.MINIMUM
    with mp.workdps(40):
        root = mp.findroot(lambda x: exact(x)[1], -1.2)
        assert (x, f) == (float(root), float(exact(root)[0]))


def test_ends():
    ends = [-np.inf, np.inf, np.nan]
    np.testing.assert_array_equal(theory.serf(ends), [0, np.inf, np.nan])
    np.testing.assert_array_equal(theory.derivative(ends), [0, 1, np.nan])
    np.testing.assert_array_equal(
        theory.second_derivative(ends), [0, 0, np.nan]
    )
    np.testing.assert_array_equal(theory.swish(ends), [0, np.inf, np.nan])
    np.testing.assert_array_equal(
        theory.preconditioner(ends), [2 / np.sqrt(np.pi), 0, np.nan]
    )


@pytest.mark.parametrize("sigma", [0.1, 1.0, 2.0])
def test_second_moment(sigma):
    with mp.workdps(20):
        moment = mp.quad(
            lambda z: exact(sigma * z)[0] ** 2 * mp.npdf(z), [-14, -4, 0, 4, 14]
        )
    assert theory.second_moment(sigma) == pytest.approx(
        float(moment), rel=1e-12
    )


def test_gain_keeps_the_second_moment():
    z = np.random.default_rng(0).normal(size=10**6)
    kept = np.mean((theory.gain() * theory.serf(z)) ** 2)
    assert kept == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("sigma", [0, -1, np.inf, np.nan])
def test_sigma_must_be_positive(sigma):
    with pytest.raises(ValueError, match="above 0 and finite"):
        theory.second_moment(sigma)


def test_without_scipy(run_python, numpy_backend):
    out = run_python(
        """
        import sys
        sys.modules["scipy.special"] = None
        from keras_serf import theory
        print(*theory.serf([-1.0, 1.0]), theory.serf([]).size)
        """,
        backend=numpy_backend,
    )
    below, above, size = map(float, out.split())
    assert [below, above] == pytest.approx(theory.serf([-1.0, 1.0]), rel=4e-16)
    assert size == 0
