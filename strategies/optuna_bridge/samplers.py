"""Optuna's samplers by name, and samplers of others by where they are."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.validation import unknown_name

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

SamplerFactory: TypeAlias = "Callable[[int], BaseSampler]"
"""Makes a sampler from a seed."""

# Built upon others, or upon what cannot be written in a study's definition.
_NO_SAMPLERS = ("BaseSampler", "BaseGASampler", "PartialFixedSampler")
_PACKAGES = {
    "CmaEsSampler": ("cmaes", "prefect-tuner[cmaes]"),
    "GPSampler": ("torch", "torch"),
}
_TRIALS_ALONE = ("GPSampler", "RandomSampler", "TPESampler")


def sampler_class(name: str) -> type[BaseSampler]:
    """The class of samplers that a name stands for.

    Args:
        name: A class of `optuna.samplers`, in full or in short (`NSGAIISampler`, `nsgaii`), or
            `package.module:Class`.

    Raises:
        InvalidConfiguration: Optuna is not installed, the name is not known, the class cannot be
            imported, or it needs a package that is not installed.

    Example:
        ```python
        from prefect_tuner.strategies.optuna_bridge.samplers import sampler_class

        assert sampler_class("nsgaii") is sampler_class("NSGAIISampler")
        ```
    """
    if find_spec("optuna") is None:
        raise InvalidConfiguration('needs Optuna: pip install "prefect-tuner[optuna]"')
    if ":" in name:
        return _imported(name)
    from optuna import samplers

    known = {
        each: getattr(samplers, each)
        for each in samplers.__all__
        if each.endswith("Sampler") and each not in _NO_SAMPLERS
    }
    in_full = {_short(each): each for each in known}
    if _short(name) not in in_full:
        raise InvalidConfiguration(f"option sampler {name!r} {unknown_name(name, known)}")
    sampler = in_full[_short(name)]
    package, to_install = _PACKAGES.get(sampler, ("", ""))
    if package and find_spec(package) is None:
        raise InvalidConfiguration(
            f'option sampler {name!r} needs {package}: pip install "{to_install}"'
        )
    found: type[BaseSampler] = known[sampler]
    return found


def sampler_factory(sampler: type[BaseSampler], options: Mapping[str, object]) -> SamplerFactory:
    """What makes samplers of a class with these options.

    Args:
        sampler: The class.
        options: Its arguments by name, without a seed.

    Raises:
        InvalidConfiguration: The class has no such arguments, needs others, or refuses their
            values.
    """
    parameters = inspect.signature(sampler).parameters
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    known = [name for name in parameters if name != "seed"]
    mistakes = []
    if "seed" in options:
        mistakes.append("option sampler_options.seed is not for you to set: the study has a seed")
    if options.get("with_margin"):
        # The points of the margin cannot be told from the trials, see `optuna_study`.
        mistakes.append(
            'option sampler_options.with_margin cannot be kept up by this strategy; use "cmaes", '
            "which has a margin for integers and categoricals"
        )
    mistakes += [
        f"option sampler_options.{name} {unknown_name(name, known)}"
        for name in options
        if name not in parameters and not takes_any
    ]
    if mistakes:
        raise InvalidConfiguration(*mistakes)

    def make(seed: int) -> BaseSampler:
        arguments = {**options, "seed": seed} if "seed" in parameters else dict(options)
        made: BaseSampler = sampler(**arguments)
        return made

    try:
        with quiet_optuna():
            make(0)
    # Whatever a sampler says of its arguments is for the user to see.
    except Exception as error:
        raise InvalidConfiguration(
            f"option sampler_options {dict(options)!r} cannot be given to {sampler.__name__}: "
            f"{type(error).__name__}: {error}"
        ) from error
    return make


def decides_from_trials_alone(sampler: type[BaseSampler]) -> bool:
    """Whether a sampler is known to keep nothing in the study but its trials' params and values."""
    return sampler.__module__.startswith("optuna.") and sampler.__name__ in _TRIALS_ALONE


def reseed(sampler: object, seed: int) -> None:
    """Set all random streams of a sampler, wherever it holds them, as if made with a seed.

    What is no stream stays, such as the scrambling of a quasi-random sequence.
    """
    seen: set[int] = set()
    waiting = [sampler]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, np.random.RandomState):
            each.seed(seed)
        elif isinstance(each, np.random.Generator):
            stream = each.bit_generator
            stream.state = type(stream)(seed).state
        elif isinstance(each, list | tuple):
            waiting += each
        elif isinstance(each, dict):
            waiting += each.values()
        elif type(each).__module__.partition(".")[0] not in ("builtins", "numpy", "torch"):
            waiting += getattr(each, "__dict__", {}).values()


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep what Optuna says of experimental features and of its own doings to itself."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _short(name: str) -> str:
    return name.lower().removesuffix("sampler")


def _imported(name: str) -> type[BaseSampler]:
    from optuna.samplers import BaseSampler

    module, _, attribute = name.partition(":")
    # Whatever a third party's module raises at import is for its user to see.
    try:
        found: Any = getattr(import_module(module), attribute)
    except Exception as error:
        raise InvalidConfiguration(
            f"option sampler {name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, BaseSampler)):
        raise InvalidConfiguration(
            f"option sampler {name!r} must be a subclass of optuna.samplers.BaseSampler, "
            f"got {found!r}"
        )
    return found
