"""How many seeds a gap needs, and which gap a number of seeds can show, for the one-sided Welch test.

The gain d is normal with mean `gap` and variance s1^2/n1 + s2^2/n2, and independent of the two sample variances, which are
scaled chi-squares. The test rejects where d > t(alpha, df) * se, with df and se from the samples, so

    power = E[ Phi((gap - t(alpha, df) * se) / sigma_d) ]    over both sample variances

is a double integral, done here by Gauss-Legendre quadrature over their quantiles. (A noncentral t with df = n1 + n2 - 2 is the
power of the pooled test. It overstates that of Welch with three seeds a side, where df is a random number near 2 to 4.)
"""

import math
from functools import cache

from verify.errors import BadInput

NODES = 96  # per dimension; against 400: 1e-6 where n is 3, less elsewhere
SEEDS_MAX = 10_000
POWER = 0.8  # the usual wish


@cache
def _nodes():
    """Nodes and weights of quadrature over [0, 1]."""
    from scipy.special import roots_legendre

    x, weights = roots_legendre(NODES)
    return (x + 1.0) / 2.0, weights / 2.0


def _check(n_new: int, n_old: int, std_new: float, std_old: float, alpha: float) -> None:
    for name, n in (("new", n_new), ("old", n_old)):
        if n < 2:
            raise BadInput(f"{n} seeds on the {name} side: a test needs at least 2. Give more seeds.")
    for name, std in (("new", std_new), ("old", std_old)):
        if not (math.isfinite(std) and std > 0):
            raise BadInput(
                f"standard deviation of the {name} side is {std}: it must be above 0, typically 0.0003 to 0.0011 bpb."
            )
    if not 0.0 < alpha < 1.0:
        raise BadInput(f"p is to stay below {alpha}: give a number between 0 and 1 such as 0.01 or 0.25.")


def power(gap: float, n_new: int, n_old: int, std_new: float, std_old: float, alpha: float) -> float:
    """The chance that p < alpha when the true gain over the margin is `gap` (unit of the standard deviations)."""
    from scipy.special import chdtri, ndtr, stdtrit

    _check(n_new, n_old, std_new, std_old, alpha)
    quantiles, weights = _nodes()
    a = (std_new**2 * chdtri(n_new - 1, 1.0 - quantiles) / (n_new - 1) / n_new)[:, None]
    b = (std_old**2 * chdtri(n_old - 1, 1.0 - quantiles) / (n_old - 1) / n_old)[None, :]
    share = a / (a + b)
    df = 1.0 / (share**2 / (n_new - 1) + (1.0 - share) ** 2 / (n_old - 1))
    limit = stdtrit(df, 1.0 - alpha) * (a + b) ** 0.5
    sigma = math.sqrt(std_new**2 / n_new + std_old**2 / n_old)
    return float(weights @ ndtr((gap - limit) / sigma) @ weights)


def seeds_needed(
    gap: float,
    std_new: float,
    alpha: float,
    *,
    std_old: float | None = None,
    n_old: int | None = None,
    wanted: float = POWER,
) -> int | None:
    """The fewest new seeds for which p < alpha has a chance of at least `wanted`. None: not with 10,000 seeds.

    gap      the true gain over the margin, in the unit of the standard deviations
    std_old  of the old side; None: the same as of the new one
    n_old    seeds of the old side, which stay; None: as many as new ones
    """
    std_old = std_new if std_old is None else std_old
    _check(2, 2 if n_old is None else n_old, std_new, std_old, alpha)
    if not 0.0 < wanted < 1.0:
        raise BadInput(f"a power of {wanted}: give a number between 0 and 1 such as 0.8.")
    if not gap > 0.0:
        return None

    def enough(n: int) -> bool:
        return power(gap, n, n if n_old is None else n_old, std_new, std_old, alpha) >= wanted

    low, high = 1, 2
    while not enough(high):
        if high >= SEEDS_MAX:
            return None
        low, high = high, min(high * 2, SEEDS_MAX)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def detectable_gap(
    n_new: int, n_old: int, std_new: float, std_old: float, alpha: float, *, wanted: float = POWER
) -> float:
    """The true gain over the margin that gives p < alpha with a chance of `wanted`, in the unit of the standard deviations."""
    _check(n_new, n_old, std_new, std_old, alpha)
    sigma = math.sqrt(std_new**2 / n_new + std_old**2 / n_old)
    low, high = -sigma, sigma
    while power(low, n_new, n_old, std_new, std_old, alpha) > wanted:
        low *= 2.0
    while power(high, n_new, n_old, std_new, std_old, alpha) < wanted:
        high *= 2.0
    while high - low > 1e-7 * sigma:
        middle = (low + high) / 2.0
        low, high = (low, middle) if power(middle, n_new, n_old, std_new, std_old, alpha) >= wanted else (middle, high)
    return high
