"""An S3 server in a process of its own, and ledgers in it and elsewhere, for the tests."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

import fsspec
import pytest

from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.ledger_objects import LedgerObjects

SERVER = Path(__file__).with_name("s3_server.py")


@dataclass
class S3Server:
    process: subprocess.Popen[str]
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> int:
        with urllib.request.urlopen(f"{self.address}/-/requests") as answer:
            return int(answer.read())

    def fail(self, times: int, *, done: bool) -> None:
        control = f"{self.address}/-/fail?times={times}&done={int(done)}"
        with urllib.request.urlopen(control, data=b""):
            pass

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def start_server() -> S3Server:
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, str(SERVER)], stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    return S3Server(process, int(process.stdout.readline()))


def use(server: S3Server, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("AWS_ENDPOINT_URL", server.address)
    patch.setenv("AWS_ACCESS_KEY_ID", "someone")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "something")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # They are for another server.
    fsspec.filesystem("s3").mkdir("bucket")


def me(name: str = "") -> Holder:
    return Holder.of_this_process(name)


def elsewhere(name: str) -> Holder:
    return replace(me(name), host="another", boot="another")


def claimed(url: str, holder: Holder | None = None) -> LedgerObjects:
    ledger = LedgerObjects(url, "study")
    ledger.claim(holder or me())
    return ledger


def texts(url: str) -> list[bytes]:
    return [line.text for line in LedgerObjects(url, "study").read()]
