"""Options of libraries that a program has set, for the process of its trials.

A script or a notebook says once what precision PyTorch computes in, what numpy does of an overflow,
which warnings are to be seen. What it says in its `main()`, or in a cell, the process of the trials
would not know of. Here are the options that are set for a whole program and that change results or
what is printed; a library that is not loaded has none.
"""

from __future__ import annotations

import functools
import pickle
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from types import ModuleType
from typing import Any, ParamSpec, TypeAlias, TypeVar

from prefect_tuner.tasks.source_code.after_import import call_after_import
from prefect_tuner.tasks.source_code.module_pickling import Load

P = ParamSpec("P")
T = TypeVar("T")

_Get: TypeAlias = Callable[[Any], Any]
_Set: TypeAlias = Callable[[Any, Any], object]


def library_options() -> bytes:
    """The options of the libraries that this process has loaded, pickled."""
    found: dict[str, bytes] = {}
    for library, options in _LIBRARIES.items():
        module = sys.modules.get(library)
        if module is None:
            continue
        values = {}
        for name, (get, _) in options.items():
            # Versions differ in what they have, and a user's class of warnings may not be pickled.
            with suppress(Exception):
                value = get(module)
                pickle.dumps(value)
                values[name] = value
        found[library] = pickle.dumps(values, pickle.HIGHEST_PROTOCOL)
    return pickle.dumps(found)


def set_library_options(pickled: bytes | bytearray, load: Load) -> None:
    """Set options in this process, of each library as soon as it is loaded.

    Args:
        pickled: What `library_options` gave in another process.
        load: Unpickles it.

    Example:
        ```python
        import decimal, pickle

        from prefect_tuner.tasks.source_code.library_options import (
            library_options,
            set_library_options,
        )

        decimal.getcontext().prec = 5
        options = library_options()
        decimal.getcontext().prec = 28
        set_library_options(options, pickle.loads)
        assert decimal.getcontext().prec == 5
        ```
    """
    for library, values in load(pickled).items():
        call_after_import(library, functools.partial(_set, library, values, load))


def _set(library: str, pickled: bytes, load: Load, module: ModuleType) -> None:
    with suppress(Exception):
        for name, value in load(pickled).items():
            get, write = _LIBRARIES[library][name]
            with suppress(Exception):
                if get(module) != value:
                    write(module, value)


def _without_warnings(function: Callable[P, T]) -> Callable[P, T]:
    """Have a function say nothing of options that are there only to be deprecated."""

    @functools.wraps(function)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> T:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)

    return quiet


def _call(getter: str, setter: str) -> tuple[_Get, _Set]:
    """An option that one function gives and another one takes."""

    def write(module: Any, value: Any) -> None:
        function = attrgetter(setter)(module)
        function(**value) if isinstance(value, dict) else function(value)

    return lambda module: attrgetter(getter)(module)(), write


def _attribute(path: str) -> tuple[_Get, _Set]:
    """An option that is an attribute."""
    home, _, name = path.rpartition(".")
    return attrgetter(path), lambda module, value: setattr(attrgetter(home)(module), name, value)


def _jax(name: str) -> tuple[_Get, _Set]:
    return attrgetter(f"config.{name}"), lambda jax, value: jax.config.update(name, value)


@_without_warnings
def _pandas_options(pandas: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    homes = [("", pandas.options)]
    while homes:
        path, home = homes.pop()
        for name in dir(home):
            with suppress(Exception):  # Some are there only to say that they are not any more.
                value = getattr(home, name)
                if type(value) is type(home):
                    homes.append((f"{path}{name}.", value))
                elif isinstance(value, int | float | str | None):
                    found[path + name] = value
    return found


@_without_warnings
def _set_pandas_options(pandas: Any, options: dict[str, Any]) -> None:
    before = _pandas_options(pandas)
    for name, value in options.items():
        if before.get(name, value) != value:
            pandas.set_option(name, value)


def _warning_filters(module: Any) -> list[tuple[Any, ...]]:
    return [tuple(getattr(part, "pattern", part) for part in each) for each in module.filters]


def _set_warning_filters(module: Any, filters: list[tuple[Any, ...]]) -> None:
    """Put them in their order before those that this process has beside them."""
    for action, message, category, where, line in reversed(filters):
        module.filterwarnings(action, message or "", category, where or "", line)


_LIBRARIES: dict[str, dict[str, tuple[_Get, _Set]]] = {
    "sys": {"recursion limit": _call("getrecursionlimit", "setrecursionlimit")},
    "warnings": {"filters": (_warning_filters, _set_warning_filters)},
    "decimal": {"context": _call("getcontext", "setcontext")},
    "numpy": {"errors": _call("geterr", "seterr")},
    "pandas": {"options": (_pandas_options, _set_pandas_options)},
    "sklearn": {"config": _call("get_config", "set_config")},
    "xgboost": {"config": _call("get_config", "set_config")},
    "torch": {
        "dtype": _call("get_default_dtype", "set_default_dtype"),
        "device": _call("get_default_device", "set_default_device"),
        "precision": _call("get_float32_matmul_precision", "set_float32_matmul_precision"),
        "determinism": _call("get_deterministic_debug_mode", "set_deterministic_debug_mode"),
        "cudnn determinism": _attribute("backends.cudnn.deterministic"),
        "cudnn benchmark": _attribute("backends.cudnn.benchmark"),
        "cudnn tf32": _attribute("backends.cudnn.allow_tf32"),
    },
    "jax": {
        name: _jax(name)
        for name in (
            "jax_enable_x64",
            "jax_default_matmul_precision",
            "jax_numpy_dtype_promotion",
            "jax_numpy_rank_promotion",
            "jax_debug_nans",
            "jax_disable_jit",
        )
    },
    "keras": {
        "floatx": _call("config.floatx", "config.set_floatx"),
        "epsilon": _call("config.epsilon", "config.set_epsilon"),
        "image data": _call("config.image_data_format", "config.set_image_data_format"),
        "policy": (
            lambda keras: keras.config.dtype_policy().name,
            lambda keras, name: keras.config.set_dtype_policy(name),
        ),
    },
    "tensorflow": {
        "eager": _call("config.functions_run_eagerly", "config.run_functions_eagerly"),
    },
}
"""Of each library its options, by a name of ours: how each is read, and how it is set."""
