"""Log records and warnings of a trial, sent to its log with their level.

A program asks whether logging is set up, and sets it up if not: `logging.basicConfig` does nothing
where the root logger has a handler. So the trial adds none. Records are taken where loggers hand
them to their handlers, and handlers get those that they get in a plain run.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from prefect_tuner.tasks.messages.report_pipe import ReportPipe

_CHATTY = ("httpx", "httpcore")

_hand_to_handlers = logging.Logger.callHandlers
_reporter: _Reporter | None = None


class _UnchosenLevel(int):
    """The level of the root logger where nobody has chosen one."""


_UNCHOSEN = _UnchosenLevel(logging.INFO)


def watch_log_records() -> None:
    """From now on, see what loggers hand to handlers. Called before the objective is imported.

    Others that do the same, such as Sentry, then come on top of it.
    """
    logging.Logger.callHandlers = _call_handlers  # type: ignore[assignment]


def report_log_records(pipe: ReportPipe) -> None:
    """Send what is logged to the supervisor, instead of to the terminal; files are kept.

    Where nobody has chosen what is logged, it is all from INFO on, but for the requests of
    libraries that tell of each.
    """
    global _reporter  # noqa: PLW0603 - there is one logging module, and one trial
    _reporter = _Reporter(pipe)
    logging.lastResort = logging.NullHandler()  # Which is the reporter now.
    root = logging.root
    if root.level == logging.WARNING:  # Python's default.
        root.setLevel(_UNCHOSEN)


def report_warnings(pipe: ReportPipe) -> None:
    """Send warnings to the supervisor, unless somebody else shows them."""
    show = warnings.showwarning
    if getattr(show, "__module__", "") != "warnings":
        return

    def report(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: Any = None,
        line: str | None = None,
    ) -> None:
        if file is not None:
            show(message, category, filename, lineno, file, line)
        else:
            text = warnings.formatwarning(message, category, filename, lineno, line)
            pipe.log(logging.WARNING, text.rstrip())

    warnings.showwarning = report


def is_console_handler(handler: logging.Handler) -> bool:
    """Whether a handler prints to a standard stream."""
    if not isinstance(handler, logging.StreamHandler):
        return False
    standard = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return any(handler.stream is stream for stream in standard)


class _Reporter(logging.Handler):
    """Sends records to the supervisor; no logger has it among its handlers."""

    def __init__(self, pipe: ReportPipe) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._pipe.log(record.levelno, f"{record.name}: {self.format(record)}")
        except Exception:  # noqa: BLE001 - logging never hurts the objective
            self.handleError(record)


def _call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
    """Hand a record to the handlers, as the method of loggers does, and report it."""
    if _reporter is None:
        _hand_to_handlers(logger, record)
        return
    # In a plain run, where nobody has chosen a level, there is no such record for handlers.
    is_extra = record.levelno < logging.WARNING and logger.getEffectiveLevel() is _UNCHOSEN
    if is_extra and record.name.partition(".")[0] in _CHATTY:
        return
    chain = list(_up_from(logger))
    is_reported = _is_reported(chain, record, is_extra=is_extra)
    if not is_extra:
        for each in chain:
            for handler in each.handlers:
                is_replaced = each is logging.root and is_console_handler(handler)
                if record.levelno >= handler.level and not is_replaced:
                    handler.handle(record)
    if is_reported:
        _reporter.handle(record)


def _is_reported(chain: list[logging.Logger], record: logging.LogRecord, *, is_extra: bool) -> bool:
    """Whether it goes into the trial's log here, and is not printed there by a handler."""
    handlers = [handler for each in chain for handler in each.handlers]
    if not handlers:
        return True
    if chain[-1] is not logging.root:
        return False  # It is somebody's own affair.
    if is_extra:
        return True
    passing = [handler for handler in handlers if record.levelno >= handler.level]
    of_root = list(filter(is_console_handler, logging.root.handlers))
    if any(is_console_handler(handler) and handler not in of_root for handler in passing):
        return False
    if of_root:
        return any(handler in passing and handler.filter(record) for handler in of_root)
    return record.levelno >= logging.INFO or not passing


def _up_from(logger: logging.Logger) -> Iterator[logging.Logger]:
    each: logging.Logger | None = logger
    while each is not None:
        yield each
        each = each.parent if each.propagate else None
