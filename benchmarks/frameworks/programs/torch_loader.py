"""PyTorch: forward and backward passes, fed by a `DataLoader` with two workers."""

import os
from functools import cache
from typing import Any


@cache
def prepared() -> tuple[Any, ...]:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.rand(512, 8)
    return torch, DataLoader, TensorDataset(x, x.sum(dim=1, keepdim=True))


def train(_: object) -> float:
    torch, loader, data = prepared()
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters())
    loss = torch.zeros(())
    for x, y in loader(data, batch_size=128, num_workers=2):
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
    return float(loss.item())


if __name__ == "__main__" or "WARM_IMPORT" in os.environ:
    print("metric", train({}))
