"""Text from trials and users is shown everywhere, and obeyed nowhere."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from typing import Any, NamedTuple

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from prefect_tuner import Categorical, Params, TrialContext
from prefect_tuner.flows.commands.study_summary import interim_sentence, summary_table
from prefect_tuner.flows.reports.leaderboard import summary_markdown
from prefect_tuner.flows.reports.markdown_text import markdown_text
from prefect_tuner.flows.study.study_name import study_key
from prefect_tuner.flows.study.tuning_events import Progress
from tests.flows.flow_runs import FlowRun, artifacts, ask_server, events, run_tune, task_runs
from tests.flows.studies import completed
from tests.polling import eventually

MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</code></pre><b>bold</b>",
    "<https://example.org>",
    "| a | b |",
    "`code` ```fence```",
    "[x](javascript:alert(1))",
    "![x](https://example.org/x.png)",
    "see https://example.org or www.example.org or a@example.org",
    "\\[x](https://example.org) \\<b>",
    "**bold** __bold__ ~~gone~~ $x$",
    "&lt;b&gt; &#60;b&#62;",
    "1. one",
    "x\n# heading\n\n- item\n\n    code",
    "x\n```\n<b>out of the fence</b>\n```",
    "x\n\n[x]: https://example.org",
]
CONTROL = [
    "\x1b[2J\x1b[31mred",
    "\x1b]8;;https://example.org\x1b\\link",
    "over\rwritten",
    "\u202egnol",
    "\u2066isolated\u2069 \u200b",
    "nul\0bel\a",
    "\x9b2J",
]
FORGED = "failed\n12:00:00.000 | INFO    | Flow run 'x' - all is well"
HOSTILE = [*MARKUP, *CONTROL, FORGED]


class Elements(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert attrs == [] or tag == "code", (tag, attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(markdown: str) -> Elements:
    """Markdown as a page that trusts whoever wrote it."""
    return Elements(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_in_markdown_is_text(text: str) -> None:
    page = rendered(f"## {markdown_text(text)}\n\n| a |\n| --- |\n| {markdown_text(text)} |\n")
    assert page.tags == {"h2", "table", "thead", "tbody", "tr", "th", "td"}
    if text in MARKUP:  # Shown as it is, but for what makes links of addresses, and its lines.
        assert page.text.replace("\u2060", "").split() == [*text.split(), "a", *text.split()]
    # Prefect's page makes links of what still looks like an address after all has been read.
    assert not re.search(r"https?://|www\.|[-.\w+]@[-\w]", page.text, re.IGNORECASE)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_summary_shows_hostile_names_and_values(text: str) -> None:
    best = completed(0, 1.0, **{text: text})
    markdown = summary_markdown(text, "maximize", Progress(completed=1, best_trial=best), text)
    page = rendered(markdown)
    tables = {"table", "thead", "tbody", "tr", "th", "td"}
    assert page.tags == {"h2", "p", "strong", "pre", "code"} | tables
    assert_printable(markdown)


def assert_printable(text: str) -> None:
    """Nothing in a text moves a cursor or turns other text around."""
    assert [c for c in text if not (c.isprintable() or c in "\t\n\u2060")] == []


def assert_loggable(text: str) -> None:
    """The same, and no line of it passes for one of the log's own."""
    assert_printable(text)
    assert "\n12:00:00.000" not in text
    assert "\n# heading" not in text


class HostileModel:
    """An objective whose failures, logs and extra values bear hostile texts."""

    def train(self, params: Params, trial: TrialContext) -> Any:
        text = str(params["text"])
        trial.log(text)
        print(text.encode(errors="replace").decode())  # noqa: T201
        if trial.number % 2:
            raise type(text, (Exception,), {})(text) if "\0" not in text else ValueError(text)
        return {"metric": trial.number, text: 1.0, "note": text}


class HostileStudy(NamedTuple):
    run: FlowRun
    study: str


STUDY = "<b>|x|</b> [a](javascript:b) `c`"


@pytest.fixture(scope="module")
def hostile(prefect_server: object) -> HostileStudy:
    # Each text twice: once it is a failure, once an extra value and the name of another.
    space = {"text": Categorical(HOSTILE), "twice": Categorical([1, 2])}
    run = run_tune(HostileModel(), space, strategy="grid", study=STUDY, max_trials=2 * len(HOSTILE))
    return HostileStudy(run, STUDY)


def all_log_lines(flow_run_id: str) -> list[str]:
    """The lines in a flow run's log, however many."""
    lines: list[str] = []
    while True:
        page = ask_server(
            "logs/filter",
            logs={"flow_run_id": {"any_": [flow_run_id]}},
            sort="TIMESTAMP_ASC",
            limit=200,
            offset=len(lines),
        )
        if not page:
            return lines
        lines += [line["message"] for line in page]


def test_hostile_texts_reach_no_log(hostile: HostileStudy) -> None:
    def logged() -> list[str]:
        lines = all_log_lines(hostile.run.id)
        assert any("is complete after" in line for line in lines)
        return lines

    lines = eventually(logged)
    assert len(lines) > 2 * len(HOSTILE)
    for line in lines:
        assert_loggable(line)


def test_hostile_texts_reach_no_state_of_a_task_run(hostile: HostileStudy) -> None:
    def recorded() -> list[dict[str, Any]]:
        found = task_runs(hostile.run.id)
        assert sum(run["state_type"] in ("COMPLETED", "FAILED") for run in found) == 2 * len(
            HOSTILE
        )
        return found

    for task_run in eventually(recorded):
        assert_loggable(task_run["state"]["message"])
        assert task_run["name"].isprintable()


def test_hostile_texts_reach_no_artifact(hostile: HostileStudy) -> None:
    found = artifacts(hostile.run.id)
    assert len(found) == 4
    for data in found.values():
        if isinstance(data, str):
            assert_printable(data)
            assert "script" not in rendered(data).tags
        elif isinstance(data, list):
            for row in data:
                for name, value in row.items():
                    assert_printable(name)
                    assert_printable(str(value))


def test_the_descriptions_of_artifacts_show_the_studys_name(hostile: HostileStudy) -> None:
    wanted = {"flow_run_id": {"any_": [hostile.run.id]}}
    described = [a for a in ask_server("artifacts/filter", artifacts=wanted) if a["key"]]
    assert len(described) >= 4
    for artifact in described:
        page = rendered(artifact["description"])
        assert page.tags == {"p"}
        assert hostile.study in page.text


def test_hostile_texts_reach_no_terminal(hostile: HostileStudy) -> None:
    result = hostile.run.result
    for trial in result.trials:
        shown = result.model_copy(update={"best_trial": trial})
        if trial.metric is None:
            continue
        output = io.StringIO()
        Console(file=output, width=200, color_system=None).print(summary_table(shown))
        assert_loggable(output.getvalue())
        assert_loggable(interim_sentence(Progress(completed=1, best_trial=trial)))
    for trial in result.trials:
        assert_loggable(trial.message)
        assert_loggable("".join(trial.extra))
        assert trial.metric is None or trial.extra["note"] == trial.params["text"]


def test_hostile_texts_reach_no_event(hostile: HostileStudy) -> None:
    def emitted() -> list[dict[str, Any]]:
        found = events(f"prefect-tuner.study.{study_key(STUDY)}")
        assert found[-1]["event"].endswith(".completed")
        return found

    for event in eventually(emitted):
        for extra in (event["payload"].get("extra"), event["payload"].get("best_extra")):
            for name, value in (extra or {}).items():
                assert_printable(name)
                assert_printable(str(value))
