"""The committed coefficients: what `fit.py` makes, as good as it says."""

import dataclasses
from pathlib import Path

import mpmath as mp
import pytest

from keras_serf.kernels import fit, polynomial


@pytest.mark.parametrize(
    ("tables", "bound"),
    [(polynomial.SINGLE, 0.5 * 2.0**-23), (polynomial.HALF, 2.0**-18)],
    ids=["SINGLE", "HALF"],
)
def test_certified_errors(tables, bound):
    # Leaves rounding its room: half a unit in the last place of float32, and
    # 1/64 of one of float16.
    for name, error in fit.certify(tables, intervals=400).items():
        assert error < bound, name


def test_certify_sees_a_wrong_coefficient():
    f = polynomial.SINGLE.f
    below = list(f.below)
    below[3] *= 1 + 1e-5
    wrong = dataclasses.replace(
        polynomial.SINGLE, f=dataclasses.replace(f, below=tuple(below))
    )
    errors = fit.certify(wrong, intervals=100)
    assert errors["f, x <= 0"] > 1e-6
    assert errors["f, x > 0"] < 2.0**-24


def test_minimax_finds_the_known_best_fit_of_exp():
    # e^x on [-1, 0] by a polynomial: equioscillating, which by de la Vallee
    # Poussin proves it the best.
    points = [mp.mpf(k) / 400 - 1 for k in range(401)]
    powers = [lambda x, k=k: x**k for k in range(4)]
    problem = fit.Fit(points, powers, mp.exp, lambda x: mp.mpf(1))
    errors = problem.errors(problem.minimax())
    peaks = fit.alternation(errors, 5)
    sizes = [abs(errors[i]) for i in peaks]
    signs = [errors[i] > 0 for i in peaks]
    assert signs in ([True, False] * 2 + [True], [False, True] * 2 + [False])
    assert max(sizes) / min(sizes) < 1.01


def test_rounded_coefficients_cost_little():
    points = [mp.mpf(k) / 100 for k in range(101)]
    powers = [lambda x, k=k: x**k for k in range(7)]
    problem = fit.Fit(points, powers, mp.exp, lambda x: mp.exp(-x))
    best = max(map(abs, problem.errors(problem.minimax())))
    coefficients = problem.rounded()
    assert coefficients == [float(mp.mpf(a)) for a in coefficients]
    found = max(map(abs, problem.errors(list(map(mp.mpf, coefficients)))))
    assert found < best + 2.0**-24


@pytest.mark.slow
def test_committed_tables_are_what_fit_makes():
    text = Path(polynomial.__file__).read_text("utf-8")
    assert fit.rewritten(text, fit.source()) == text
