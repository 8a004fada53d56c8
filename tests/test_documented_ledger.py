"""The ledger that the documentation shows is one."""

from __future__ import annotations

import json
import re
from pathlib import Path

from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.ledger_records import RECORDS
from prefect_tuner.flows.storage.ledger_file import LedgerFile

PAGE = (Path(__file__).parents[1] / "docs" / "ledger.md").read_text(encoding="utf-8")
KINDS = RECORDS.json_schema()["discriminator"]["mapping"]
DEFINITIONS = RECORDS.json_schema()["$defs"]


def example() -> str:
    (found,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_ledger_that_is_shown_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "churn-nightly.jsonl").write_text(example(), encoding="utf-8")
    state = read_state(LedgerFile(tmp_path, "churn-nightly"))
    assert state is not None
    assert [trial.attempts for trial in state.trials] == [1, 2, 2]
    assert len(state.runs) == 2
    assert state.stopped is not None
    assert state.stopped.digest == state.digest


def test_every_kind_of_record_is_described_with_all_its_members() -> None:
    table = PAGE.partition("| type | when it is written | members |")[2]
    rows = {m[1]: m[0] for m in re.finditer(r"^\| `(\w+)` \|.*$", table, re.MULTILINE)}
    assert rows.keys() == KINDS.keys()
    for kind, reference in KINDS.items():
        members = DEFINITIONS[reference.rpartition("/")[2]]["properties"].keys()
        missing = [m for m in members - {"type", "at"} if f"`{m}`" not in rows[kind]]
        assert missing == [], kind


def test_every_line_is_plain_json() -> None:
    assert all("crc" in json.loads(line) for line in example().splitlines())
