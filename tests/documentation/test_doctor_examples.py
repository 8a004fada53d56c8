"""What docs/how_to/doctor.md shows of sick studies is what the doctor says of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from prefect_tuner import Outcome, Study, TunerConfig
from tests.flows.command_processes import Command
from tests.flows.stored_studies import store_study

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "doctor.md"
TRIALS = 60


class Example(NamedTuple):
    """A study of the page, and what stands there of it."""

    name: str
    code: str
    shown: str


def _examples() -> list[Example]:
    """Blocks of code, each before one of a terminal in which the doctor is called."""
    found = re.findall(
        r"^```py\n(.*?)^```\n+^```console\n\$ prefect-tuner doctor (\S+)\n(.*?)^```$",
        PAGE.read_text("utf-8").split("## Five sick studies")[1],
        re.MULTILINE | re.DOTALL,
    )
    return [Example(name, code, shown) for code, name, shown in found]


def _run(name: str, code: str) -> None:
    """Run the study as the page says, without Prefect, and store it."""
    of_it: dict[str, Any] = {}
    exec(code, of_it)
    study = Study(of_it["space"], strategy="sobol", direction="maximize", seed=0)
    for _ in range(TRIALS):
        trial = study.ask()
        assert trial is not None
        _tell(study, trial.number, trial.params, of_it)
    store_study(
        name,
        *study.history,
        config=TunerConfig(max_trials=TRIALS),
        space=study.space.to_json(),
        direction="maximize",
    )


def _tell(study: Study, number: int, params: Mapping[str, Any], of_it: dict[str, Any]) -> None:
    try:
        study.tell(number, of_it["train"](**params), duration=20.0)
    except RuntimeError as error:
        message = f"{type(error).__name__}: {error}"
        study.tell(number, outcome=Outcome.FAILED, message=message, duration=20.0)


def test_there_are_five() -> None:
    assert len(_examples()) == 5


@pytest.mark.parametrize("example", _examples(), ids=lambda example: example.name)
def test_the_doctor_says_what_the_page_shows(example: Example, tuner: Command) -> None:
    _run(example.name, example.code)
    told = tuner("doctor", example.name)
    assert (told.code, told.err) == (1, "")
    assert told.out.split() == example.shown.split()
