"""Run the loopback until stdin ends or a signal comes; its first line is its address, as JSON.

`python -m tests.service [--endpoint-python PATH] [--endpoint KIND ...]` prints
`{"url", "token", "endpoints": {KIND: id}}`. Point a client there by
GLOBUS_SDK_SERVICE_URL_COMPUTE and an access token. With `--certificate`, `--https` and `--amqps`
open a second door each, with TLS, at an address of this machine that others reach.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import stat
import sys
import tempfile
from pathlib import Path

from aiohttp import web

from tests.service.app import make_app
from tests.service.broker import Broker, Tls
from tests.service.state import KINDS, State
from tests.waiting import number_of


def parse() -> argparse.Namespace:
    default = Path(__file__).parents[2] / ".venv-endpoint/bin/python"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--endpoint-python",
        default=os.environ.get("GC_JUPYTER_TEST_ENDPOINT_PYTHON", str(default)),
        help="an interpreter with globus-compute-endpoint",
    )
    parser.add_argument("--endpoint", action="append", default=[], choices=sorted(KINDS))
    parser.add_argument("--certificate", type=Path, help="a PEM file with its key")
    parser.add_argument("--https", metavar="ADDRESS:PORT")
    parser.add_argument("--amqps", metavar="ADDRESS:PORT")
    return parser.parse_args()


async def serve(arguments: argparse.Namespace, directory: Path) -> None:
    """Start everything, print the address, stop everything at the end of stdin."""
    door = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{number_of(door)}"
    token = f"loopback-{secrets.token_hex(8)}"
    tls = Tls(arguments.amqps, arguments.certificate) if arguments.amqps else None
    broker = Broker(f"{url}/_broker", tls)
    state = State(broker, directory, arguments.endpoint_python, {token})
    state.url = url
    runner = web.AppRunner(make_app(state), access_log=None, keepalive_timeout=600)
    await runner.setup()
    try:
        await web.SockSite(runner, door).start()
        if arguments.https:
            address, _, https_port = arguments.https.rpartition(":")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(arguments.certificate)
            await web.TCPSite(runner, address, int(https_port), ssl_context=context).start()
        await state.open()
        endpoints = {
            kind: (await state.add_endpoint(kind)).endpoint_id for kind in arguments.endpoint
        }
        print(json.dumps({"url": url, "token": token, "endpoints": endpoints}), flush=True)
        await _end_of_stdin()
    finally:
        await state.close()
        await runner.cleanup()


async def _end_of_stdin() -> None:
    # Whoever started the service holds the other end, so it also ends when they are killed.
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, lambda: ended.done() or ended.set_result(None))
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty()):
        await ended  # a file or /dev/null: nobody holds the other end, so only signals count
        return
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await asyncio.wait({ended, asyncio.create_task(reader.read())}, return_when="FIRST_COMPLETED")


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(prefix="gc-loopback-"))
    try:
        asyncio.run(serve(parse(), folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
