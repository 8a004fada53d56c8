"""One attempt at a trial, from the start of its process to its end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace

from prefect_tuner.ending import Ending
from prefect_tuner.errors import ObjectiveNotFound, TuningCancelled
from prefect_tuner.tasks.messages.attempt_request import AttemptRequest
from prefect_tuner.tasks.processes.launcher import Launcher
from prefect_tuner.tasks.processes.log_relay import LogRelay
from prefect_tuner.tasks.processes.supervision import Supervision
from prefect_tuner.trial import Outcome, TrialLimits


def run_attempt(
    launcher: Launcher,
    request: AttemptRequest,
    limits: TrialLimits,
    log: Callable[[int, str], None],
    opening: str = "",
    run_context: Callable[[], bytes] | None = None,
) -> Ending:
    """Run the objective once in a process of its own and wait for its end.

    Args:
        launcher: Starts the process.
        request: What it is to do.
        limits: When to kill it.
        log: Takes the level and the text of each line that the trial logs or prints.
        opening: The first line, which a trial without others does without if it ends at once:
            every line costs a millisecond, and a row of the server's database.
        run_context: Gives the run context of the trial for its process, which asks for it where
            the objective uses Prefect.
    """
    try:
        pipes = launcher.start(request, measures_memory=limits.memory is not None)
    except TuningCancelled:
        again = "started" if request.attempt == 1 else "was tried again"
        message = launcher.why_stopped(request.number, f"before the trial {again}") or ""
        return Ending(Outcome.CANCELLED, message, attempts=request.attempt - 1)
    except (ObjectiveNotFound, OSError) as error:
        # It was loaded once, so this is no mistake in the configuration.
        message = f"the trial's process could not be started: {error}"
        return Ending(Outcome.CRASHED, message, attempts=request.attempt)
    try:
        relay = LogRelay(log, opening)
        supervision = Supervision(launcher, pipes, request.number, limits, relay, run_context)
        supervision.wait_for_end()
    except BaseException:
        launcher.send_signal(pipes.trial, signal.SIGKILL)  # Nobody else would end it.
        raise
    finally:
        launcher.finish(pipes)
    return replace(supervision.ending(), attempts=request.attempt)
