"""The committed coefficients: what `fit.py` makes, as good as it says."""

from pathlib import Path

import mpmath as mp
import pytest

from keras_serf.kernels import fit
from keras_serf.kernels import rational


def test_certified_errors():
    # In units of the last place of float32: a fit that leaves rounding room.
    for name, error in fit.certify(intervals=1000).items():
        assert error < 0.6 * 2.0**-23, name


def test_certify_sees_a_wrong_coefficient(monkeypatch):
    wrong = list(rational.VALUE.below)
    wrong[3] *= 1 + 1e-5
    monkeypatch.setattr(
        rational,
        "VALUE",
        rational.Value(
            tuple(wrong), rational.VALUE.above, rational.VALUE.denominator
        ),
    )
    assert fit.certify(intervals=200)["G, x <= 0"] > 5e-7


def test_minimax_finds_the_known_best_fit_of_exp():
    # e^u on [0, 1] by a rational function of type (1, 1): equioscillating at 4
    # points, which by de la Vallee Poussin proves it the best.
    ratio = fit.minimax(mp.exp, lambda u: mp.mpf(1), (1, 1), 0.0)
    error = [ratio(u) - mp.exp(u) for u in fit.points(0.0, 2000)]
    peaks = fit._alternation(error, 4)
    sizes = [abs(error[i]) for i in peaks]
    signs = [error[i] > 0 for i in peaks]
    assert signs in ([True, False] * 2, [False, True] * 2)
    assert max(sizes) / min(sizes) < 1.02


@pytest.mark.slow
def test_committed_tables_are_what_fit_makes():
    text = Path(rational.__file__).read_text("utf-8")
    assert fit.rewritten(text, fit.source()) == text
