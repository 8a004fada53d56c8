"""What a test allows for a server that stands still is what it stood still."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from tests.polling import eventually
from tests.server_silence import ServerSilence


def test_the_slowest_answer_is_told() -> None:
    asked: list[str] = []

    class SlowAtFirst(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if len(asked) == 1:
                time.sleep(1.5)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    def slow_and_then_quick() -> None:
        assert len(asked) >= 3

    with HTTPServer(("127.0.0.1", 0), SlowAtFirst) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with ServerSilence.of(f"http://127.0.0.1:{server.server_port}/api") as silence:
            eventually(slow_and_then_quick, timeout=60.0)
        server.shutdown()
    assert set(asked) == {"/api/health"}
    assert silence.longest >= 1.5
