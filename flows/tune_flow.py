"""The kind of flow that `tune` is: what it sees to before Prefect makes a run of it."""

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, final

from prefect import Flow
from prefect.context import FlowRunContext

from prefect_tuner.flows.result_serializer import RESULT_SERIALIZER
from prefect_tuner.flows.run.embedded_server import embedded_server_where_none
from prefect_tuner.flows.run.stored_parameters import check_stored, stored_parameters
from prefect_tuner.flows.run.study_plan import StudyPlan
from prefect_tuner.flows.run.study_run import run_study
from prefect_tuner.tasks.objectives.bound_state import bound_state
from prefect_tuner.tasks.objectives.objective_code import objective_code
from prefect_tuner.tasks.objectives.objective_import import check_not_importing

P = ParamSpec("P")
R = TypeVar("R")

_DIGITS = 16


@final
class TuneFlow(Flow[P, R]):
    """A flow whose parameters are those of `tune`.

    - A call from the module that is imported as its own objective is refused, before it nests.
    - What Prefect's database cannot hold is refused before it gets there; the rest is stored in
      the form in which a deployment would be given it.
    - In a larger flow that is retried, Prefect hands back the result of what ran before in the same
      place. The place of a study there is what it is, rather than how many came before it.
    """

    if not TYPE_CHECKING:  # What it takes and gives is in Prefect's overloads.

        def __call__(
            self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
        ) -> Any:
            """Run the flow; see `prefect.Flow`.

            Raises:
                InvalidConfiguration: There is no run, since Prefect could not store the parameters,
                    or since the call comes from the import of an objective.
            """
            check_not_importing()
            parameters = bound_parameters(self.fn, self.name, args, kwargs)
            check_stored(stored_parameters(parameters))
            flow = self if FlowRunContext.get() is None else self._placed(parameters)
            with embedded_server_where_none():
                return Flow.__call__(
                    flow, *args, return_state=return_state, wait_for=wait_for, **kwargs
                )

        def with_options(self, **options: Any) -> TuneFlow[P, R]:
            """The same flow with other options; see `prefect.Flow`."""
            flow = copy.copy(self)
            vars(flow).update(vars(super().with_options(**options)))
            return flow

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The parameters as Prefect stores them."""
        return super().serialize_parameters(stored_parameters(parameters))

    def run_planned(self, plan: StudyPlan) -> R:
        """Run a study that is planned already: nothing is checked or made again.

        Prefect stores the parameters of which the plan was made. When it retries the flow run, the
        study is planned anew: a plan can be run once.
        """
        function, waiting = self.fn, [plan]

        def planned(*args: Any, **kwargs: Any) -> Any:
            return run_study(waiting.pop(), plan.name) if waiting else function(*args, **kwargs)

        run: Any = self._calling(planned)
        result: R = run(**plan.given)
        return result

    def _placed(self, parameters: dict[str, Any]) -> TuneFlow[P, R]:
        """This flow, under a name of its own for the task run that stands for it in its parent.

        Prefect takes that name, and counts calls by it, from the function's.
        """
        function = self.fn

        def placed(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        flow = self._calling(placed)
        flow.fn.__qualname__ = f"tune_{_digest_of(parameters)}"
        return flow

    def _calling(self, function: Callable[..., Any]) -> TuneFlow[P, R]:
        """This flow with another function, which takes the same parameters."""
        flow = copy.copy(self)
        flow.fn = functools.wraps(self.fn)(function)
        return flow


def bound_parameters(
    function: Callable[..., Any], name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """All parameters of a call, by name.

    Raises:
        TypeError: It is no call of the function; what was given is not repeated.
    """
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:  # Prefect's own error would repeat all that was given.
        raise TypeError(f"{name}: {error}") from None
    bound.apply_defaults()
    return bound.arguments


def tune_flow(function: Callable[P, R]) -> TuneFlow[P, R]:
    """Make a function the flow `tune`.

    Its parameters are checked by `plan_study`: it finds all the mistakes, and takes from Python
    what has no JSON form. The result is kept as JSON so that other flow runs can read it.
    """
    return TuneFlow(
        function,
        name="tune",
        validate_parameters=False,
        persist_result=True,
        result_serializer=RESULT_SERIALIZER,
    )


def _digest_of(parameters: dict[str, Any]) -> str:
    """Equal for equal studies; who is told of one and where it runs make no difference to it."""
    described = stored_parameters(parameters)
    for name in ("observers", "engine", "engine_options"):
        described.pop(name, None)
    objective = parameters.get("objective")
    described["objective.code"] = objective_code(objective)
    described["objective.state"] = bound_state(objective)
    text = json.dumps(described, sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:_DIGITS]
