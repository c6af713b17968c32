"""A long way: forwards TCP connections, and holds all bytes back for a time in each direction.

    python -m benchmarks.distance_proxy MS PORT ...

Prints the ports where it listens, as JSON, one for each PORT of this machine; ends with its stdin.
A new connection costs a round trip first, as a real one does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys


async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, way_s: float) -> None:
    """Bytes arrive `way_s` after they left, in order."""
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while True:
            at, data = await under_way.get()
            await asyncio.sleep(max(0.0, at - loop.time()))
            if not data:
                break
            target.write(data)
            await target.drain()
        target.close()

    arriving = asyncio.create_task(arrive())
    try:
        while data := await source.read(65536):
            under_way.put_nowait((loop.time() + way_s, data))
    except ConnectionError:
        pass
    under_way.put_nowait((loop.time() + way_s, b""))
    await asyncio.gather(arriving, return_exceptions=True)


async def serve(way_s: float, ports: list[int]) -> None:
    """Listen until stdin ends."""

    async def forward(port: int, near: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        await asyncio.sleep(2 * way_s)
        far = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(asyncio.CancelledError):  # at the end of all
            await asyncio.gather(carry(near[0], far[1], way_s), carry(far[0], near[1], way_s))

    servers = [
        await asyncio.start_server(lambda *near, port=port: forward(port, near), "127.0.0.1", 0)
        for port in ports
    ]
    print(json.dumps([one.sockets[0].getsockname()[1] for one in servers]), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) / 1e3, [int(port) for port in sys.argv[2:]]))
