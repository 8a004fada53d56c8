"""The first steps of a trial's process, from its fork to the trial that it is given."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from prefect_tuner.tasks.messages.attempt_request import StartOrder
from prefect_tuner.tasks.messages.wire import ConnectionClosed, receive_frame
from prefect_tuner.tasks.objectives.objective_loading import LoadedObjective
from prefect_tuner.tasks.process_table.process_tree import TRIAL_MARK
from prefect_tuner.tasks.trial_process.exit_handlers import leave_parents_exit_handlers
from prefect_tuner.tasks.trial_process.program_end import end_program, flush_output
from prefect_tuner.tasks.trial_process.trial_process import prepare_trial_process, run_trial_process
from prefect_tuner.tasks.trial_process.user_globals import UserGlobals

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_OOM_SCORE = b"800"

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Inherited:
    """What a trial's process has of its parent.

    Attributes:
        parent: The parent's process number.
        handover: On which the trial comes.
        load: Returns the objective.
        held: What the user's modules hold in the parent, which may have loaded it.
    """

    parent: int
    handover: socket.socket
    load: Callable[[], LoadedObjective]
    held: UserGlobals


def become_trial(inherited: Inherited, environment: Mapping[str, str], *, ahead: bool) -> NoReturn:
    """Wait for a trial in a process that was just forked, and run it.

    Args:
        inherited: What comes from the parent.
        environment: Variables of the place that it is made for.
        ahead: Whether to load the objective before the trial comes.
    """
    _leave_parent(inherited.parent)
    prepared = prepare_trial_process(inherited.held)
    os.environ.update(environment)
    load = inherited.load
    printed: int | None = None
    if ahead and not inherited.held.is_import_shared:
        printed = os.memfd_create("printed")
        for descriptor in (1, 2):
            os.dup2(printed, descriptor)
        load = _loaded_ahead(inherited)
    try:
        data, (report, output) = receive_frame(inherited.handover, descriptors=2)
    except ConnectionClosed:
        if printed is not None:  # What was imported may have something to clear away.
            end_program(lambda _: None, prepared.held, [])
        os._exit(0)
    order = StartOrder.from_json(data)
    os.environ.update(order.environment)
    os.environ[TRIAL_MARK] = order.trial
    _redirect_output(output, printed)

    def load_and_tell() -> LoadedObjective:
        try:
            return load()
        finally:
            with inherited.handover as handover, suppress(OSError):
                handover.send(b".", socket.MSG_NOSIGNAL)

    run_trial_process(load_and_tell, order, report, prepared)


def _loaded_ahead(inherited: Inherited) -> Callable[[], LoadedObjective]:
    try:
        objective = inherited.load()
    except BaseException:  # noqa: BLE001 - loading it runs the user's code
        # It is tried again when there is a trial, and a log for what is wrong with it.
        return inherited.load
    gc.collect()
    gc.freeze()
    return lambda: objective


def control_process(option: int, value: int) -> None:
    """Have the kernel do something to this process, see `prctl(2)`."""
    if _libc is not None:
        _libc.prctl(option, value)


def _leave_parent(parent: int) -> None:
    with suppress(OSError):
        os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    control_process(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    # What the trial starts stays below it in the tree as long as it runs, daemons included.
    control_process(_PR_SET_CHILD_SUBREAPER, 1)
    leave_parents_exit_handlers()
    # If memory runs out, the kernel shall take the trial, not the flow.
    with suppress(OSError):
        score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(score, _OOM_SCORE)
        os.close(score)


def _redirect_output(output: int, printed: int | None) -> None:
    """Let the standard streams lead to the trial's log, and what was printed before go first."""
    if printed is not None:
        flush_output()
        os.lseek(printed, 0, os.SEEK_SET)
        while chunk := os.read(printed, 1 << 16):
            while chunk:
                chunk = chunk[os.write(output, chunk) :]
        os.close(printed)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)
