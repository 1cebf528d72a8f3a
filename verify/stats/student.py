"""Student's t distribution in plain Python: the tail and its inverse, for any real number of degrees of freedom.

    P(T > t) = I_x(df/2, 1/2) / 2   for t >= 0, with x = df / (df + t^2)

I is the regularised incomplete beta function, by its continued fraction (DLMF 8.17.22, evaluated as Lentz does). scipy has
both; importing scipy.special takes longer than a whole audit, so scipy is what the tests hold this to (1e-10 relative).
"""

import math

TINY = 1e-300
TERMS_MAX = 20_000


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function; converges fast for x < (a + 1) / (a + b + 2)."""
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > TINY else TINY)
    value = d
    for m in range(1, TERMS_MAX):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + term * d
            d = 1.0 / (d if abs(d) > TINY else TINY)
            c = 1.0 + term / c
            c = c if abs(c) > TINY else TINY
            value *= c * d
        if abs(c * d - 1.0) < 1e-16:
            return value
    raise ArithmeticError(f"the incomplete beta function did not converge at x={x}, a={a}, b={b}")


def _beta(x: float, y: float, a: float, b: float) -> float:
    """I_x(a, b) with y = 1 - x given apart, so that neither loses digits."""
    if x <= 0.0 or y <= 0.0:
        return 0.0 if x <= 0.0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(y))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(y, b, a) / b


def tail(t: float, df: float) -> float:
    """P(T > t). `df` degrees of freedom, a real number above 0. Raises ValueError where an argument is not a number."""
    if not df > 0.0 or math.isnan(t):
        raise ValueError(f"tail(t={t}, df={df}): df must be above 0 and t a number")
    if t < 0.0:
        return 1.0 - tail(-t, df)
    if math.isinf(t):
        return 0.0
    square = t * t
    if math.isinf(square):
        return 0.0
    return _beta(df / (df + square), square / (df + square), df / 2.0, 0.5) / 2.0


def quantile(p: float, df: float) -> float:
    """The t with P(T > t) = p, for 0 < p < 1: bisection, since it is asked a few times per verdict."""
    if not 0.0 < p < 1.0:
        raise ValueError(f"quantile(p={p}): p must lie between 0 and 1")
    if p > 0.5:
        return -quantile(1.0 - p, df)
    low, high = 0.0, 1.0
    while tail(high, df) > p and high < 1e300:
        low, high = high, high * 2.0
    while True:
        middle = (low + high) / 2.0
        if not low < middle < high:
            return middle
        low, high = (middle, high) if tail(middle, df) > p else (low, middle)
