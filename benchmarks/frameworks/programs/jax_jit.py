"""JAX: a compiled gradient."""

import os
from functools import cache
from typing import Any


@cache
def prepared() -> tuple[Any, ...]:
    import jax
    from jax import numpy

    return jax.jit(jax.grad(lambda x: numpy.sum(numpy.tanh(x @ x)))), numpy.eye(64) / 8, numpy


def train(_: object) -> float:
    gradient, x, numpy = prepared()
    return float(numpy.sum(gradient(x)))


if __name__ == "__main__" or "WARM_IMPORT" in os.environ:
    print("metric", train({}))
