"""The hosts of trials on workers: in other processes than that of their study."""

from __future__ import annotations

import contextvars
import logging
import threading
from abc import abstractmethod
from contextlib import suppress
from dataclasses import replace
from typing import final

from prefect.settings import get_current_settings

from prefect_tuner.ending import Ending
from prefect_tuner.errors import EngineError, ObjectiveNotFound, TuningCancelled
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.processes.launcher import Launcher
from prefect_tuner.tasks.processes.thread_limits import thread_limit
from prefect_tuner.tasks.workers.prefect_environment import prefect_environment
from prefect_tuner.tasks.workers.study_watch import watch_over
from prefect_tuner.tasks.workers.trial_host import Log, TrialHost
from prefect_tuner.tasks.workers.trial_request import TrialAnswer, TrialRequest
from prefect_tuner.tasks.workers.watch import Watch
from prefect_tuner.tasks.workers.worker_name import this_worker
from prefect_tuner.trial import Outcome

OUTAGE = 600.0
"""Seconds for which an attempt waits for a server that is away."""

LAST_WORDS = 5.0
"""The same for what is kept of an attempt that has ended."""

THE_STUDY = "the study"
"""Who takes an attempt that is not to begin."""


def lost(worker: str) -> str:
    """That an attempt has no end since what ran it is gone, for its message."""
    return f"its worker was lost: {worker}" if worker else "its worker was lost"


class FarHost(TrialHost):
    """Admits attempts that nobody has begun, while their study goes on."""

    last_words = LAST_WORDS
    """Seconds for which a server that is away is waited for to keep an answer."""

    def admit(self, request: TrialRequest, log: Log) -> Launcher | Ending:
        """See `TrialHost`."""
        watch = self._reach(request)
        before = watch.mailbox.claim(request.name, this_worker(), OUTAGE)
        if before is not None:
            return self._begun_before(watch, request, before)
        launcher = watch.launcher(request.objective, lambda: _settings(request))
        if watch.is_over:
            return _cancelled(request, launcher.describe_stop("before the trial started"))
        try:
            launcher.load()
        except ObjectiveNotFound as error:
            raise ObjectiveNotFound(f"{this_worker()} cannot run trials: {error}") from error
        except TuningCancelled:
            return _cancelled(request, launcher.describe_stop("before the trial started"))
        with suppress(IndexError):  # The first trial here tells them, of whichever thread.
            while True:
                log(*launcher.notes.pop(0))
        if request.attempt > 1 and request.retry.delay > 0:
            log(logging.INFO, f"Attempt {request.attempt} follows in {request.retry.delay:g} s")
            launcher.stopped.wait(request.retry.delay)
        return launcher

    def ended(self, request: TrialRequest, ending: Ending) -> None:
        """Keep the end where the study finds it, whatever becomes of this worker."""
        if ending.outcome is Outcome.CANCELLED:
            return
        answer = TrialAnswer(replace(ending, traceback=""))
        with suppress(Exception):  # Most studies get it by the task run as well.
            self._watch(request).mailbox.record_answer(
                request.name, answer.to_message(), self.last_words
            )

    def stopped(self, request: TrialRequest) -> Ending | None:
        """The end of an attempt that is not to begin, since its study was stopped; else None."""
        watch = self._reach(request)
        if not watch.is_over:
            return None
        return _cancelled(request, watch.describe_stop("before the trial started"))

    @abstractmethod
    def _watch(self, request: TrialRequest) -> Watch:
        """What this process has of the study of an attempt, begun when first asked for."""

    def _reach(self, request: TrialRequest) -> Watch:
        try:
            return self._watch(request)
        except Exception as error:
            server = get_current_settings().api.url
            raise EngineError(
                f"{this_worker()} cannot run trials: it does not reach the Prefect API at "
                f"{server}: {error!r}"
            ) from error

    def _begun_before(self, watch: Watch, request: TrialRequest, worker: str) -> Ending:
        answer = watch.mailbox.answer(request.name)
        ending = None if answer is None else TrialAnswer.from_message(answer).ending
        if ending is not None:
            return ending
        if worker == THE_STUDY:
            told = "the study was stopped before the trial started"
            watch.look()  # For those that have come along with it.
            return _cancelled(request, told)
        return Ending(Outcome.CRASHED, lost(worker), attempts=request.attempt)


@final
class WorkerHost(FarHost):
    """The host of task runs, in a process that may have trials of many studies."""

    def ended(self, request: TrialRequest, ending: Ending) -> None:
        """Keep the end where the study finds it, should it not hear of it by the task run.

        The task run does not wait for that: the server may be busy with what it has just begun. A
        worker that ends does.
        """
        context, keep = contextvars.copy_context(), super().ended
        threading.Thread(
            target=lambda: context.run(keep, request, ending), name="last-words", daemon=False
        ).start()

    def _watch(self, request: TrialRequest) -> Watch:
        return watch_over(request.flow_run, request.run)


def _settings(request: TrialRequest) -> LaunchSettings:
    """How trials are started here: threads as the worker's environment has them, if not asked."""
    threads, launch = request.launch.threads, request.launch
    limit = {} if threads is None else thread_limit(threads, launch.concurrency).environment
    return replace(launch, environment={**limit, **prefect_environment()})


def _cancelled(request: TrialRequest, message: str) -> Ending:
    return Ending(Outcome.CANCELLED, message, attempts=request.attempt - 1)


_HOST = WorkerHost()


def worker_host() -> FarHost:
    """The host of all trials that run in this process for a study elsewhere."""
    return _HOST
