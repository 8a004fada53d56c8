"""A study run in the terminal, from its parameters to its summary."""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import FrameType
from typing import NoReturn
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException, TerminationSignal
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.runtime import flow_run
from prefect.settings import get_current_settings
from rich.text import Text

from prefect_tuner.errors import InvalidConfiguration, ObjectiveNotFound, TunerError
from prefect_tuner.flows.commands.study_summary import (
    interim_sentence,
    kept_sentence,
    run_page,
    summary_table,
)
from prefect_tuner.flows.observers.observer import TuningObserver
from prefect_tuner.flows.observers.progress_observer import ProgressObserver
from prefect_tuner.flows.preflight.preflight_report import preflight_document, preflight_page
from prefect_tuner.flows.preflight.preflight_verdict import judge_preflight
from prefect_tuner.flows.reports.plain_console import is_live, plain_console
from prefect_tuner.flows.run.embedded_server import (
    embedded_server_log,
    start_embedded_server,
    wait_until_recorded,
)
from prefect_tuner.flows.run.study_plan import StudyPlan
from prefect_tuner.flows.study.tuning_events import (
    PreflightEnded,
    Progress,
    StudyStarted,
    TrialReevaluated,
    TrialStarted,
    TuningEvent,
)
from prefect_tuner.flows.tune import tune

FAILED = 1
"""Exit code: the study failed, or there is no Prefect."""

RECORD_TIMEOUT = 60.0
"""Seconds that the embedded server may take to record the last trials."""

HASTY_RECORD_TIMEOUT = 3.0
"""The same after Ctrl-C."""


