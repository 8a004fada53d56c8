"""The acquisition of `gp`: the logarithm of the expected improvement, stable and differentiable.

Where trials are running it is augmented, so that their neighbours are not asked for: next to an
observation the model is unsure of as much as its noise, an uncertainty that one more observation
would hardly take away, but of which EI makes an improvement.

Notation:
    mean, variance: what the model says of a candidate, shape (m,).
    best: the value to improve on; smaller is better.
    z = (best - mean) / sqrt(variance)
    h(z) = phi(z) + z Phi(z), with the normal density phi and its integral Phi.
    log EI = log sqrt(variance) + log h(z)
    d log h / dz = Phi(z) / h(z)
    augmented EI = EI (1 - sqrt(noise / (variance + noise)))

Sources: S. Ament et al., Unexpected Improvements to Expected Improvement for Bayesian Optimization,
NeurIPS 2023 (arXiv 2310.20708), equation 9; D. Huang et al., Global Optimization of Stochastic
Black-Box Systems via Sequential Kriging Meta-Models, Journal of Global Optimization 34 (2006), for
the augmented EI.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

from prefect_tuner.strategies.encoding.array_types import FloatArray

_LOG_SQRT_2_PI = 0.5 * math.log(2.0 * math.pi)
_SQRT_HALF_PI = math.sqrt(0.5 * math.pi)


def log_h(z: FloatArray) -> FloatArray:
    """The logarithm of h(z), of the same shape, to 8 digits for any z above -1e150."""
    near = np.maximum(z, -1.0)
    result: FloatArray = np.log(np.exp(-0.5 * near**2 - _LOG_SQRT_2_PI) + near * ndtr(near))
    below = z < -1.0
    if below.any():
        low = z[below]
        moderate = np.maximum(low, -300.0)
        # log(1 + z Phi(z) / phi(z)); for large |z| by the series 1/z**2 - 3/z**4 + 15/z**6.
        tail = np.log1p(_SQRT_HALF_PI * moderate * erfcx(-math.sqrt(0.5) * moderate))
        inverse = 1.0 / low**2
        series = np.log(inverse) + np.log1p(-3.0 * inverse + 15.0 * inverse**2)
        result[below] = -0.5 * low**2 - _LOG_SQRT_2_PI + np.where(low > -300.0, tail, series)
    return result


def log_expected_improvement(mean: FloatArray, variance: FloatArray, best: float) -> FloatArray:
    """The logarithm of EI of each candidate, shape (m,).

    Args:
        mean: Of the function at the candidates, shape (m,).
        variance: Likewise, above 0, shape (m,).
        best: The value to improve on.

    Example:
        ```python
        import numpy as np

        from prefect_tuner.strategies.gaussian_process.acquisition import log_expected_improvement

        values = log_expected_improvement(np.array([0.0, 50.0]), np.ones(2), best=0.0)
        assert abs(np.exp(values[0]) - 0.3989422804) < 1e-9
        assert -1300.0 < values[1] < -1250.0
        ```
    """
    deviation = np.sqrt(variance)
    return np.asarray(np.log(deviation) + log_h((best - mean) / deviation))


def log_expected_improvement_slopes(
    mean: FloatArray, variance: FloatArray, best: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The logarithm of EI, its derivatives by the mean and by the variance, each of shape (m,)."""
    deviation = np.sqrt(variance)
    z = (best - mean) / deviation
    log_improvement = log_h(z)
    # For very negative z, Phi / h tends to -z, and both logarithms are too large to subtract.
    ratio = np.where(z > -1e5, np.exp(log_ndtr(z) - log_improvement), -z)
    by_mean = -ratio / deviation
    by_variance = (1.0 - ratio * z) / (2.0 * variance)
    return np.asarray(np.log(deviation) + log_improvement), by_mean, by_variance


def log_augmentation(variance: FloatArray, noise: float) -> tuple[FloatArray, FloatArray]:
    """What augments log EI, at most 0, and its derivative by the variance, each of shape (m,).

    Args:
        variance: Of the function at the candidates, above 0, shape (m,).
        noise: Variance of an observation beyond that, above 0.
    """
    total = variance + noise
    ratio = np.sqrt(noise / total)
    # 1 - ratio, without the difference of two numbers that are nearly equal.
    factor = variance / (total * (1.0 + ratio))
    return np.asarray(np.log(factor)), np.asarray(0.5 * ratio / (total * factor))
