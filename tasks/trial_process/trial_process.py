"""What runs in a trial's own process: the objective, and the end of the program."""

from __future__ import annotations

import faulthandler
import gc
import inspect
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from prefect_tuner.ending import Ending
from prefect_tuner.printable_text import printable_line
from prefect_tuner.tasks.messages.attempt_request import StartOrder
from prefect_tuner.tasks.messages.report_pipe import LOG_TEXT_LIMIT, ReportPipe
from prefect_tuner.tasks.messages.trial_notes import TrialNotes
from prefect_tuner.tasks.objectives.objective_loading import LoadedObjective
from prefect_tuner.tasks.objectives.objective_traceback import format_traceback
from prefect_tuner.tasks.objectives.trial_context import TrialContext
from prefect_tuner.tasks.process_table.process_tree import children
from prefect_tuner.tasks.process_table.trial_memory import MemoryPeak, memory_of
from prefect_tuner.tasks.trial_process.log_records import report_log_records, report_warnings
from prefect_tuner.tasks.trial_process.metric import InvalidMetric, Returned, read_metric
from prefect_tuner.tasks.trial_process.program_end import (
    end_program,
    flush_output,
    rehearse_end,
    show_uncaught,
)
from prefect_tuner.tasks.trial_process.run_context import TrialRunContext
from prefect_tuner.tasks.trial_process.seeding import seed_generators, touch_generators
from prefect_tuner.tasks.trial_process.user_globals import UserGlobals
from prefect_tuner.trial import KEPT_EXTRA, Outcome


class TrialTerminated(BaseException):
    """Raised in the objective by SIGTERM, so that its `finally` blocks run before SIGKILL."""


@dataclass(frozen=True)
class PreparedProcess:
    """A process that waits for its trial.

    Attributes:
        notes: Where it leaves what its supervisor may want to read.
        held: What the user's modules hold that is not the trial's own.
    """

    notes: TrialNotes
    held: UserGlobals