class RunCommand:
    """One study, run for somebody who looks at it, in a process that does nothing else.

    Args:
        label: What messages on the study begin with, such as the name of its file.
        plan: Gives the study, or raises `InvalidConfiguration`.
        log: Whether to show everything that is logged, rather than warnings alone.
        as_json: Whether to print the result as JSON rather than as a table.
        is_preflight: Whether to make its preflight alone, and to print what that has shown.
    """

    def __init__(
        self,
        label: str,
        plan: Callable[[], StudyPlan],
        *,
        log: bool = False,
        as_json: bool = False,
        is_preflight: bool = False,
    ) -> None:
        self._label = label
        self._plan = plan
        self._log = log
        self._as_json = as_json
        self._is_preflight = is_preflight
        self._output = plain_console()
        self._messages = plain_console(stderr=True)
        self._progress = ProgressObserver(self._messages)
        self._witness = _Witness()
        self._embedded = False
        self._interrupted = False

    def run(self) -> int:
        """Run the study.

        Returns:
            0; 1 when the study or Prefect failed, 130 when it was interrupted, 143 when it was
            terminated.

        Raises:
            InvalidConfiguration: The study is wrong; lists all the mistakes.
            ObjectiveNotFound: The objective cannot be loaded.
        """
        signal.signal(signal.SIGTERM, _exit_terminated)
        signal.signal(signal.SIGINT, self._interrupt)
        if not self._log:
            # For the processes that an engine starts, as for this one.
            os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "WARNING")
            for handler in logging.getLogger().handlers:
                if isinstance(handler, PrefectConsoleHandler):
                    handler.addFilter(self._matters)
        try:
            self._tune()
            return 0
        except (InvalidConfiguration, ObjectiveNotFound):
            raise
        except (TunerError, PrefectException, httpx.HTTPError, _PrefectUnavailable) as error:
            self._tell_end(f"{self._label}: {error}", RECORD_TIMEOUT)
            log = None if isinstance(error, TunerError) else embedded_server_log()
            if log is not None:
                self._messages.print(f"The log of Prefect's server: {log}", soft_wrap=True)
            return FAILED
        except KeyboardInterrupt:
            self._tell_end("Interrupted", HASTY_RECORD_TIMEOUT)
            return 128 + signal.SIGINT
        except (TerminationSignal, SystemExit):
            self._tell_end("Terminated", HASTY_RECORD_TIMEOUT)
            return 128 + signal.SIGTERM
        finally:
            self._progress.close()
            # What is left to do is quick, and should not be cut short.
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._interrupted = True
        signal.default_int_handler(number, frame)

    def _matters(self, record: logging.LogRecord) -> bool:
        """Whether a log line is of interest on the terminal.

        Warnings are, wherever from: a trial that failed, an observer that raised. What becomes of
        the flow run is told at the end, and what of its task runs by the flow run's warnings.
        """
        if self._is_preflight and record.getMessage().startswith("Preflight: "):
            return False  # It is printed.
        if record.name == "prefect.flow_runs":
            return record.levelno == logging.WARNING and not self._interrupted
        return record.levelno >= logging.WARNING and record.name != "prefect.task_runs"

    def _tune(self) -> None:
        plan = self._plan()
        if self._is_preflight:
            plan = replace(plan, preflight="only")
        self._connect()
        observers = [*plan.observers, self._progress, self._witness]
        result = tune.run_planned(replace(plan, observers=observers))
        if self._told_preflight():
            kept = kept_sentence(self._label, plan, result.study)
            self._messages.print(kept, soft_wrap=True)
        elif self._as_json:
            self._output.print(result.to_json(), soft_wrap=True)
        else:
            self._output.print(summary_table(result))
        if not self._witness.started and self._witness.preflight is None:
            storage = plan.given.get("storage", "")
            command = ["prefect-tuner", "delete", result.study]
            command += ["--storage", storage] if storage else []
            self._messages.print(
                f"Study {result.study!r} was complete already, and nothing was run. "
                f"To begin anew: {shlex.join(command)}",
                soft_wrap=True,
            )
        self._tell_page(RECORD_TIMEOUT)

    def _told_preflight(self) -> bool:
        """Print what the preflight has shown, if one was asked for and has ended."""
        study, ended = self._witness.study, self._witness.preflight
        if not self._is_preflight or study is None or ended is None:
            return False
        verdict = judge_preflight(ended, study.config, study.space)
        if self._as_json:
            document = json.dumps(preflight_document(study.study, verdict), indent=2)
            self._output.print(document, soft_wrap=True)
        else:
            self._output.print(preflight_page(study.study, verdict))
        return True

    def _connect(self) -> None:
        """See to it that there is a Prefect server."""
        url = get_current_settings().api.url
        with self._status("Starting Prefect ..." if url is None else f"Connecting to {url} ..."):
            if url is None:
                self._embedded = True
                try:
                    start_embedded_server()
                except RuntimeError as error:
                    raise _PrefectUnavailable(str(error)) from error
                return
            with get_client(sync_client=True) as client:
                problem = client.api_healthcheck()
        if problem is not None:
            raise _PrefectUnavailable(
                f"no Prefect server answers at {url}, to which PREFECT_API_URL is set ({problem}); "
                "start it, or unset PREFECT_API_URL to do without"
            ) from problem

    def _tell_end(self, message: str, timeout: float) -> None:
        """Say how a study ended that has no result, and what was found before."""
        self._progress.close()
        self._told_preflight()
        self._messages.print(message, soft_wrap=True)
        progress = self._witness.progress
        if progress.best_trial is not None:
            self._messages.print(interim_sentence(progress), soft_wrap=True)
        self._tell_page(timeout)

    def _tell_page(self, timeout: float) -> None:
        """Say where the study is shown, when it is there to be shown."""
        flow_run_id = self._witness.flow_run_id
        if flow_run_id is None:
            return
        if self._embedded:
            with suppress(httpx.HTTPError, PrefectException):
                self._wait_until_recorded(flow_run_id, timeout)
        page = run_page(flow_run_id, embedded=self._embedded)
        if page is not None:
            self._messages.print(str(page), soft_wrap=True)

    def _wait_until_recorded(self, flow_run_id: UUID, timeout: float) -> None:
        trials = self._witness.started
        if not wait_until_recorded(flow_run_id, trials, timeout=0.0):
            with self._status("Waiting until Prefect has recorded all trials ..."):
                wait_until_recorded(flow_run_id, trials, timeout)

    @contextmanager
    def _status(self, message: str) -> Iterator[None]:
        """Say what is waited for, as long as it takes."""
        if is_live(self._messages):
            with self._messages.status(Text(message)):
                yield
        else:
            self._messages.print(message, soft_wrap=True)
            yield


class _PrefectUnavailable(Exception):
    """There is no Prefect server to talk to."""


class _Witness(TuningObserver):
    """Remembers which flow run it was and how far it came, however it ends."""

    def __init__(self) -> None:
        self.flow_run_id: UUID | None = None
        self.study: StudyStarted | None = None
        self.preflight: PreflightEnded | None = None
        self.started = 0
        self.progress = Progress()

    def notify(self, event: TuningEvent) -> None:
        if isinstance(event, StudyStarted):
            self.study = event
            self.flow_run_id = UUID(str(flow_run.id))
        else:
            self.progress = event.progress
        if isinstance(event, PreflightEnded):
            self.preflight = event
        self.started += isinstance(event, TrialStarted | TrialReevaluated)


def _exit_terminated(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)
