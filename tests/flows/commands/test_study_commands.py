"""`prefect-tuner list`, `show`, `export` and `delete`, on ledgers as runs leave them."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prefect_tuner import Float, Int, Outcome, SearchSpace, Trial, TunerConfig
from prefect_tuner.flows.ledger.ledger import Ledger
from prefect_tuner.flows.reports.metric_plot import BEST
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.storage_address import open_store
from tests.flows.command_processes import COMMAND, Command, Told, call_in_terminal
from tests.flows.stored_studies import store_study
from tests.flows.studies import completed, failed
from tests.messages import HELD_BY_BRAVE_OTTER

# As a user sees them.
FIVE_OF_TEN = "5 of 10, 1 unfinished, 2 failed"
STUDY_IN_A_LINE = "maximize objectives.py:train over 1 parameter by random, up to 10 trials"


FOUND = Trial(
    3,
    {"x": 0.123456789012},
    outcome=Outcome.COMPLETED,
    metric=0.9756412117692606,
    extra={"epochs": 12.0},
    duration=1.5,
    attempts=1,
)


def cells(told: Told, word: str) -> list[str]:
    """The cells of the first row of a table that has this word in it."""
    line = next(line for line in told.out.splitlines() if word in line and "│" in line)
    return [cell.strip() for cell in line.strip("│ ").split("│")]


def store_digits() -> None:
    """A study of six trials, of which two failed, that was ended by Ctrl-C with one in flight."""
    store_study(
        "digits",
        completed(0, 0.5),
        failed(1),
        failed(2, Outcome.TIMED_OUT, message="killed after 600 s"),
        FOUND,
        completed(4, 0.25),
        Trial(5, {"x": 0.5}, attempts=1),
        ending="cancelled",
        reason="interrupted (Ctrl-C)",
        config=TunerConfig(max_trials=10, max_failures=4),
    )


# list


def test_a_listing_has_a_row_for_each_study(tuner: Command) -> None:
    store_digits()
    store_study("Über/all", completed(0, 0.5))
    told = tuner("list")
    assert (told.code, told.err) == (0, "")
    name, state, trials, best, last = cells(told, "digits")
    assert (name, best) == ("digits", "0.975641")
    assert state == "cancelled: interrupted (Ctrl-C)"
    assert trials == FIVE_OF_TEN
    assert last.endswith("days ago")
    assert cells(told, "Über/all")[2] == "1 of 10"


def test_a_listing_says_that_a_run_died_and_who_holds_a_study(tuner: Command) -> None:
    store_study("dead", completed(0, 0.5), ending=None)
    store_study("held", completed(0, 0.5))
    with Ledger(open_store(storage_or_default(""), "held"), Holder.of_this_process("brave-otter")):
        told = tuner("list")
    assert re.match(r"died: .*\bkilled\b", cells(told, "dead")[1])
    assert re.match(r"running: held by .*'brave-otter'", cells(told, "held")[1])


def test_a_damaged_ledger_is_a_row_that_says_so(tuner: Command, ledgers: Path) -> None:
    store_study("bad", completed(0, 0.5), completed(1, 0.5))
    store_study("good", completed(0, 0.5))
    path = ledgers / "bad.jsonl"
    path.write_bytes(path.read_bytes().replace(b"far-away", b"far-awaY", 1))
    told = tuner("list")
    assert told.code == 0
    assert cells(told, "bad")[1].startswith("unreadable:")
    assert "0.5" in cells(told, "good")


def test_no_studies_are_told_as_such(tuner: Command, ledgers: Path) -> None:
    told = tuner("list")
    assert (told.code, told.out) == (0, "")
    assert re.fullmatch(rf".*\bno studies\b.* {re.escape(str(ledgers))}\n", told.err)
    assert tuner("list", "--json") == Told(0, "[]\n", "")


def test_a_listing_for_programs_is_json(tuner: Command, ledgers: Path) -> None:
    store_digits()
    (listed,) = json.loads(tuner("list", "--json").out)
    assert listed["study"] == listed["key"] == "digits"
    assert listed["ledger"] == str(ledgers / "digits.jsonl")
    assert (listed["state"], listed["reason"]) == ("cancelled", "interrupted (Ctrl-C)")
    assert listed["counts"] == {"asked": 6, "finished": 5, "failed": 2, "in_flight": 1}
    assert (listed["best_metric"], listed["best_trial"]) == (FOUND.metric, 3)
    assert listed["max_trials"] == 10


def test_another_storage_can_be_named(tuner: Command, tmp_path: Path) -> None:
    store_digits()
    (tmp_path / "other").mkdir()
    told = tuner("list", "--storage", str(tmp_path / "other"))
    assert (told.code, told.out) == (0, "")
    wrong = tuner("list", "--storage", "s4://bucket")
    assert wrong.code == 2
    assert wrong.err.startswith("storage: ")


def test_looking_at_studies_needs_no_prefect() -> None:
    store_digits()
    program = (
        "import sys\nfrom prefect_tuner.flows.commands.command_line import main\n"
        "codes = [main(['list']), main(['show', 'digits']), main(['export', 'digits', "
        "'--format', 'csv']), main(['delete', 'digits', '--yes'])]\n"
        "sys.exit('prefect' in sys.modules or any(codes))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


# show


def test_a_study_is_shown_in_one_look(tuner: Command, ledgers: Path) -> None:
    store_digits()
    told = tuner("show", "digits")
    assert (told.code, told.err) == (0, "")
    assert "digits  cancelled: interrupted (Ctrl-C)\n" in told.out
    assert STUDY_IN_A_LINE in told.out
    assert cells(told, "best metric")[1] == "0.9756412117692606 (trial 3)"
    assert cells(told, "│ x ")[1] == "0.123456789012"
    assert cells(told, "epochs")[1] == "12.0"
    assert cells(told, "trials  ")[1] == FIVE_OF_TEN
    assert cells(told, "time  ")[1] == "3.5 s of 0:30:00"
    assert cells(told, "failures  ")[1] == "2 of 4"
    assert cells(told, "ledger")[1].startswith(str(ledgers)[:40])
    assert len(cells(told, "digest")[1]) == 64
    assert BEST in told.out
    name, count, message = cells(told, "timed out")
    assert (name, count) == ("timed out", "1")
    assert re.match(r"trial 2: .*600 s", message)
    assert cells(told, "gentle-otter")[1:] == [
        "far-away",
        "gentle-otter",
        "cancelled: interrupted (Ctrl-C)",
    ]


def test_the_best_trials_come_in_their_order(tuner: Command) -> None:
    store_digits()
    told = tuner("show", "digits")
    after = told.out.partition("Best trials")[2]
    rows = [line.strip("│ ").split("│")[0].strip() for line in after.splitlines()[4:7]]
    assert rows == ["3", "0", "4"]


WIDE_SPACE = SearchSpace(
    {"rate": Float(0.0, 1.0), "seldom": Float(0.0, 1.0), "layers": Int(1, 3), "fixed": [1]}
)


def store_wide(*, trials: int, metric: float | None = None) -> None:
    """A study of three parameters that can matter, of which one does."""
    rng = np.random.default_rng(0)
    store_study(
        "wide",
        *(
            completed(number, params["rate"] if metric is None else metric, **params)
            for number, params in enumerate(
                WIDE_SPACE.from_units(rng.random(4).tolist()) for _ in range(trials)
            )
        ),
        space=WIDE_SPACE.to_json(),
    )


def test_what_matters_is_shown_the_largest_first(tuner: Command) -> None:
    store_wide(trials=40)
    table = tuner("show", "wide").out.partition("Importance")[2]
    rows = [line.strip("│ ").split() for line in table.splitlines()[4:7]]
    assert rows[0][0] == "rate"
    assert {name for name, _, _ in rows} == {"rate", "seldom", "layers"}
    told = json.loads(tuner("show", "wide", "--json").out)["importance"]
    assert list(told) == [name for name, _, _ in rows]
    assert sum(told.values()) == pytest.approx(1.0)
    assert [share for _, _, share in rows] == [f"{share:.0%}" for share in told.values()]


def test_it_is_shown_by_the_variance_that_a_parameter_explains_when_asked_for(
    tuner: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_wide(trials=40)
    assert "Importance (fANOVA)" in tuner("show", "wide", "--importance", "fanova").out
    told = json.loads(tuner("show", "wide", "--importance", "fanova", "--json").out)
    assert told["importance_method"] == "fanova"
    assert told["importance"]["rate"] > 0.9
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    failed = tuner("show", "wide", "--importance", "fanova")
    assert failed.code == 2
    assert "prefect-tuner[importance]" in failed.err
    assert tuner("show", "wide", "--importance", "guess").code == 2


def test_where_trials_do_not_tell_what_matters_nothing_is_said(tuner: Command) -> None:
    store_wide(trials=9)
    assert "Importance" not in tuner("show", "wide").out
    assert json.loads(tuner("show", "wide", "--json").out)["importance"] == {}
    tuner("delete", "wide", "--yes")
    store_wide(trials=40, metric=1.0)
    assert "Importance" not in tuner("show", "wide").out


def test_the_doctor_says_what_is_wrong_and_what_to_try(tuner: Command) -> None:
    store_study(
        "sick",
        *(completed(n, n / 40, x=n / 40) for n in range(20)),
        *(replace(failed(n), params={"x": 0.5 + n / 100}) for n in range(20, 40)),
    )
    told = tuner("doctor", "sick")
    assert (told.code, told.err) == (1, "")
    first, advice, space, *_ = told.out.splitlines()
    assert first.startswith("1. 20 of 20 trials with x > 0.475 failed, and 0 of the 20 others")
    assert first.endswith("[failures_in_region]")
    assert "leave that out of the space" in advice
    assert space == '   In the space: "x": {"type": "float", "low": 0.0, "high": 0.475}'
    document = tuner("doctor", "sick", "--json")
    assert document.code == 1
    (finding, *_) = json.loads(document.out)["findings"]
    assert finding["check"] == "failures_in_region"
    assert SearchSpace(finding["space"]) == SearchSpace({"x": Float(0.0, 0.475)})


def test_the_doctor_has_nothing_to_say_of_a_healthy_study(tuner: Command) -> None:
    store_digits()
    told = tuner("doctor", "digits")
    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines() == [
        "Nothing is wrong with study 'digits', as far as its 5 trials tell",
        "Most checks need 10 trials",
    ]
    assert json.loads(tuner("doctor", "digits", "--json").out) == {
        "study": "digits",
        "trials": 5,
        "findings": [],
    }
    assert tuner("doctor", "nowhere").code == 2


def test_a_study_without_any_metric_is_shown(tuner: Command) -> None:
    store_study("bad", failed(0), ending="failed", reason="no trial has a metric (1 failed)")
    store_study("empty", ending=None)
    assert cells(tuner("show", "bad"), "best metric")[1] == "none yet"
    assert cells(tuner("show", "empty"), "trials  ")[1] == "0 of 10"


def test_runs_are_shown_with_their_engine_where_one_was_not_the_local_one(tuner: Command) -> None:
    store_study("here", completed(0, 0.5))
    assert "engine" not in tuner("show", "here").out
    store_study("far", completed(0, 0.5), engine=("deployment", {"deployment": "trial/gpu"}))
    told = tuner("show", "far").out
    assert re.search(r"began\W+host\W+engine\W+flow run", told)
    assert re.search(r" deployment\W+gentle-otter ", told)


def test_no_text_of_a_trial_is_obeyed_by_the_terminal(tuner: Command) -> None:
    message = "\x1b]0;owned\x07\x1b[2Jbad\r[red]red[/red]\x00"
    store_study("hostile", failed(0, message=message), ending="failed", reason=message)
    for arguments in (["list"], ["show", "hostile"]):
        told = tuner(*arguments)
        assert told.code == 0
        assert not {"\x1b", "\x07", "\r", "\x00"} & set(told.out)
        assert "[red]red[/red]" in told.out


def test_no_text_of_a_trial_is_obeyed_when_a_table_is_printed_on_a_terminal(
    tmp_path: Path, ledgers: Path
) -> None:
    store_study("hostile", failed(0, message="\x1b[2Jbad\x07"), ending="failed", reason="no")
    told = call_in_terminal(
        tmp_path,
        {**os.environ, "TERM": "dumb"},
        "export",
        "hostile",
        "--format",
        "csv",
        "--storage",
        str(ledgers),
    )
    assert told.code == 0
    assert ",1,bad\ufffd\r\n" in told.out


def test_a_study_for_programs_is_the_json_that_is_exported(tuner: Command) -> None:
    store_digits()
    shown = tuner("show", "digits", "--json")
    assert shown == tuner("export", "digits", "--format", "json")
    assert len(json.loads(shown.out)["trials"]) == 6


@pytest.mark.parametrize(
    "arguments", [["show"], ["resume"], ["delete", "--yes"], ["export", "--format", "csv"]]
)
def test_an_unknown_study_is_a_mistake_in_the_input(tuner: Command, arguments: list[str]) -> None:
    store_digits()
    told = tuner(*arguments, "digit")
    assert (told.code, told.out) == (2, "")
    assert re.fullmatch(r"study 'digit' .*not known.* 'digits'\? .* 'digits'\n", told.err)


@pytest.mark.parametrize("arguments", [["show"], ["resume"], ["export", "--format", "csv"]])
def test_a_damaged_ledger_is_exit_code_1_with_its_place(
    tuner: Command, ledgers: Path, arguments: list[str]
) -> None:
    store_digits()
    path = ledgers / "digits.jsonl"
    path.write_bytes(path.read_bytes().replace(b"far-away", b"far-awaY", 1))
    told = tuner(*arguments, "digits")
    assert (told.code, told.out) == (1, "")
    assert re.search(r"digits\.jsonl:2: .*damaged", told.err)


# export


def test_a_table_is_printed_or_written(tuner: Command, tmp_path: Path) -> None:
    store_digits()
    printed = tuner("export", "digits", "--format", "csv")
    assert printed.out.startswith("trial,outcome,metric,param.x,")
    output = tmp_path / "trials.csv"
    told = tuner("export", "digits", "--format", "csv", "--output", str(output))
    assert (told.code, told.out) == (0, "")
    assert re.fullmatch(rf".*\b6 trials\b.*'digits'.* {re.escape(str(output))}\n", told.err)
    assert output.read_text() == printed.out
    again = tuner("export", "digits", "--format", "csv", "--output", str(output))
    assert (again.code, again.out) == (2, "")
    assert "is there already" in again.err


def test_what_is_not_text_is_not_printed(tuner: Command) -> None:
    store_digits()
    told = tuner("export", "digits", "--format", "optuna")
    assert (told.code, told.out) == (2, "")
    assert re.fullmatch(r"--output: .*required.*\boptuna\b.*\n", told.err)


def test_an_unknown_format_lists_the_known_ones(tuner: Command) -> None:
    told = tuner("export", "digits", "--format", "xlsx")
    assert told.code == 2
    for known in ("csv", "json", "parquet", "optuna"):
        assert known in told.err


@pytest.mark.parametrize("trials", [1, 200])
def test_a_reader_that_has_read_enough_is_no_error(trials: int) -> None:
    store_study("long", *(completed(number, 0.5) for number in range(trials)))
    reader, writer = os.pipe()
    os.close(reader)
    command = [*COMMAND, "export", "long", "--format", "json"]
    process = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (process.returncode, process.stderr) == (1, b"")


# delete


def test_a_study_is_deleted_when_that_is_confirmed(tuner: Command, ledgers: Path) -> None:
    store_digits()
    store_study("Über/all", completed(0, 0.5))
    assert tuner("delete", "digits", "--yes") == Told(
        0, "", f"Deleted {ledgers / 'digits.jsonl'}\n"
    )
    assert tuner("show", "digits").code == 2
    assert tuner("show", "Über/all").code == 0


def test_nothing_is_deleted_where_nobody_can_be_asked(
    tuner: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_digits()
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        told = tuner("delete", "digits")
    assert (told.code, told.out) == (2, "")
    assert re.fullmatch(r"--yes: .*required.*\n", told.err)
    assert tuner("show", "digits").code == 0


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_a_terminal_is_asked(
    tuner: Command, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    store_digits()
    ours, theirs = pty.openpty()
    with open(theirs) as terminal, open(ours, "w") as keyboard:  # noqa: PTH123 - descriptors
        monkeypatch.setattr(sys, "stdin", terminal)
        keyboard.write(answer)
        keyboard.flush()
        told = tuner("delete", "digits")
    assert told.code == code
    assert f"Delete study 'digits' (trials: {FIVE_OF_TEN}) in " in told.err
    assert tuner("show", "digits").code == (2 if code == 0 else 0)


def test_a_study_that_is_held_is_not_deleted(tuner: Command) -> None:
    store_digits()
    with Ledger(
        open_store(storage_or_default(""), "digits"), Holder.of_this_process("brave-otter")
    ):
        told = tuner("delete", "digits", "--yes")
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("study 'digits' ")
    assert HELD_BY_BRAVE_OTTER.search(told.err)
    assert tuner("show", "digits").code == 0


def test_a_damaged_study_can_be_deleted(tuner: Command, ledgers: Path) -> None:
    store_digits()
    path = ledgers / "digits.jsonl"
    path.write_bytes(path.read_bytes().replace(b"far-away", b"far-awaY", 1))
    assert tuner("delete", "digits", "--yes").code == 0
    assert tuner("list", "--json").out == "[]\n"


def test_studies_in_an_object_store_are_seen_and_deleted(
    tuner: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_TUNER_STORAGE", "memory://seen-and-deleted")
    store_digits()
    assert cells(tuner("list"), "digits")[1] == "cancelled: interrupted (Ctrl-C)"
    with Ledger(
        open_store(storage_or_default(""), "digits"), Holder.of_this_process("brave-otter")
    ):
        assert cells(tuner("list"), "digits")[1].startswith("running: held by")
        assert tuner("delete", "digits", "--yes").code == 1
    assert BEST in tuner("show", "digits").out
    told = tuner("delete", "digits", "--yes")
    assert told == Told(0, "", "Deleted memory://seen-and-deleted/digits\n")
    assert tuner("list", "--json").out == "[]\n"
