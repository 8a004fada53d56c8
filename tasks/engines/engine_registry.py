"""The engines by their names: those of this package, and those that others register.

Third parties register an engine by an entry point, after which its name works everywhere:

```toml
[project.entry-points."prefect_tuner.engines"]
batch = "my_package.batch:BatchEngine"
```
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, NamedTuple

from pydantic import SecretBytes, SecretStr, ValidationError

from prefect_tuner.choice_value import checked_choice
from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.plug_ins import Registry, subclass_mistake
from prefect_tuner.redaction import redacted, secrets_in
from prefect_tuner.tasks.engine import Engine, EngineOptions
from prefect_tuner.tasks.objectives.allowed_objectives import ALLOWED_OBJECTIVES, is_limited
from prefect_tuner.validation import mistakes_from

ENTRY_POINT_GROUP = "prefect_tuner.engines"
"""Where installed packages register engines of their own."""

DEFAULT_ENGINE = "local"
"""The engine of studies that name none."""


class _BuiltIn(NamedTuple):
    path: str
    package: str = ""
    """What it needs beyond what every installation has; the extra bears the engine's name."""


_BUILT_IN = {
    "dask": _BuiltIn("prefect_tuner.tasks.engines.dask:DaskEngine", "prefect_dask"),
    "deployment": _BuiltIn("prefect_tuner.tasks.engines.deployment:DeploymentEngine"),
    "local": _BuiltIn("prefect_tuner.tasks.engines.local:LocalEngine"),
    "ray": _BuiltIn("prefect_tuner.tasks.engines.ray:RayEngine", "prefect_ray"),
}


def engine_names() -> list[str]:
    """The names of all engines, built in and installed, sorted. Imports none of them."""
    return _REGISTRY.names()


def engine_class(name: str) -> type[Engine]:
    """The engine registered under `name`, imported when asked for.

    Built-in names come first: a plug-in cannot replace them.

    Raises:
        InvalidConfiguration: The name is not known, what it needs is not installed, or its plug-in
            cannot be loaded.

    Example:
        ```python
        from prefect_tuner.tasks.engines.engine_registry import engine_class

        assert engine_class("local").__name__ == "LocalEngine"
        ```
    """
    package = _BUILT_IN[name].package if name in _BUILT_IN else ""
    if package and find_spec(package) is None:
        raise InvalidConfiguration(_told(name, f"needs {_distribution(package)}: {_install(name)}"))
    try:
        found: type[Engine] = _REGISTRY.load(name)
    except (ImportError, AttributeError) as error:  # Of a package of another time.
        why = f"it cannot be loaded ({error}): {_install(name)}"
        raise InvalidConfiguration(_told(name, why)) from error
    return found


def parse_engine(name: object, options: object) -> tuple[type[Engine], EngineOptions]:
    """The class and the validated options that a study's `engine` and `engine_options` stand for.

    Options are JSON data without secrets: they are kept in Prefect's database and in the ledger.

    Raises:
        InvalidConfiguration: Lists all the mistakes: the engine is not known or cannot be used, an
            option is not known, of the wrong kind or holds a secret.

    Example:
        ```python
        from prefect_tuner.errors import InvalidConfiguration
        from prefect_tuner.tasks.engines.engine_registry import parse_engine

        engine, options = parse_engine("local", {})
        assert options == engine.Options()
        try:
            parse_engine("locla", {})
        except InvalidConfiguration as error:
            assert "did you mean 'local'?" in str(error)
        ```
    """
    mistakes: list[str] = []
    given = _data(options, mistakes)
    engine: type[Engine] | None = None
    try:
        engine = engine_class(_checked_name(name))
    except InvalidConfiguration as error:
        mistakes = [*error.mistakes, *mistakes]
    validated: EngineOptions | None = None
    if engine is not None:
        try:
            validated = engine.Options.model_validate(given)
        except ValidationError as error:
            mistakes += mistakes_from(error, "engine_options", engine.Options)
        else:
            secret = [each for each in given if _is_secret(getattr(validated, each, None))]
            mistakes += [_secret_mistake(each) for each in secret]
            if is_limited():
                mistakes += _not_harmless(validated)
    if mistakes or engine is None or validated is None:
        raise InvalidConfiguration(*dict.fromkeys(mistakes))
    return engine, validated


def engines_in_use() -> Iterator[type[Engine]]:
    """The engines whose task runner a flow may have: of plug-ins, and of packages it has loaded."""
    loaded = [name for name, (_, package) in _BUILT_IN.items() if package in sys.modules]
    for name in [*loaded, *_REGISTRY.plug_in_names()]:
        with suppress(InvalidConfiguration):  # Nobody has asked for it.
            yield engine_class(name)


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        names = ", ".join(map(repr, engine_names()))
        raise InvalidConfiguration(f"engine: must be one of {names}, got {redacted(name)}")
    return name


def _data(options: object, mistakes: list[str]) -> dict[str, Any]:
    """Options that are JSON data without secrets; what is wrong with others is added."""
    if not isinstance(options, Mapping):
        mistakes.append(f"engine_options: must be a mapping, got {redacted(options)}")
        return {}
    given = {str(name): value for name, value in options.items()}
    data: dict[str, Any] = {}
    for name, value in given.items():
        try:
            data[name] = checked_choice(value, f"engine_options.{name}", "the option")
        except InvalidConfiguration as error:
            mistakes += error.mistakes
    mistakes += [_secret_mistake(".".join(map(str, place))) for place in secrets_in(given)]
    return data


def _not_harmless(options: EngineOptions) -> list[str]:
    """Where only some objectives may run: what would have others run, or elsewhere."""
    return [
        f"engine_options.{name}: must not be given here, since {ALLOWED_OBJECTIVES} limits what "
        "runs; whoever runs this machine can give the flow a task runner instead"
        for name in sorted(options.model_fields_set - options.harmless)
    ]


def _secret_mistake(place: str) -> str:
    return (
        f"engine_options.{place}: must not hold a secret: Prefect's database and the ledger keep "
        "what a study is started with; have the engine's cluster find it in its environment or in "
        "its own configuration"
    )


def _is_secret(value: object) -> bool:
    return isinstance(value, SecretStr | SecretBytes) and bool(value.get_secret_value())


def _mistake(candidate: Any) -> str:
    """What is wrong with a candidate for an engine; empty where nothing is."""
    if mistake := subclass_mistake(candidate, Engine):
        return mistake
    if mistake := subclass_mistake(candidate.Options, EngineOptions):
        return f"has Options that {mistake}"
    return ""


def _distribution(package: str) -> str:
    return package.replace("_", "-")


def _install(extra: str) -> str:
    return f"pip install 'prefect-tuner[{extra}]'"


def _told(name: str, what: str) -> str:
    return f"engine: {name!r} cannot be used: {what}"


_REGISTRY = Registry(
    parameter="engine",
    group=ENTRY_POINT_GROUP,
    built_in={name: path for name, (path, _) in _BUILT_IN.items()},
    check=_mistake,
    told=_told,
)
