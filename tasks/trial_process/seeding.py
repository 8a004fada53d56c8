"""The global random generators of a trial's process."""

from __future__ import annotations

import random
from types import ModuleType

import numpy as np

from prefect_tuner.tasks.source_code.after_import import call_after_import


def seed_generators(seed: int) -> None:
    """Seed the generators that a program uses without making one of its own.

    Python's, numpy's, torch's and TensorFlow's; the latter two when they are loaded, before or
    after this call. A process that was forked has its parent's generators, and so would all trials;
    a trial that runs again gets the same numbers again.

    Args:
        seed: From 0 to 2**32 - 1, the most that numpy takes.
    """
    seed_python_and_numpy(seed)

    def seed_torch(torch: ModuleType) -> None:
        torch.manual_seed(seed)  # Those of all devices; the ones not opened yet when they are.

    def seed_tensorflow(tensorflow: ModuleType) -> None:
        tensorflow.random.set_seed(seed)

    call_after_import("torch", seed_torch)
    call_after_import("tensorflow", seed_tensorflow)


def seed_python_and_numpy(seed: int) -> None:
    """Seed the generators that every trial's process has."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - for objectives that use the global generator
