"""A kernel that a Jupyter Server has started, used without a page: so it is idle in between."""

from __future__ import annotations

from pathlib import Path

from jupyter_client.blocking.client import BlockingKernelClient


def run(runtime: Path, kernel_id: str, *cells: str) -> None:
    """Run cells in a kernel of the server whose runtime folder this is; an error is the test's."""
    client = BlockingKernelClient(connection_file=str(runtime / f"kernel-{kernel_id}.json"))
    client.load_connection_file()
    client.hb_channel.time_to_dead = 60  # a busy machine's kernel isn't dead after a second
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        for cell in cells:
            reply = client.execute_interactive(cell, timeout=60, store_history=True)
            assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()
