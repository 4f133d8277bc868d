"""Accuracy: the maximum errors of Serf, in ulps, on every backend.

The error of a result y for the exact value r is |y - r| divided by a unit:

    f     an ulp: the spacing of the dtype at r, rounded to the dtype
    f'    eps (|G| + |x D|), where f' = G + x D, G = f/x and D = G'
    f''   eps (|2 D| + |x D'|), where f'' = 2 D + x D'

where eps is the spacing of the dtype at 1. For Serf, G = erf(s) and
D = (2 / sqrt(pi)) e^(-s^2) sigmoid(x), where s = softplus(x). If e^x, e^(-s^2),
x or f is subnormal, hardware may flush it to zero. Then the absolute error is
used; it should be smaller than the effect of flushing e^x on f or f'' (1.2e-36
and 6e-36 in float32).
"""
