"""What a program does when its last line was run, for a process that ends without the interpreter.

The interpreter's own way out takes a trial's process apart object by object, all that its parent
has imported included. This is the part of it that others can see: threads are waited for, handlers
are called, files are written.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType

from prefect_tuner.tasks.trial_process.exit_handlers import on_exit_handler, run_exit_handlers
from prefect_tuner.tasks.trial_process.user_globals import Namespace, UserGlobals

_libc = ctypes.CDLL(None)

_LOOK = 0.1
"""Seconds between two looks at which threads are still running."""


def end_program(
    note: Callable[[str], object], held: UserGlobals, namespaces: Iterable[Namespace]
) -> None:
    """Wait for threads, call what is registered for the end, write files.

    Args:
        note: Is told what is waited for, in half a sentence, whenever that changes.
        held: What the user's modules held before.
        namespaces: Further namespaces of the user's.
    """
    _await_threads(note)
    on_exit_handler(lambda name: note(f"the exit handler {name}"))
    run_exit_handlers()
    note("what is finalized at the end")
    held.release(namespaces)
    flush_output()


def rehearse_end(held: UserGlobals) -> None:
    """Look at all that the end looks at, and leave it as it is, so that it takes less time later.

    Args:
        held: What the user's modules hold now.
    """
    _describe_threads()
    list(held.made_since())
    gc.collect()
    flush_output()


def show_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Call whoever asked to hear of an exception that nobody caught, such as a tracker."""
    if sys.excepthook is not sys.__excepthook__:
        with suppress(Exception):
            sys.excepthook(kind, error, traceback)


def flush_output() -> None:
    """Write what is in the buffers of the standard streams, those of native code included."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # The objective may have closed or replaced it.
            stream.flush()
    with suppress(Exception):
        _libc.fflush(None)


def _await_threads(note: Callable[[str], object]) -> None:
    """Wait for the threads that are no daemons, and have pools of threads end theirs."""
    if waited := _describe_threads():
        note(waited)
        threading.Thread(target=_keep_noting, args=(note, waited), daemon=True).start()
    threading._shutdown()  # type: ignore[attr-defined] # As multiprocessing does


def _keep_noting(note: Callable[[str], object], noted: str) -> None:
    while waited := _describe_threads():
        if waited != noted:
            note(waited)
        noted = waited
        time.sleep(_LOOK)


def _describe_threads() -> str:
    names = [
        thread.name
        for thread in threading.enumerate()
        if not thread.daemon and thread is not threading.main_thread()
    ]
    if not names:
        return ""
    listed = ", ".join(map(repr, names))
    return f"the thread {listed}" if len(names) == 1 else f"the threads {listed}"
