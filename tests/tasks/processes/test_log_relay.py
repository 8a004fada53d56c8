from __future__ import annotations

import logging
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner.tasks.processes.log_relay import (
    BUNCH,
    HEAD_LINES,
    LATE_LINES_PER_SECOND,
    LINE_LENGTH,
    LINES_PER_SECOND,
    MOST_LINES,
    TAIL_LINES,
    LogRelay,
)
from tests.search_spaces import UNHURRIED

# Prefect's threads draw random numbers, which hypothesis takes for the test's own doing.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)


def relayed(chunks: list[bytes]) -> list[str]:
    """What is passed on of output that comes all at once."""
    lines: list[str] = []
    relay = LogRelay(lambda _, text: lines.append(text), clock=lambda: 0.0)
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


class Printing:
    """A program that prints numbered lines, as time passes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[str] = []
        self.printed = 0
        self.relay = LogRelay(lambda _, text: self.lines.append(text), clock=lambda: self.now)

    def print(self, count: int) -> None:
        for _ in range(count):
            self.relay.write(f"line {self.printed}\n".encode())
            self.printed += 1
        self.relay.pass_waiting()

    def run(self, seconds: int, per_second: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            self.print(per_second)

    def shown(self) -> list[int]:
        """The numbers of the lines that were passed on."""
        return [int(line.removeprefix("line ")) for line in self.lines if line.startswith("line ")]

    def left_out(self) -> int:
        notices = [line for line in self.lines if line.endswith("left out …")]
        return sum(int(notice.split()[1].replace(",", "")) for notice in notices)


def test_a_program_that_prints_a_line_a_second_is_heard_in_full() -> None:
    program = Printing()
    program.run(seconds=MOST_LINES, per_second=1)
    assert program.shown() == list(range(MOST_LINES))


def test_the_log_of_a_program_that_prints_much_never_goes_quiet() -> None:
    program = Printing()
    program.run(seconds=100, per_second=1000)
    before = len(program.lines)
    program.run(seconds=60, per_second=1000)
    late = program.shown()[-1]
    assert len(program.lines) > before
    assert program.printed - late < 1000 * BUNCH / LINES_PER_SECOND + TAIL_LINES
    program.relay.close()
    assert program.shown()[-TAIL_LINES:] == list(range(160_000 - TAIL_LINES, 160_000))
    assert len(program.shown()) + program.left_out() == program.printed
    assert program.shown() == sorted(program.shown())


@settings(UNHURRIED, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 500)), max_size=10))
def test_however_it_prints_the_rate_and_the_total_are_bounded_and_nothing_is_lost_uncounted(
    phases: list[tuple[int, int]],
) -> None:
    program = Printing()
    for seconds, per_second in phases:
        program.run(seconds, per_second)
        notices = len(program.lines) - len(program.shown())
        most = HEAD_LINES + LINES_PER_SECOND * program.now
        assert len(program.shown()) <= most
        assert notices <= len(program.shown())
    late = LATE_LINES_PER_SECOND * program.now
    assert len(program.shown()) <= MOST_LINES + HEAD_LINES + late
    program.relay.close()
    assert len(program.shown()) + program.left_out() == program.printed


def test_lines_that_were_held_back_follow_though_no_other_comes() -> None:
    program = Printing()
    program.print(HEAD_LINES + 3)
    assert program.shown() == list(range(HEAD_LINES))
    wait = program.relay.pass_waiting()
    assert 0 < wait <= 3 / LINES_PER_SECOND
    program.now += wait
    program.relay.pass_waiting()
    assert program.shown() == list(range(HEAD_LINES + 3))
