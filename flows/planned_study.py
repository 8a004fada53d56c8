"""A study that was planned before its flow run began, such as that of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from prefect_tuner.flows.study_plan import StudyPlan

_planned: ContextVar[StudyPlan | None] = ContextVar("prefect_tuner_plan", default=None)


@contextmanager
def planned(plan: StudyPlan) -> Iterator[None]:
    """Have the next call of `tune` inside of the `with` block run this study, its parameters aside.

    What is checked, imported and made for a plan is so once.
    """
    token = _planned.set(plan)
    try:
        yield
    finally:
        _planned.reset(token)


def take_planned_study() -> StudyPlan | None:
    """The plan of the block around the caller; the first who asks has it."""
    plan = _planned.get()
    if plan is not None:
        _planned.set(None)
    return plan
