"""Whose code a function is: Python's, an installed package's, or the user's own."""

from __future__ import annotations

import functools
import site
import sys
import sysconfig
from enum import Enum
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any


class Origin(Enum):
    """Whose code it is."""

    STANDARD = "standard library"
    INSTALLED = "installed package"
    OWN = "the user's own"


def origin_of(function: Any) -> Origin:
    """Whose code a function or a method is.

    Example:
        ```python
        import shutil

        import numpy as np

        from prefect_tuner.tasks.source_code.code_origin import Origin, origin_of

        assert origin_of(shutil.rmtree) is Origin.STANDARD
        assert origin_of(np.save) is Origin.INSTALLED
        assert origin_of(lambda: None) is Origin.OWN
        ```
    """
    function = innermost(function)
    function = getattr(function, "__func__", function)
    file = getattr(getattr(function, "__code__", None), "co_filename", "")
    if Path(file).is_absolute() and Path(file).exists():
        return origin_of_file(file)
    if not isinstance(function, type) and not hasattr(function, "__module__"):
        function = type(function)
    return _origin_by_module(function)


def innermost(function: Any) -> Any:
    """The function that partial ones call in the end; any other as it is."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _origin_by_module(function: Any) -> Origin:
    owner = getattr(function, "__self__", None)
    home = getattr(function, "__module__", None)
    if home is None and owner is not None and not isinstance(owner, ModuleType):
        # A method such as `file.close`; functions of native libraries are bound to capsules.
        home = None if type(owner).__name__ == "PyCapsule" else type(owner).__module__
    if home is None:
        return Origin.INSTALLED
    if home.partition(".")[0] in sys.stdlib_module_names:
        return Origin.STANDARD
    if home == "__main__":
        return Origin.OWN
    file = getattr(sys.modules.get(home), "__file__", None)
    return Origin.INSTALLED if file is None else origin_of_file(file)


@cache
def origin_of_file(file: str) -> Origin:
    """Whose code a source file holds."""
    if file.startswith("<frozen"):
        return Origin.STANDARD
    path = Path(file).absolute()
    if any(path.is_relative_to(folder) for folder in _package_folders()):
        return Origin.INSTALLED
    return Origin.STANDARD if path.is_relative_to(_standard_folder()) else Origin.OWN


@cache
def _package_folders() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    folders = {paths["purelib"], paths["platlib"], *site.getsitepackages()}
    if site.ENABLE_USER_SITE:
        folders.add(site.getusersitepackages())
    return tuple(map(Path, sorted(folders)))


@cache
def _standard_folder() -> Path:
    return Path(sysconfig.get_paths()["stdlib"])
