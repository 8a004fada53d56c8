"""Classes that are found by a name: those of this package, and those that others register.

```
name -> a built-in "module:attribute", or an entry point of an installed package -> the class
```
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.redaction import shown
from prefect_tuner.validation import unknown_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints


@dataclass(frozen=True)
class Registry:
    """The classes of one kind. None is imported before it is asked for by its name.

    Attributes:
        parameter: The parameter that such a name is given for.
        group: The group of entry points in which installed packages register theirs.
        built_in: Names, and where the class of each lives. A plug-in cannot replace them.
        check: What is wrong with a candidate for such a class; empty where nothing is.
        told: From a name and what is wrong with what it stands for to the whole mistake.

    Example:
        ```python
        from prefect_tuner.plug_ins import Registry

        built_in = {"exact": "decimal:Decimal"}
        kinds = Registry("number", "x.numbers", built_in, lambda _: "", "number {}: {}".format)
        assert kinds.names() == ["exact"]
        assert kinds.load("exact")("0.5") == 0.5
        ```
    """

    parameter: str
    group: str
    built_in: Mapping[str, str]
    check: Callable[[Any], str]
    told: Callable[[str, str], str]

    def names(self) -> list[str]:
        """All names, built in and installed, sorted."""
        return sorted({*self.built_in, *self._plug_ins().names})

    def plug_in_names(self) -> list[str]:
        """Those of installed packages, sorted; not those that are built in as well."""
        return sorted(self._plug_ins().names - self.built_in.keys())

    def load(self, name: str) -> Any:
        """The class of a name.

        Raises:
            InvalidConfiguration: The name is not known, or its plug-in cannot be loaded.
        """
        if name in self.built_in:
            module, _, attribute = self.built_in[name].partition(":")
            return self._checked(name, getattr(import_module(module), attribute), "it")
        plug_ins = {(_distribution(p), p.value): p for p in self._plug_ins().select(name=name)}
        if not plug_ins:
            raise InvalidConfiguration(
                f"{self.parameter}: {name!r} {unknown_name(name, self.names())}"
            )
        if len(plug_ins) > 1:
            sources = " and ".join(sorted(distribution for distribution, _ in plug_ins))
            twice = f"is registered more than once, by {sources}; keep only one installed"
            raise InvalidConfiguration(self.told(name, twice))
        return self._load_plug_in(name, next(iter(plug_ins.values())))

    def _load_plug_in(self, name: str, plug_in: EntryPoint) -> Any:
        source = f"the plug-in {plug_in.value!r} of {_distribution(plug_in)}"
        # Whatever a third party's module raises at import is for its user to see, with its name.
        try:
            loaded = plug_in.load()
        except Exception as error:
            why = f"{source} cannot be loaded: {type(error).__name__}: {error}"
            raise InvalidConfiguration(self.told(name, why)) from error
        return self._checked(name, loaded, source)

    def _checked(self, name: str, candidate: Any, source: str) -> Any:
        if mistake := self.check(candidate):
            raise InvalidConfiguration(self.told(name, f"{source} {mistake}"))
        return candidate

    def _plug_ins(self) -> EntryPoints:
        # Costs more to import than all of this package, and a built-in class does without.
        from importlib.metadata import entry_points

        return entry_points(group=self.group)


def subclass_mistake(candidate: Any, base: type) -> str:
    """What is wrong with a candidate for a subclass that can be used; empty where nothing is.

    Example:
        ```python
        from prefect_tuner.plug_ins import subclass_mistake

        assert subclass_mistake(bool, int) == ""
        assert subclass_mistake(3, int) == "must be a subclass of int, got 3"
        ```
    """
    if not (isinstance(candidate, type) and issubclass(candidate, base)):
        return f"must be a subclass of {base.__name__}, got {shown(candidate)}"
    abstract: frozenset[str] = getattr(candidate, "__abstractmethods__", frozenset())
    return f"must define {', '.join(sorted(abstract))}" if abstract else ""


def _distribution(plug_in: EntryPoint) -> str:
    return f"{plug_in.dist.name} {plug_in.dist.version}" if plug_in.dist else "an unknown package"
