"""What `prefect-tuner engines` lists."""

from __future__ import annotations

import pytest

from prefect_tuner.flows.commands.command_line import main
from prefect_tuner.flows.listings.engine_listing import (
    describe_engines,
    engine_listing,
)
from prefect_tuner.flows.listings.option_listing import PartDescription
from prefect_tuner.tasks.engines import engine_registry


@pytest.fixture(autouse=True)
def _no_extras(plug_in: None, monkeypatch: pytest.MonkeyPatch) -> None:
    # What there is on this machine makes no difference.
    monkeypatch.setattr(engine_registry, "find_spec", lambda _: None)


def described(name: str) -> PartDescription:
    (found,) = [engine for engine in describe_engines() if engine.name == name]
    return found


def test_engines_are_listed_with_what_they_do_and_their_options() -> None:
    noting = described("noting")
    assert noting.summary == "Notes each attempt, and leaves it to the local engine."
    assert [(o.name, o.type, o.default) for o in noting.options] == [
        ("file", "str", None),
        ("word", '"trial" | "run"', '"trial"'),
        ("licence", "SecretStr", "\"SecretStr('')\""),
    ]
    lines = engine_listing([noting]).splitlines()
    assert lines[0] == "noting"
    assert "    file: str, required" in lines
    assert "        Where trials are noted." in lines


def test_engines_that_cannot_be_used_are_listed_with_what_to_do() -> None:
    assert described("dask").problem == "needs prefect-dask: pip install 'prefect-tuner[dask]'"
    assert described("ray").problem == "needs prefect-ray: pip install 'prefect-tuner[ray]'"
    assert "RuntimeError: this plug-in needs a licence key" in described("broken").problem
    text = engine_listing([described("dask")])
    assert text == "dask\n    cannot be used: needs prefect-dask: pip install 'prefect-tuner[dask]'"


def test_the_command_lists_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines"]) == 0
    first_lines = [each.splitlines()[0] for each in capsys.readouterr().out.split("\n\n")]
    assert first_lines == [
        "broken",
        "dask",
        "deployment",
        "local (default)",
        "no_engine",
        "noting",
        "ray",
        "unfinished",
    ]


def test_the_listing_has_no_line_longer_than_the_terminal() -> None:
    text = engine_listing(describe_engines(), width=60)
    assert max(map(len, text.splitlines())) <= 60
