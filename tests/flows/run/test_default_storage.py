"""Where ledgers are kept when nothing is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.settings import get_current_settings

from prefect_tuner import InvalidConfiguration
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.storage.ledger_store import STORAGE_VARIABLE
from prefect_tuner.flows.storage.storage_address import check_storage


def test_it_is_below_prefects_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STORAGE_VARIABLE)
    home = Path(get_current_settings().home)
    assert Path(storage_or_default("")) == home / "prefect-tuner" / "studies"


def test_the_environment_says_where_when_the_study_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(STORAGE_VARIABLE, "memory://studies")
    assert storage_or_default("") == "memory://studies"
    assert storage_or_default(str(tmp_path)) == str(tmp_path)
    monkeypatch.setenv(STORAGE_VARIABLE, "s4://bucket")
    with pytest.raises(InvalidConfiguration, match="s4"):
        check_storage(storage_or_default(""))
