from __future__ import annotations

import mmap
import os
import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner.tasks.messages.wire import (
    ConnectionClosed,
    receive_bytes,
    receive_frame,
    send_bytes,
    send_frame,
)
from tests.search_spaces import UNHURRIED

# Prefect's threads draw random numbers, which hypothesis takes for the test's own doing.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

Pair = tuple[socket.socket, socket.socket]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture
def pair() -> Iterator[Pair]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


@UNHURRIED
@given(st.lists(JSON, max_size=5))
def test_frames_arrive_as_they_were_sent(frames: list[Any]) -> None:
    here, there = socket.socketpair()
    with here, there:
        for frame in frames:
            send_frame(here, frame)
        assert [receive_frame(there)[0] for _ in frames] == frames


@UNHURRIED
@given(st.binary(max_size=300), st.lists(st.integers(0), max_size=10))
def test_a_frame_may_arrive_in_pieces(payload: bytes, places: list[int]) -> None:
    here, there = socket.socketpair()
    with here, there:
        stream = len(payload).to_bytes(8, "big") + payload
        bounds = [0, *sorted(place % len(stream) for place in places), len(stream)]

        def trickle() -> None:
            for low, high in pairwise(bounds):
                here.sendall(stream[low:high])
                time.sleep(0)

        sender = threading.Thread(target=trickle)
        sender.start()
        received, descriptors = receive_bytes(there)
        assert bytes(received) == payload
        assert descriptors == []
        sender.join()


@pytest.mark.parametrize("size", [0, 1, 1 << 16, 50_000_000])
def test_a_frame_may_be_of_any_size(pair: Pair, size: int) -> None:
    payload = os.urandom(size)
    sender = threading.Thread(target=send_bytes, args=(pair[0], payload))
    sender.start()
    received, _ = receive_bytes(pair[1])
    sender.join()
    assert received == payload


def test_open_files_travel_with_a_frame(pair: Pair) -> None:
    reader, writer = os.pipe()
    send_frame(pair[0], {"do": "write"}, [writer])
    os.close(writer)
    frame, descriptors = receive_frame(pair[1], descriptors=1)
    assert frame == {"do": "write"}
    os.write(descriptors[0], b"through the other one")
    os.close(descriptors[0])
    assert os.read(reader, 100) == b"through the other one"
    os.close(reader)


@pytest.mark.parametrize("sent", [b"", b"\0", bytes(7) + b"\5", bytes(7) + b"\5four"])
def test_a_side_that_goes_away_is_noticed(pair: Pair, sent: bytes) -> None:
    pair[0].sendall(sent)
    pair[0].close()
    with pytest.raises(ConnectionClosed):
        receive_frame(pair[1])


def test_sending_to_a_side_that_went_away_is_noticed(pair: Pair) -> None:
    pair[1].close()
    with pytest.raises(ConnectionClosed):
        send_frame(pair[0], {})


def test_the_time_limit_of_a_connection_is_told_from_its_end(pair: Pair) -> None:
    pair[0].settimeout(0.05)
    with pytest.raises(TimeoutError):
        receive_frame(pair[0])
    with pytest.raises(TimeoutError):
        send_bytes(pair[0], bytes(50_000_000))


def test_a_frame_may_be_longer_than_four_gigabytes(pair: Pair) -> None:
    here, there = pair
    length = 2**32 + 5
    # Memory that nobody has written to takes none.
    payload: Any = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    sender = threading.Thread(target=send_bytes, args=(here, payload))
    sender.start()
    chunk = bytearray(1 << 20)
    header = there.recv(8, socket.MSG_WAITALL)
    left = int.from_bytes(header, "big")
    assert left == length
    while left:
        left -= there.recv_into(chunk, min(left, len(chunk)))
    sender.join()
    payload.close()
