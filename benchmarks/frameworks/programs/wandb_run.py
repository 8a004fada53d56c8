"""Weights & Biases, offline: a run that is never finished."""

import os
from pathlib import Path


def train(_: object) -> float:
    import wandb

    folder = f"{os.environ['KEPT_IN']}/{os.getpid()}"
    Path(folder).mkdir()
    wandb.init(project="frameworks", mode="offline", dir=folder)
    for step in range(20):
        wandb.log({"loss": 1 / (step + 1)})
    return 1.0


def kept(folder: Path) -> str:
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    data = file.read_bytes()
    kinds: list[str] = []
    at = 7  # The file's header. Then records of a checksum, a length, a type and as many bytes.
    while at < len(data):
        length = int.from_bytes(data[at + 4 : at + 6], "little")
        record = Record()
        record.ParseFromString(data[at + 7 : at + 7 + length])
        kinds.append(str(record.WhichOneof("record_type")))
        at += 7 + length
    return f"{kinds.count('history')} steps, {'ended' if 'exit' in kinds else 'not ended'}"


if __name__ == "__main__":
    print("metric", train({}))
