"""What more trials are likely to bring at the most, by the best of those that there are.

Notation:
    x_(1) <= x_(2) <= ...: losses of the later trials, in order.
    b: the best loss of all trials.
    s: how far losses in the tail are apart, x_(k+1) - mean(x_(1), ..., x_(k)).

Of losses whose lower tail falls off exponentially, k (x_(k+1) - x_(k)) has the mean s for each k
(A. Rényi, On the theory of order statistics, 1953), and s is an estimate of it. A tail that ends,
as that of a loss which cannot be less than zero, promises less, up to ten times: what is expected
here is too much rather than too little.
"""

from __future__ import annotations

import math

import numpy as np

from prefect_tuner.strategies.encoding.array_types import FloatArray

_TAIL = 5
"""k, at the least; a tenth of the trials where they are many."""


def expected_gain(losses: FloatArray) -> float:
    """By how much the best loss is likely to fall, at the most, with as many trials again.

    As many trials like those of the later half, that is: a strategy that has found a better place
    before will have gone on there.

    Args:
        losses: In the order of the trials, shape (n,), at least twenty.

    Example:
        ```python
        import numpy as np

        from prefect_tuner.flows.analysis.models.tail import expected_gain

        still_falling = np.linspace(1.0, 0.0, 40)
        at_the_end = np.append(np.linspace(1.0, 0.0, 20), 1e-4 * np.arange(20))
        assert expected_gain(still_falling) > 0.05 > 0.01 > expected_gain(at_the_end)
        ```
    """
    later = np.sort(losses[losses.size // 2 :])
    k = min(max(_TAIL, later.size // 10), later.size - 1)
    spacing = float(later[k] - later[:k].mean())
    if spacing <= 0.0:
        return 0.0
    behind = float(later[0] - losses.min())
    fresh = losses.size / later.size
    return spacing * math.log1p(fresh * math.exp(-behind / spacing))
