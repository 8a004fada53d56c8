"""The evaluations of a trial beyond its first: their numbers and seeds."""

from __future__ import annotations

import numpy as np

NUMBERS = 1_000_000
"""What lies between the numbers of two evaluations of the same trial."""

# Strategies and trials draw from other streams of the study's seed.
_STREAM = 7


def number_of(trial: int, repetition: int) -> int:
    """The number of an evaluation, which no trial of a study has, and no other evaluation.

    Args:
        trial: The trial's number, below a million.
        repetition: Which evaluation of it, from 1.

    Example:
        ```python
        from prefect_tuner.flows.confirmation.repetitions import number_of

        assert number_of(3, repetition=2) == 2_000_003
        ```
    """
    return NUMBERS * repetition + trial


def seed_of(study_seed: int, repetition: int) -> int:
    """The seed of an evaluation, below 2**32: the same for all candidates, which are compared.

    Args:
        study_seed: The study's.
        repetition: Which evaluation of each candidate, from 1.

    Example:
        ```python
        from prefect_tuner.flows.confirmation.repetitions import seed_of

        assert len({seed_of(0, repetition) for repetition in range(1, 100)}) == 99
        ```
    """
    stream = np.random.SeedSequence([study_seed, repetition], spawn_key=(_STREAM,))
    return int(stream.generate_state(1)[0])
