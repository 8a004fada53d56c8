"""The data bound to an objective: a partial function's arguments, an object's attributes."""

from __future__ import annotations

import functools
import hashlib
import inspect
import io
import pickle
from types import FunctionType, ModuleType
from typing import Any

from prefect_tuner.tasks.objectives.objective_import import undecorated


def bound_state(objective: object) -> str:
    """A digest of the data bound to an objective, equal for equal data; code is left out of it.

    Args:
        objective: As `tune` takes it.

    Example:
        ```python
        from functools import partial

        from prefect_tuner.tasks.objectives.bound_state import bound_state

        one, other = partial(max, [1, 2]), partial(max, [1, 3])
        assert bound_state(one) == bound_state(partial(max, [1, 2])) != bound_state(other)
        ```
    """
    scale = _Digest()
    _StatePickler(scale, protocol=5).dump(_bound_to(undecorated(objective)))
    return scale.hexdigest()


def _bound_to(objective: Any) -> Any:
    if isinstance(objective, str | type):
        return None
    if isinstance(objective, functools.partial):
        return _bound_to(objective.func), objective.args, objective.keywords
    if inspect.ismethod(objective):
        return _bound_to(objective.__func__), objective.__self__
    if isinstance(objective, FunctionType):
        cells = [_content(cell) for cell in objective.__closure__ or ()]
        return cells, objective.__defaults__, objective.__kwdefaults__
    return objective


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # Not bound yet.
        return None


class _StatePickler(pickle.Pickler):
    """Writes names in the place of code, and of what cannot be pickled."""

    def reducer_override(self, value: Any) -> Any:
        if value is str:
            return NotImplemented
        if isinstance(value, type | FunctionType | ModuleType):
            return str, (f"{getattr(value, '__module__', '')}.{value.__name__}",)
        try:
            value.__reduce_ex__(5)
        except Exception:  # noqa: BLE001 - a lock, a connection, or whatever a user's class raises
            return str, (type(value).__qualname__,)
        return NotImplemented


class _Digest(io.RawIOBase):
    """Reads what is written once, and keeps a digest of it."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, data: Any, /) -> int:
        self._hash.update(data)
        return memoryview(data).nbytes

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
