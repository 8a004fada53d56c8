from __future__ import annotations

import threading

from prefect_tuner.flows.run.cancellation import (
    Cancellation,
    cancellation_scope,
    current_cancellation,
)


def test_whoever_listens_hears_the_reason() -> None:
    heard: list[str] = []
    cancellation = Cancellation()
    cancellation.tell(heard.append)
    assert heard == []
    cancellation.cancel("enough")
    assert heard == ["enough"]


def test_a_study_that_begins_late_is_cancelled_at_once() -> None:
    heard: list[str] = []
    cancellation = Cancellation()
    cancellation.cancel("enough")
    cancellation.tell(heard.append)
    assert heard == ["enough"]


def test_only_the_first_reason_counts() -> None:
    heard: list[str] = []
    cancellation = Cancellation()
    cancellation.tell(heard.append)
    cancellation.cancel("first")
    cancellation.cancel("second")
    assert heard == ["first"]


def test_of_many_threads_that_cancel_one_is_heard() -> None:
    heard: list[str] = []
    cancellation = Cancellation()
    cancellation.tell(heard.append)
    together = threading.Barrier(8)

    def cancel(name: str) -> None:
        together.wait()
        cancellation.cancel(name)

    threads = [threading.Thread(target=cancel, args=(str(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 1


def test_a_scope_holds_inside_of_its_block_only() -> None:
    cancellation = Cancellation()
    with cancellation_scope(cancellation):
        assert current_cancellation() is cancellation
        with cancellation_scope(Cancellation()):
            assert current_cancellation() is not cancellation
        assert current_cancellation() is cancellation
    assert current_cancellation() is not cancellation
