"""Accuracy: the largest errors of Serf, in ulps, on every backend.

The error of a result y for the exact value r is |y - r| over a unit:

    f     an ulp: the spacing of the dtype at r rounded to it
    f'    eps (|G| + |x D|), where f' = G + x D, G = f/x and D = G'
    f''   eps (|2 D| + |x D'|), where f'' = 2 D + x D'

with eps the spacing of the dtype at 1. For Serf, G = erf(s) and
D = (2 / sqrt(pi)) e^(-s^2) sigmoid(x), where s = softplus(x). Where e^x,
e^(-s^2), x or f is subnormal, hardware may flush to zero: there the absolute
error counts, and should stay below what flushing e^x takes from f, or from f''
(1.2e-36 and 6e-36 in float32).
"""