def prepare_trial_process(held: UserGlobals) -> PreparedProcess:
    """Do what can be done in a trial's process before it is known which trial it will be.

    Args:
        held: What the user's modules hold that is not the trial's own.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # A module may have replaced it while it was imported.
            stream.reconfigure(  # type: ignore[union-attr]
                encoding="utf-8", errors="backslashreplace", line_buffering=True
            )
    # A segmentation fault then leaves its Python traceback in the trial's log.
    faulthandler.enable(file=2)
    touch_generators()  # For the kernel: memory that was written to is copied by now.
    if held.is_import_shared:  # Otherwise a module may still set up logging for itself.
        _rehearse(held)
    return PreparedProcess(TrialNotes(), held)


def run_trial_process(
    load: Callable[[], LoadedObjective],
    order: StartOrder,
    report: int,
    prepared: PreparedProcess,
) -> NoReturn:
    """Run one trial in this process, which is a fork made for it, and end the process.

    Args:
        load: Returns the objective.
        order: The trial.
        report: Descriptor of the connection to the supervisor.
        prepared: What `prepare_trial_process` gave.
    """
    process = os.getpid()
    pipe = ReportPipe(report)
    terminated = threading.Event()

    def terminate(*_: object) -> None:
        if os.getpid() != process:  # It came to a fork of the objective's own, just made.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        terminated.set()
        raise TrialTerminated

    os.set_inheritable(report, False)
    _have_forks_end_by_sigterm(terminate)
    trial = _Trial(load, order, pipe, prepared)
    ending: Ending | None = None
    with suppress(TrialTerminated):  # It may hit our own lines, before or after the objective.
        signal.signal(signal.SIGTERM, terminate)
        ending = trial.run()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if os.getpid() != process:
        os._exit(0)  # A fork of the objective's own that returned from it, too.
    if terminated.is_set():
        flush_output()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(process, signal.SIGTERM)  # The exit status then tells the truth.
    # Whoever stops the study waits a little, and the end of the program is not cut short.
    signal.signal(signal.SIGTERM, lambda *_: None)
    if ending is not None:
        # The clock is that of all processes of this machine; whoever reads this may do so late.
        pipe.send({"type": "ended", "at": time.monotonic(), **ending.to_json()})
    trial.end_program()
    if not children(process):
        pipe.send({"type": "closed"})
    os._exit(0)


class _Trial:
    """One trial, in its process."""

    def __init__(
        self,
        load: Callable[[], LoadedObjective],
        order: StartOrder,
        pipe: ReportPipe,
        prepared: PreparedProcess,
    ) -> None:
        self._load = load
        self._order = order
        self._pipe = pipe
        self._prepared = prepared
        self._objective: LoadedObjective | None = None
        self._started: float | None = None
        self._peak: MemoryPeak | None = None
        self._run_context = TrialRunContext(pipe)
        request = order.request
        self._context = TrialContext(
            number=request.number,
            seed=request.seed,
            attempt=request.attempt,
            study=request.study,
            slot=order.slot,
            device=order.device,
            reevaluates=request.reevaluates,
            _send=pipe.log,
        )

    def run(self) -> Ending:
        """Run the objective and tell how it ended."""
        ending = self._ending()
        duration = None if self._started is None else time.monotonic() - self._started
        memory = None if self._peak is None else self._peak.added()
        return replace(ending, duration=duration, memory=memory)

    def end_program(self) -> None:
        """Do what a program does after its last line."""
        namespaces = [] if self._objective is None else self._objective.namespaces
        with suppress(BaseException):  # Nothing of it changes what came of the trial.
            self._run_context.leave()
            end_program(self._prepared.notes.write, self._prepared.held, namespaces)

    def _ending(self) -> Ending:
        try:
            returned = self._call()
        except InvalidMetric as error:
            return Ending(Outcome.INVALID_METRIC, str(error))
        except SystemExit as error:
            code = printable_line(_text(error.code))
            return Ending(Outcome.CRASHED, f"the objective called sys.exit({code})")
        except TrialTerminated:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raises is the trial's outcome
            show_uncaught(type(error), error, error.__traceback__)
            return Ending(
                Outcome.OUT_OF_MEMORY if isinstance(error, MemoryError) else Outcome.FAILED,
                f"{type(error).__name__}: {_text(error)}",
                traceback=format_traceback(error),
            )
        if returned.left_out:
            names = ", ".join(returned.left_out)
            self._context.log(
                f"left out, since only {KEPT_EXTRA} are kept: {names}", logging.WARNING
            )
        return Ending(Outcome.COMPLETED, metric=returned.metric, extra=returned.extra)

    def _call(self) -> Returned:
        self._objective = objective = self._load()
        report_warnings(self._pipe)
        report_log_records(self._pipe)  # Not before: a module may set up logging for itself.
        self._run_context.enter_when_needed()
        seed_generators(self._order.request.seed)
        started: dict[str, Any] = {"type": "started", "pid": os.getpid()}
        started |= {"note": self._prepared.notes.note, "stacks": self._prepared.notes.stacks}
        if self._order.measures_memory:
            gc.collect()
            started["memory"] = memory_of(os.getpid()).to_json()
        self._peak = MemoryPeak()
        started["held"] = self._peak.held_before
        self._pipe.send(started)
        self._started = time.monotonic()
        value = objective.call(self._order.request.params, self._context)
        if inspect.iscoroutine(value):
            import asyncio  # Costly, and loaded by the fork server where it is needed.

            value = asyncio.run(value)
        return read_metric(value)


def _rehearse(held: UserGlobals) -> None:
    """Take steps of a trial that leave nothing behind, ahead of time.

    In a fork, the kernel copies a page of memory when it is first written to. This has it done
    before there is a trial that waits for it.
    """
    pipe = ReportPipe(-1)
    report_log_records(pipe)
    pipe.send({"type": "started", "pid": os.getpid()})
    read_metric(0.0)
    rehearse_end(held)


def _have_forks_end_by_sigterm(ours: Callable[..., None]) -> None:
    """SIGTERM ends a process that the objective forks, as it ends any other.

    It waits until the process has no handler of ours any more: the interpreter forgets what has
    come while it was forked, and whoever has sent it, such as a pool, would wait for ever.
    """
    masks: list[set[int]] = []

    def before() -> None:
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}))

    def in_parent() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.pop())

    def in_child() -> None:
        if signal.getsignal(signal.SIGTERM) is ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        in_parent()

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def _text(value: object) -> str:
    try:
        return str(value)[:LOG_TEXT_LIMIT]
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
        return "(its str() raises)"
