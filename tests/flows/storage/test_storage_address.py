"""From a study's `storage` to the place of its ledger."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.flows.storage.ledger_objects import LedgerObjects
from prefect_tuner.flows.storage.storage_address import (
    check_storage,
    list_keys,
    open_store,
)


def record(storage: str, key: str) -> None:
    store = open_store(storage, key)
    store.claim(Holder.of_this_process())
    store.append(b"line\n")
    store.release()


@pytest.mark.parametrize("form", ["{}", "file://{}", "local://{}"])
def test_a_local_folder_holds_files(form: str, tmp_path: Path) -> None:
    store = open_store(form.format(tmp_path), "churn")
    assert isinstance(store, LedgerFile)
    assert store.location == str(tmp_path / "churn.jsonl")


def test_the_home_folder_has_a_short_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_store("~/studies", "churn").location == str(tmp_path / "studies" / "churn.jsonl")


def test_any_other_address_holds_objects() -> None:
    store = open_store("memory://studies/mine/", "churn")
    assert isinstance(store, LedgerObjects)
    assert store.location == "memory://studies/mine/churn"


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_the_studies_of_a_storage_are_listed(kind: str, tmp_path: Path) -> None:
    storage = str(tmp_path / "new") if kind == "folder" else f"memory://{uuid.uuid4().hex}"
    assert list_keys(storage) == []
    record(storage, "first")
    record(storage, "a-second")
    claimed_only = open_store(storage, "third")
    claimed_only.claim(Holder.of_this_process())
    assert list_keys(storage) == ["a-second", "first"]
    claimed_only.release()


def test_what_is_beside_the_studies_is_not_listed() -> None:
    storage = f"memory://{uuid.uuid4().hex}"
    record(storage, "study")
    record(f"{storage}/Other Things", "study")
    record(f"{storage}/nested", "study")
    assert list_keys(storage) == ["study"]


@pytest.mark.parametrize("storage", ["studies", "~/x", "file:///tmp/x", "memory://x", "s3://b/x"])
def test_good_storages_are_accepted(storage: str) -> None:
    check_storage(storage)


@pytest.mark.parametrize(
    ("storage", "mistake"),
    [
        (3, "storage: must be a folder or an address, .* not a int"),
        (None, "not a NoneType"),
        ("s4://bucket/x", "storage: Protocol not known: s4"),
        ("s3://bucket/*", "must name one place"),
        ("simplecache::s3://bucket/x", "must not go through a cache"),
    ],
)
def test_a_mistake_is_explained(storage: object, mistake: str) -> None:
    with pytest.raises(InvalidConfiguration, match=mistake):
        check_storage(storage)


@pytest.mark.parametrize(
    "storage",
    [
        "s3://AKIA:hunter2@bucket/studies",
        "sftp://me:hunter2@host/studies",
        "s3://bucket/studies?secret=hunter2",
        "abfs://container/studies?sig=hunter2",
        "memory://x?aws_access_key_id=hunter2",
        "dir::s3://AKIA:hunter2@bucket/studies",
    ],
)
def test_credentials_are_refused_and_not_repeated(storage: str) -> None:
    with pytest.raises(InvalidConfiguration, match="must not hold credentials") as caught:
        check_storage(storage)
    assert "hunter2" not in str(caught.value)
    assert "AWS_SECRET_ACCESS_KEY" in str(caught.value)


@pytest.mark.parametrize(
    ("protocol", "module", "extra"), [("s3", "s3fs", "s3"), ("gs", "gcsfs", "gcs")]
)
def test_a_package_that_is_missing_is_named_with_its_extra(
    protocol: str, module: str, extra: str
) -> None:
    # A module of None is one that cannot be imported: an environment without the package.
    script = (
        f"import sys; sys.modules['{module}'] = None\n"
        "from prefect_tuner.errors import InvalidConfiguration\n"
        "from prefect_tuner.flows.storage.storage_address import check_storage\n"
        "try:\n"
        f"    check_storage('{protocol}://bucket/studies')\n"
        "except InvalidConfiguration as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", script]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f'pip install "prefect-tuner[{extra}]"' in said


def test_an_address_that_cannot_be_reached_is_a_mistake_like_others() -> None:
    with pytest.raises(InvalidConfiguration, match=r"^storage: ftp://.* cannot be reached"):
        check_storage("ftp://localhost:1/studies")
