"""The global random generators of a trial's process."""

from __future__ import annotations

import random
import sys
from types import ModuleType

from prefect_tuner.tasks.source_code.after_import import call_after_import


def seed_generators(seed: int) -> None:
    """Seed the generators that a program uses without making one of its own.

    Python's, numpy's, torch's and TensorFlow's; those of libraries when they are loaded, before or
    after this call. A process that was forked has its parent's generators, and so would all trials;
    a trial that runs again gets the same numbers again.

    Args:
        seed: From 0 to 2**32 - 1, the most that numpy takes.
    """
    random.seed(seed)

    def seed_numpy(generators: ModuleType) -> None:
        generators.seed(seed)  # For objectives that use the global generator.

    def seed_torch(torch: ModuleType) -> None:
        torch.manual_seed(seed)  # Those of all devices; the ones not opened yet when they are.

    def seed_tensorflow(tensorflow: ModuleType) -> None:
        tensorflow.random.set_seed(seed)

    call_after_import("numpy.random", seed_numpy)
    call_after_import("torch", seed_torch)
    call_after_import("tensorflow", seed_tensorflow)


def touch_generators() -> None:
    """Write to the generators that are loaded, whose memory is the process's own from then on."""
    random.seed(0)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(0)
