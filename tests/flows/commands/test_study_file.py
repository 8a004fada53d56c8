"""Studies in YAML files: what they may say, and all that is wrong with them at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import Float, InvalidConfiguration
from prefect_tuner.flows.commands.study_file import (
    load_study_file,
    on_engine,
    plan_study_file,
)
from prefect_tuner.flows.run.study_plan import StudyPlan

SMALLEST = "objective: package.module:train\nspace: {x: [1, 2]}\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("study.yaml")


def load(file: Path, text: str) -> dict[Any, Any]:
    file.write_text(text, encoding="utf-8")
    return load_study_file(file)


def plan(file: Path, text: str) -> StudyPlan:
    return plan_study_file(load(file, text), file)


def mistakes(file: Path, text: str) -> list[str]:
    with pytest.raises(InvalidConfiguration) as caught:
        plan(file, text)
    return list(caught.value.mistakes)


def test_an_objective_and_a_space_are_enough(file: Path) -> None:
    planned = plan(file, SMALLEST)
    assert planned.objective == "package.module:train"
    assert planned.strategy == "auto"
    assert planned.config.max_trials == 20


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1e-5", 1e-5),
        ("1E-5", 1e-5),
        ("2.5e+3", 2500.0),
        ("0.1", 0.1),
        ("010", 10),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("12:30", "12:30"),
    ],
)
def test_a_value_is_what_yaml_1_2_says_it_is(file: Path, written: str, meant: object) -> None:
    value = load(file, f"key: {written}")["key"]
    assert (value, type(value)) == (meant, type(meant))


def test_a_number_with_an_exponent_makes_a_parameter(file: Path) -> None:
    text = "objective: a:b\nspace: {lr: {type: float, low: 1e-5, high: 1e-1, log: true}}"
    assert plan(file, text).study.space["lr"] == Float(1e-5, 1e-1, log=True)


def test_a_file_with_a_byte_order_mark_is_read(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + SMALLEST.encode())
    assert load_study_file(file)["objective"] == "package.module:train"


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("objective: a: b", "line 1, column 13", "mapping values are not allowed here"),
        ("a: 1\nb: [1 2: 3\n", "line 3, column 1", "while parsing a flow sequence"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1", 'duplicate key "a"'),
        ("a: 1\n\tb: 2", "line 2, column 1", "'\\t' that cannot start any token"),
        ("a: !!python/object:os.system x", "line 1, column 4", "could not determine a constructor"),
        ("a: 1\n---\nb: 2", "line 2, column 1", "another document"),
    ],
)
def test_wrong_yaml_is_told_with_its_place(file: Path, text: str, place: str, problem: str) -> None:
    (mistake,) = mistakes(file, text)
    assert mistake.startswith(f"{place}: ")
    assert problem in mistake


def test_control_characters_are_told(file: Path) -> None:
    (mistake,) = mistakes(file, "a: \x01")
    assert re.search(r"special characters.*not allowed", mistake)


@pytest.mark.parametrize(("text", "has"), [("", "nothing"), ("- a\n", "a list"), ("a", "a str")])
def test_a_file_that_is_no_mapping_is_told_what_it_should_be(
    file: Path, text: str, has: str
) -> None:
    (mistake,) = mistakes(file, text)
    assert re.match(r"must hold .*parameters", mistake)
    assert mistake.endswith(f"has {has}")


def test_a_file_that_is_not_there_is_told_with_the_folder(file: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=r"\bno such file\b") as caught:
        load_study_file(file)
    assert str(Path.cwd()) in str(caught.value)


def test_a_folder_and_a_file_in_another_encoding_are_told(file: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=r"cannot be read: .*directory"):
        load_study_file(Path())
    file.write_bytes(b"study: \xe9t\xe9")
    with pytest.raises(InvalidConfiguration, match=r"cannot be read: .*utf-8"):
        load_study_file(file)


def test_what_is_required_and_missing_is_said_once(file: Path) -> None:
    assert mistakes(file, "seed: 1") == ["objective: is required", "space: is required"]


def test_an_unknown_key_is_answered_with_the_nearest_known_one(file: Path) -> None:
    (mistake,) = mistakes(file, SMALLEST + "stratgy: grid")
    assert re.match(r"stratgy: .*not known.*'strategy'\?", mistake)


def test_a_key_that_is_no_text_is_unknown(file: Path) -> None:
    (mistake,) = mistakes(file, SMALLEST + "1: grid")
    assert mistake.startswith("1: is not known")


def test_a_key_without_a_value_is_not_taken_for_the_default(file: Path) -> None:
    (mistake,) = mistakes(file, SMALLEST + "config:\n")
    assert re.match(r"config: must .*TunerConfig.*mapping.*None", mistake)


def test_all_mistakes_are_told_at_once(file: Path) -> None:
    told = mistakes(
        file,
        """
        objctive: a:b
        objective: no colon
        space: {lr: {type: float, low: 1, high: 0}, act: []}
        strategy: randm
        direction: up
        seed: -1
        study: 7
        config: {max_trial: 3, retries: -1}
        observers: [no.such:Observer]
        """,
    )
    starts = [mistake.partition(" ")[0] for mistake in told]
    assert sorted(starts) == sorted(
        [
            "objctive:",
            "objective:",
            "space.lr:",
            "space.act:",
            "strategy:",
            "direction:",
            "seed:",
            "study:",
            "config.max_trial:",
            "config.retries:",
            "observers.0:",
        ]
    )


def test_the_file_of_an_objective_is_looked_for_in_the_working_directory(file: Path) -> None:
    text = "objective: models/mine.py:train\nspace: {x: [1]}"
    (mistake,) = mistakes(file, text)
    assert re.match(
        rf"objective: .*no file 'models/mine\.py'.*{re.escape(repr(str(Path.cwd())))}", mistake
    )
    Path("models").mkdir()
    Path("models/mine.py").touch()
    assert plan(file, text).objective == "models/mine.py:train"


def test_a_file_that_is_beside_the_study_is_proposed(file: Path) -> None:
    Path("studies").mkdir()
    Path("studies/mine.py").touch()
    (mistake,) = mistakes(Path("studies") / file, "objective: mine.py:train\nspace: {x: [1]}")
    assert mistake.endswith("did you mean 'studies/mine.py:train'?")


def test_an_engine_that_is_named_beside_the_file_wins_and_options_are_for_their_own(
    file: Path,
) -> None:
    file.write_text(SMALLEST + "engine: dask\nengine_options: {resources: {GPU: 1}}\n")
    given = load_study_file(file)
    plans = [plan_study_file(on_engine(given, engine), file) for engine in ("", "dask", "local")]
    assert [(plan.engine, plan.engine_options) for plan in plans] == [
        ("dask", {"resources": {"GPU": 1.0}}),
        ("dask", {"resources": {"GPU": 1.0}}),
        ("local", {}),
    ]
    assert given["engine"] == "dask"
