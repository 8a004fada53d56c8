"""When a race is looked at, and how much of its chance of error each look may spend.

A race looks at its candidates after 5 evaluations of each, after 7, 10, 14, 20, 28 and so on: each
time there are about 1.4 times as many as before. It may end after any of them, and how it stands
decides which. So all looks together may err with the chance alpha: look l spends
alpha / (l * (l + 1)) of it, and the sum over all l is alpha. That holds for any number of looks, so
that a race which has ended may go on with a larger budget.

Sources: E. Even-Dar, S. Mannor, Y. Mansour, "Action Elimination and Stopping Conditions for the
Multi-Armed Bandit and Reinforcement Learning Problems", JMLR 7 (2006), section 3, has the union
bound over candidates and looks; K. K. G. Lan, D. L. DeMets, "Discrete sequential boundaries for
clinical trials", Biometrika 70 (1983), the spending of alpha at the looks.
"""

from __future__ import annotations

FIRST = 5
"""Evaluations of each candidate at the first look: with fewer, Student's quantiles are so large
that nothing is told apart."""

GROWTH = 2**0.5

ALPHA = 0.05
"""The chance of error: of any interval of a race, and of any wrong elimination, in all."""


def evaluations_at(look: int) -> int:
    """How many evaluations each candidate in the race has at a look.

    Args:
        look: From 1.

    Example:
        ```python
        from prefect_tuner.flows.confirmation.looks import evaluations_at

        assert [evaluations_at(look) for look in (1, 2, 3, 4, 5)] == [5, 7, 10, 14, 20]
        ```
    """
    return round(FIRST * GROWTH ** (look - 1))


def error_at(look: int, comparisons: int) -> float:
    """The chance of error that one comparison has at a look.

    Args:
        look: From 1.
        comparisons: How many share what the look may spend.
    """
    return ALPHA / (look * (look + 1) * max(1, comparisons))
