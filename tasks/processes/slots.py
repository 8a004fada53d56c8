"""The places of the trials that run at the same time, and the devices that belong to them."""

from __future__ import annotations

import heapq
import os
import select
import threading
from collections.abc import Sequence

_LOOK = 0.05
"""Seconds between two looks for a place, beside those that a trial's end causes."""


class Slots:
    """Numbers from 0 on, each of which one trial at a time holds; the lowest that is free is next.

    Args:
        count: How many there are.
        devices: Names of devices, which the places share in turn.
        variable: The environment variable in which programs look for their device.
    """

    def __init__(
        self,
        count: int = 1,
        devices: Sequence[str] = (),
        variable: str = "CUDA_VISIBLE_DEVICES",
    ) -> None:
        self._devices = tuple(devices)
        self._variable = variable
        self._count = count
        self._free = list(range(count))
        self._leaving: list[tuple[int, int]] = []
        self._lock = threading.Lock()

    @property
    def environments(self) -> list[dict[str, str]]:
        """The variables of each place."""
        return [self.environment(slot) for slot in range(self._count)]

    def acquire(self) -> int:
        """A place that no other trial has.

        There is one whenever no more trials run than there are places. A trial of which its study
        does not wait for the end any more may still hold one; then there is a further one.
        """
        while True:
            with self._lock:
                self._take_back()
                if self._free:
                    return heapq.heappop(self._free)
                if not self._leaving:
                    self._count += 1
                    return self._count - 1
                ends = [end for _, end in self._leaving]
            _readable(ends, _LOOK)

    def release(self, slot: int, end: int) -> None:
        """Give a place back, which is free when the trial's processes are gone.

        Args:
            slot: The place.
            end: A file descriptor, closed when it is: what can be read from it says that they are.
        """
        with self._lock:
            heapq.heappush(self._leaving, (slot, end))
            self._take_back()

    def give_up(self, slot: int) -> None:
        """Give a place back that no trial has used."""
        with self._lock:
            heapq.heappush(self._free, slot)

    def close(self) -> None:
        """Wait for nobody any more."""
        with self._lock:
            for _, end in self._leaving:
                os.close(end)
            self._leaving.clear()

    def _take_back(self) -> None:
        gone = _readable([end for _, end in self._leaving])
        for slot, end in [each for each in self._leaving if each[1] in gone]:
            self._leaving.remove((slot, end))
            os.close(end)
            heapq.heappush(self._free, slot)

    def device(self, slot: int) -> str:
        """The device of a place; empty where there are none.

        Example:
            ```python
            from prefect_tuner.tasks.processes.slots import Slots

            slots = Slots(4, devices=["0", "1"])
            assert [slots.device(slot) for slot in range(4)] == ["0", "1", "0", "1"]
            ```
        """
        return self._devices[slot % len(self._devices)] if self._devices else ""

    def environment(self, slot: int) -> dict[str, str]:
        """The variables that a trial gets with a place."""
        return {self._variable: self.device(slot)} if self._devices else {}


def _readable(descriptors: Sequence[int], timeout: float = 0.0) -> set[int]:
    if not descriptors:
        return set()
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(timeout * 1000)}
