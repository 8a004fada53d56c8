"""How an objective is called: with the parameters as a mapping, or each by its name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from prefect_tuner.errors import ObjectiveNotFound
from prefect_tuner.hyper_value import Params
from prefect_tuner.tasks.objectives.trial_context import TrialContext

ObjectiveCall: TypeAlias = Callable[[Params, TrialContext], Any]
"""Calls an objective in the form that it has."""

_CONTEXT = "trial"
"""The name of the argument that is given the trial."""

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def objective_call(
    function: Callable[..., Any],
    name: str,
    parameters: Sequence[str] = (),
    conditional: Sequence[str] = (),
) -> ObjectiveCall:
    """How to call a function as an objective.

    A function whose arguments are named after the parameters is given each by its name; one that
    takes `**others` may leave the naming to that. Any other is given a mapping, and as the second
    argument the trial, if it takes one: without a default, or named `trial`.

    Args:
        function: The function or method.
        name: What the objective is called in messages.
        parameters: The names in the search space; empty where that is not known.
        conditional: Those of them that not every trial has.

    Raises:
        ObjectiveNotFound: It cannot be called in either form.

    Example:
        ```python
        from prefect_tuner.tasks.objectives.objective_call import objective_call
        from prefect_tuner.tasks.objectives.trial_context import TrialContext

        def train(lr: float, depth: int = 3) -> float:
            return lr * depth

        call = objective_call(train, "train", ["lr", "depth"])
        assert call({"lr": 0.5, "depth": 4}, TrialContext(number=0, seed=0)) == 2.0
        ```
    """
    try:
        arguments = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # A builtin without a signature.
        if isinstance(function, functools.partial):
            raise ObjectiveNotFound(
                f"objective {name!r}: the arguments bound to it do not fit its function"
            ) from None
        return lambda params, _: function(params)
    if _is_by_name(arguments, parameters):
        _check_names(arguments, name, parameters, conditional)
        if any(a.name == _CONTEXT for a in arguments) and _CONTEXT not in parameters:
            return lambda params, trial: function(**params, trial=trial)
        return lambda params, _: function(**params)
    if _takes_context(arguments, name, parameters):
        return function
    return lambda params, _: function(params)


def _is_by_name(arguments: Sequence[inspect.Parameter], parameters: Sequence[str]) -> bool:
    named = [a for a in arguments if a.kind in (*_POSITIONAL, a.KEYWORD_ONLY)]
    required = {a.name for a in named if a.default is a.empty} - {_CONTEXT}
    if any(each in parameters for each in required):
        return True
    kinds = {a.kind for a in arguments}
    # With `*args` as well, it is a wrapper that says nothing of what it wraps.
    takes_others = kinds >= {inspect.Parameter.VAR_KEYWORD} and not (
        kinds & {inspect.Parameter.VAR_POSITIONAL}
    )
    return not required and (takes_others or any(a.name in parameters for a in named))


def _check_names(
    arguments: Sequence[inspect.Parameter],
    name: str,
    parameters: Sequence[str],
    conditional: Sequence[str],
) -> None:
    mistakes: list[str] = []
    for argument in arguments:
        required = argument.default is argument.empty and argument.kind not in (
            argument.VAR_KEYWORD,
            argument.VAR_POSITIONAL,
        )
        if argument.kind is argument.POSITIONAL_ONLY:
            mistakes.append(f"its argument {argument.name!r} cannot be given by name")
        elif required and argument.name not in (*parameters, _CONTEXT):
            mistakes.append(
                f"its argument {argument.name!r} has no default and is no parameter of the space"
            )
        elif required and argument.name in conditional:
            mistakes.append(
                f"its argument {argument.name!r} needs a default, since not every trial has the "
                "conditional parameter"
            )
    taken = {argument.name for argument in arguments}
    if not any(argument.kind is argument.VAR_KEYWORD for argument in arguments):
        mistakes += [
            f"it has no argument for the parameter {each!r}"
            for each in parameters
            if each not in taken
        ]
    if mistakes:
        raise ObjectiveNotFound(
            f"objective {name!r}: takes the parameters by name, ({_names(arguments)}), but "
            + "; ".join(mistakes)
        )


def _takes_context(
    arguments: Sequence[inspect.Parameter], name: str, parameters: Sequence[str]
) -> bool:
    positional = [a for a in arguments if a.kind in _POSITIONAL]
    required = [a for a in positional if a.default is a.empty]
    takes_any = any(a.kind is a.VAR_POSITIONAL for a in arguments)
    needs_keywords = any(a.kind is a.KEYWORD_ONLY and a.default is a.empty for a in arguments)
    if (not positional and not takes_any) or len(required) > 2 or needs_keywords:
        listed = f", by their names ({', '.join(parameters)})" if parameters else ""
        raise ObjectiveNotFound(
            f"objective {name!r}: must take the parameters{listed}, or as one mapping, and the "
            f"trial if it is to know it, got the arguments ({_names(arguments)})"
        )
    return len(positional) > 1 and (len(required) > 1 or positional[1].name == _CONTEXT)


def _names(arguments: Sequence[inspect.Parameter]) -> str:
    """The names alone: a default may be a data set."""
    return ", ".join(
        str(each.replace(annotation=each.empty, default=each.empty)) for each in arguments
    )
