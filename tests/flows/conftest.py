"""Where ledgers in object storage are kept, whose server starts when it is used."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.s3_storage import S3Server, start_server, use


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    server = start_server()
    with pytest.MonkeyPatch.context() as patch:
        try:
            use(server, patch)
            yield server
        finally:
            server.stop()


@pytest.fixture(params=["memory", "s3", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return f"file://{tmp_path}/studies"
    if request.param == "s3":
        request.getfixturevalue("s3")
    return f"{request.param}://bucket/{uuid.uuid4().hex}"


@pytest.fixture
def s3_url(s3: S3Server) -> str:
    return f"s3://bucket/{uuid.uuid4().hex}"
