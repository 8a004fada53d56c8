"""The program of the embedded server: Prefect's API, until whoever started it is gone.

Started as `python -m prefect_tuner.flows.run.embedded_server_main DESCRIPTOR` by
`prefect_tuner.flows.run.embedded_server`. Its port stands in a line written to the descriptor; its
standard input is a pipe that only the other side holds, and closes when that ends, however it does.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

_END_SECONDS = 5.0


def main(descriptor: int) -> None:
    """Serve until the standard input ends.

    Args:
        descriptor: Where to write the port.
    """
    import uvicorn
    from prefect.server.api.server import create_app

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = create_app(ephemeral=True, final=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
    threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    os.write(descriptor, f"{listener.getsockname()[1]}\n".encode())
    os.close(descriptor)
    server.run(sockets=[listener])


def _end_with_input(server: object) -> None:
    while os.read(0, 4096):
        pass
    server.should_exit = True  # type: ignore[attr-defined]
    time.sleep(_END_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
