"""Serf as polynomials times one exponential: coefficients and evaluation.

The value and the derivative each need one exponential, no division and no
branch on data. This is for float32 and narrower types; see `composed.py` for
float64 and the second derivative, and `fit.py` for the origin and the error of
the coefficients. With u = e^x and z = e^(x (a + b x)):

    x < 0:   f = x u (BASE + below(u))    f' = u (constant(v) + x linear(v))
    x >= 0:  f = x (1 + z above(x))       f' = 1 + z above(x)

where v = u - CENTRE.
"""

from dataclasses import dataclass
from typing import Any

from keras_serf.kernels.math import Math

# From x = BOUND on, f(x) = x and f'(x) = 1 in float32; below FLOOR, e^x = 0.
BOUND = 4.25
FLOOR = -200.0

# erf(ln 2). G/u falls to it from 1.128 as x rises to 0. The polynomial gives
# only the difference from BASE, so that its rounding matters little. Near 0,
# where x u times the polynomial may be flushed, the difference is 0.
BASE = 0.6730412840843201

# Powers of v, |v| <= 1/2, lose fewer digits than powers of u where both of the
# derivative's polynomials are large and their difference is small.
CENTRE = 1 / 2

Coefficients = tuple[float, ...]


@dataclass(frozen=True)
class Value:
    """Tables of f, in ascending powers.

    Attributes:
        exponent: a and b.
        below: Polynomial in u.
        above: Polynomial in x.
    """

    exponent: tuple[float, float]
    below: Coefficients
    above: Coefficients


@dataclass(frozen=True)
class Derivative:
    """Tables of f', in ascending powers.

    Attributes:
        exponent: a and b.
        constant: Polynomial in v.
        linear: Polynomial in v, the factor of x.
        above: Polynomial in x.
    """

    exponent: tuple[float, float]
    constant: Coefficients
    linear: Coefficients
    above: Coefficients


@dataclass(frozen=True)
class Polynomials:
    """Serf with the accuracy of one type, evaluated in float32.

    Attributes:
        f: Tables of the value.
        df: Tables of the derivative.
    """

    f: Value
    df: Derivative

    def value(self, x: Any, math: Math) -> Any:
        """Returns f(x) for an array `x` of float32."""
        held, z = _exponential(x, self.f.exponent, math)
        above = x * (1 + z * horner(self.f.above, held))
        y = held * z
        below = BASE * y + y * horner(self.f.below, z)
        return math.where(x >= 0, above, below)

    def derivative(self, x: Any, math: Math) -> Any:
        """Returns f'(x) for an array `x` of float32."""
        held, z = _exponential(x, self.df.exponent, math)
        v = z - CENTRE
        below = horner(self.df.constant, v) + held * horner(self.df.linear, v)
        return math.where(
            x >= 0, 1 + z * horner(self.df.above, held), z * below
        )


def _exponential(
    x: Any, exponent: tuple[float, float], math: Math
) -> tuple[Any, Any]:
    # x clipped to [FLOOR, BOUND], and z for x >= 0 or u for x < 0.
    held = math.clip(x, FLOOR, BOUND)
    z = math.exp(math.where(x >= 0, held * horner(exponent, held), held))
    return held, z


def horner(coefficients: Any, u: Any) -> Any:
    """Evaluates a polynomial.

    Args:
        coefficients: At least two coefficients, in ascending powers.
        u: The argument, an array or a number.

    Returns:
        The value of the polynomial, with the type of `u`.

    Example:

    >>> horner((1.0, 2.0, 3.0), 10.0)
    321.0
    """
    last, *rest = reversed(coefficients)
    total = last
    for coefficient in rest:
        total = total * u + coefficient
    return total


# Tables, written by fit.py
SINGLE = Polynomials(
    f=Value(
        exponent=(-1.8125, -0.9296875),
        below=(
            0.45533791184425354,
            -0.5641923546791077,
            6.935153214726597e-05,
            0.2814297676086426,
            -0.31660032272338867,
            0.22761330008506775,
            -0.1155053973197937,
            0.03774050995707512,
            -0.005892778281122446,
        ),
        above=(
            -0.32695868611335754,
            -0.2436608225107193,
            -0.2422327995300293,
            -0.1005563959479332,
            -0.053348951041698456,
            -0.01116992812603712,
            -0.004205260891467333,
        ),
    ),
    df=Derivative(
        exponent=(-1.8125, -0.9296875),
        constant=(
            0.8999437093734741,
            -0.47479239106178284,
            -0.3044254779815674,
            -0.20984941720962524,
            1.3108359575271606,
            1.1330287456512451,
            -0.3234538435935974,
            0.07051442563533783,
        ),
        linear=(
            0.6853479743003845,
            -0.658553421497345,
            -0.0241391621530056,
            -1.8596290349960327,
            -1.802628755569458,
        ),
        above=(
            -0.3269587457180023,
            0.10529740899801254,
            0.32274696230888367,
            0.4907473623752594,
            0.3632957637310028,
            0.220607191324234,
            0.08691127598285675,
            0.0295723844319582,
            0.0076463483273983,
        ),
    ),
)
HALF = Polynomials(
    f=Value(
        exponent=(-1.375, -0.9375),
        below=(
            0.45534011721611023,
            -0.5644047856330872,
            0.003493586089462042,
            0.2603249251842499,
            -0.25307026505470276,
            0.12538538873195648,
            -0.027070293202996254,
        ),
        above=(
            -0.3269575238227844,
            -0.10069644451141357,
            -0.16866420209407806,
            -0.017070746049284935,
            -0.025692855939269066,
        ),
    ),
    df=Derivative(
        exponent=(-0.84375, -0.984375),
        constant=(
            0.8776841163635254,
            -0.10349957644939423,
            0.7053416967391968,
            -1.4071036577224731,
            -2.4534237384796143,
        ),
        linear=(
            0.6532304286956787,
            -0.21552491188049316,
            2.804054021835327,
            3.169525623321533,
            1.0009651184082031,
        ),
        above=(
            -0.3269576132297516,
            0.42197084426879883,
            0.05009638890624046,
            0.29721641540527344,
            0.022933922708034515,
            0.055846985429525375,
        ),
    ),
)
# End of tables
