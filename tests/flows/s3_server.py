"""A real server that speaks S3, for the tests: `python s3_server.py` prints its port.

POST /-/fail?times=N&done=0 answers the next N requests with 503; with done=1 they are carried out
before, as when an answer is lost. GET /-/requests tells how many requests there were.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


class FailingServer:
    def __init__(self) -> None:
        self._backend = DomainDispatcherApplication(create_backend_app)
        self._turn = threading.Lock()  # S3 makes an object once in one step; this makes it so.
        self._failures = 0
        self._done = False
        self._requests = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self._turn:
            query = parse_qs(environ["QUERY_STRING"])
            if environ["PATH_INFO"] == "/-/fail":
                self._failures = int(query["times"][0])
                self._done = query["done"] == ["1"]
                start_response("200 OK", [])
                return []
            if environ["PATH_INFO"] == "/-/requests":
                start_response("200 OK", [])
                return [str(self._requests).encode()]
            self._requests += 1
            if self._failures:
                self._failures -= 1
                if self._done:
                    list(self._backend(environ, lambda *_: None))
                else:
                    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                start_response("503 Slow Down", [])
                return [b"<Error><Code>SlowDown</Code><Message>slow down</Message></Error>"]
            return list(self._backend(environ, start_response))


def end_with_whoever_started_it() -> None:
    sys.stdin.read()  # Until the other end of the pipe is closed, as by a kill.
    os._exit(0)


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    threading.Thread(target=end_with_whoever_started_it, daemon=True).start()
    server = make_server("127.0.0.1", 0, FailingServer(), threaded=True)
    print(server.server_port, flush=True)  # noqa: T201 (the test reads it)
    server.serve_forever()
