"""What runs in a trial's own process: the objective, and the report of what came of it.

The report goes through a pipe as lines of JSON, each an object with a key `type`:

- `started`: the trial's clock starts here (`pid`);
- `log`: a line for the trial's log (`level`, `text`);
- `returned` (`metric`, `extra`), `invalid` (`message`), `raised` (`message`, `traceback`,
  `memory`) or `exited` (`code`): how the objective ended, with its `duration`. A trial that got
  SIGTERM ends without a word, whatever the objective made of it.
"""

from __future__ import annotations

import faulthandler
import inspect
import json
import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import numpy as np

from prefect_tuner.extra_value import KEPT
from prefect_tuner.tasks.metric import InvalidMetric, Returned, read_metric
from prefect_tuner.tasks.objective import LoadedObjective
from prefect_tuner.tasks.objective_traceback import format_traceback
from prefect_tuner.tasks.trial_context import TrialContext

LOG_TEXT_LIMIT = 3_000
"""Characters of one log line."""


class TrialTerminated(BaseException):
    """Raised in the objective by SIGTERM, so that its `finally` blocks run before SIGKILL."""


class ReportPipe:
    """The writing end of the pipe to the supervisor.

    Args:
        descriptor: The pipe's file descriptor.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._owner = os.getpid()
        # Reentrant: a signal handler or a finalizer that logs may come in the middle.
        self._lock = threading.RLock()

    def send(self, message: dict[str, Any]) -> None:
        """Write one line; a supervisor that is gone is no error of the objective's."""
        line = json.dumps(message).encode() + b"\n"
        with self._lock, suppress(OSError):
            while line:
                line = line[os.write(self._descriptor, line) :]

    def log(self, level: int, text: str) -> None:
        """Send a line for the trial's log."""
        if len(text) > LOG_TEXT_LIMIT:
            text = text[:LOG_TEXT_LIMIT] + "…"
        if os.getpid() == self._owner:
            self.send({"type": "log", "level": level, "text": text})
        else:  # Processes that the objective forked would tear each other's lines, and ours.
            with suppress(OSError):
                os.write(2, f"{text}\n".encode(errors="replace"))


class ReportHandler(logging.Handler):
    """Sends log records to the supervisor.

    Args:
        pipe: Where to.
    """

    def __init__(self, pipe: ReportPipe) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        try:
            self._pipe.log(record.levelno, f"{record.name}: {self.format(record)}")
        except Exception:  # noqa: BLE001 - logging never hurts the objective
            self.handleError(record)


def prepare_trial_process() -> None:
    """Do what can be done in a trial's process before it is known which trial it will be."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # A module may have replaced it while it was imported.
            stream.reconfigure(  # type: ignore[union-attr]
                encoding="utf-8", errors="backslashreplace", line_buffering=True
            )
    # A segmentation fault then leaves its Python traceback in the trial's log.
    faulthandler.enable(file=2)
    root = logging.getLogger()
    if root.level == logging.WARNING:  # Python's default, which nobody chose.
        root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    _seed_global_generators(0)  # For the kernel: memory that was written to is copied by now.


def run_trial_process(
    load: Callable[[], LoadedObjective], request: dict[str, Any], report: int, output: int
) -> NoReturn:
    """Run one trial in this process, which is a fork made for it, and end the process.

    Args:
        load: Returns the objective.
        request: `params`, `number`, `seed`, `attempt` and `study`.
        report: Descriptor of the pipe to the supervisor.
        output: Descriptor that becomes the standard output and error.
    """
    process = os.getpid()
    pipe = ReportPipe(report)
    terminated = threading.Event()

    def terminate(*_: object) -> NoReturn:
        terminated.set()
        raise TrialTerminated

    os.set_inheritable(report, False)
    _redirect_output(output)
    logging.getLogger().handlers = [ReportHandler(pipe)]
    _seed_global_generators(request["seed"])
    os.register_at_fork(after_in_child=lambda: _reset_termination(terminate))
    ending: dict[str, Any] = {}
    with suppress(TrialTerminated):  # It may hit our own lines, before or after the objective.
        signal.signal(signal.SIGTERM, terminate)
        ending = _run(load, request, pipe)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if os.getpid() != process:
        os._exit(0)  # A fork of the objective's own that returned from it, too.
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # The objective may have closed or replaced it.
            stream.flush()
    if terminated.is_set():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(process, signal.SIGTERM)  # The exit status then tells the truth.
    # The last thing said: the supervisor does not wait for more.
    pipe.send(ending)
    # Without the interpreter's own way out: threads that the objective left behind, and exit
    # handlers that belong to the fork server, would hold up or fail a trial that has ended.
    os._exit(0)


def _run(
    load: Callable[[], LoadedObjective], request: dict[str, Any], pipe: ReportPipe
) -> dict[str, Any]:
    """Run the objective and tell how it ended."""
    context = TrialContext(
        number=request["number"],
        seed=request["seed"],
        attempt=request["attempt"],
        study=request["study"],
        _send=pipe.log,
    )
    started: float | None = None

    def call() -> Returned:
        nonlocal started
        objective = load()
        pipe.send({"type": "started", "pid": os.getpid()})
        started = time.monotonic()
        value = objective(request["params"], context)
        if inspect.iscoroutine(value):
            import asyncio  # Costly, and loaded by the fork server where it is needed.

            value = asyncio.run(value)
        return read_metric(value)

    ending = _ending_of(call, context)
    return {**ending, "duration": None if started is None else time.monotonic() - started}


def _ending_of(call: Callable[[], Returned], context: TrialContext) -> dict[str, Any]:
    try:
        returned = call()
    except InvalidMetric as error:
        return {"type": "invalid", "message": str(error)}
    except SystemExit as error:
        return {"type": "exited", "code": _text(error.code)}
    except BaseException as error:  # noqa: BLE001 - whatever it raises is the trial's outcome
        return {
            "type": "raised",
            "message": f"{type(error).__name__}: {_text(error)}",
            "traceback": format_traceback(error),
            "memory": isinstance(error, MemoryError),
        }
    if returned.left_out:
        names = ", ".join(returned.left_out)
        context.log(f"left out, since only {KEPT} are kept: {names}", logging.WARNING)
    return {"type": "returned", "metric": returned.metric, "extra": returned.extra}


def _reset_termination(ours: Callable[..., NoReturn]) -> None:
    """SIGTERM ends a process that the objective forks, as it ends any other."""
    if signal.getsignal(signal.SIGTERM) is ours:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _redirect_output(output: int) -> None:
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)


def _seed_global_generators(seed: int) -> None:
    """A fork has its parent's generators: without this, all trials would draw the same numbers."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - for objectives that use the global generator


def _text(value: object) -> str:
    try:
        return str(value)[:LOG_TEXT_LIMIT]
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
        return "(its str() raises)"
