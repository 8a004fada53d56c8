from __future__ import annotations

import logging
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner.tasks.log_relay import (
    HEAD_LINES,
    LINE_LENGTH,
    TAIL_LINES,
    LogRelay,
)
from tests.search_spaces import UNHURRIED

# Prefect's threads draw random numbers, which hypothesis takes for the test's own doing.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)


def relayed(chunks: list[bytes]) -> list[str]:
    lines: list[str] = []
    relay = LogRelay(lambda _, text: lines.append(text))
    for chunk in chunks:
        relay.write(chunk)
    relay.close()
    return lines


def cut(output: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(output) + 1) for place in places), len(output)]
    return [output[low:high] for low, high in pairwise(bounds)]


@UNHURRIED
@given(st.lists(PRINTABLE, max_size=20), st.lists(st.integers(0)))
def test_lines_are_whole_however_the_output_is_cut(lines: list[str], places: list[int]) -> None:
    output = "".join(line + "\n" for line in lines).encode()
    assert relayed(cut(output, places)) == lines


@UNHURRIED
@given(st.binary(), st.lists(st.integers(0)))
def test_any_bytes_at_all_give_the_same_lines_however_they_are_cut(
    output: bytes, places: list[int]
) -> None:
    lines = relayed([output])
    assert relayed(cut(output, places)) == lines
    assert all(line.replace("\t", "").isprintable() and line.strip() for line in lines)


@UNHURRIED
@given(st.integers(0, 3 * (HEAD_LINES + TAIL_LINES)))
def test_the_head_and_the_tail_are_kept_and_the_rest_is_counted(count: int) -> None:
    lines = [f"line {number}" for number in range(count)]
    got = relayed(["\n".join(lines).encode()])
    left_out = count - HEAD_LINES - TAIL_LINES
    if left_out <= 0:
        assert got == lines
    else:
        said = f"… {left_out:,} lines left out …"
        assert got == [*lines[:HEAD_LINES], said, *lines[-TAIL_LINES:]]


def test_empty_lines_are_not_passed_on() -> None:
    assert relayed([b"\n\n  \none\n\r\n\x1b[0m\n"]) == ["one"]


def test_a_line_of_the_greatest_length_is_whole_and_a_longer_one_is_cut() -> None:
    exact, longer = "x" * LINE_LENGTH, "y" * (LINE_LENGTH + 1)
    assert relayed([f"{exact}\n{longer}\n{longer}".encode()]) == [
        exact,
        longer[:-1] + "…",
        longer[:-1] + "…",
    ]


def test_carriage_returns_overwrite_the_line() -> None:
    assert relayed([b"10%\r20%\r30%\n"]) == ["30%"]
    assert relayed([b"10%\r", b"20%\r"]) == ["20%"]
    assert relayed([b"windows\r", b"\nlines\r\n"]) == ["windows", "lines"]
    assert relayed([b"\r%3d%%" % percent for percent in range(101)]) == ["100%"]


def test_levels_are_kept_and_lines_of_a_record_are_lines_of_the_log() -> None:
    log: list[tuple[int, str]] = []
    relay = LogRelay(lambda level, text: log.append((level, text)))
    relay.record(logging.ERROR, "first\nsecond")
    relay.record(logging.DEBUG, "third")
    relay.close()
    assert log == [(logging.ERROR, "first"), (logging.ERROR, "second"), (logging.DEBUG, "third")]


def test_the_opening_goes_before_all_others_once_and_not_without_need() -> None:
    lines: list[str] = []

    def relay() -> LogRelay:
        lines.clear()
        return LogRelay(lambda _, text: lines.append(text), opening="begun")

    relay().close()
    assert lines == []
    with_lines = relay()
    with_lines.write(b"one\ntwo\n")
    with_lines.open()
    assert lines == ["begun", "one", "two"]
    early = relay()
    early.open()
    early.open()
    early.write(b"one\n")
    early.close()
    assert lines == ["begun", "one"]
