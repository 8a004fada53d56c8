"""TensorBoard: a writer that is never closed."""

import os
from pathlib import Path


def train(_: object) -> float:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(f"{os.environ['KEPT_IN']}/{os.getpid()}")  # type: ignore[no-untyped-call,unused-ignore]
    for step in range(50):
        writer.add_scalar("loss", 1 / (step + 1), step)  # type: ignore[no-untyped-call,unused-ignore]
    return 1.0


def kept(folder: Path) -> str:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return f"{len(read.Scalars('loss'))} scalars"


if __name__ == "__main__":
    print("metric", train({}))
