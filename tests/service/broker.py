"""A RabbitMQ node of our own: private ports and directories, gone when stopped."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pika

from tests.waiting import held_port, number_of

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
CTL = Path("/usr/lib/rabbitmq/bin/rabbitmqctl")
ADMIN, ADMIN_PASSWORD = "loopback", "loopback"
START_LIMIT_S = 60.0

# Users come from the service by HTTP (their passwords change with every call of
# get_amqp_result_connection_url); only our own user is the broker's.
_CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
loopback_users = none
auth_backends.1 = internal
auth_backends.2 = http
auth_http.http_method = post
auth_http.user_path = {auth_url}/user
auth_http.vhost_path = {auth_url}/vhost
auth_http.resource_path = {auth_url}/resource
auth_http.topic_path = {auth_url}/topic
log.console = false
vm_memory_high_watermark.relative = 0.8
disk_free_limit.absolute = 50MB
"""
_TLS_CONFIG = """\
listeners.ssl.1 = {address}
ssl_options.certfile = {certificate}
ssl_options.keyfile = {certificate}
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
"""


@dataclass(frozen=True)
class Tls:
    """A second door, with TLS. `certificate` is a file with the key, too; `address` has a port."""

    address: str
    certificate: Path


class Broker:
    """One node, from `start` to `stop`. `auth_url` is where it asks who may connect."""

    def __init__(self, auth_url: str, tls: Tls | None = None) -> None:
        if not SERVER.exists():
            raise RuntimeError("rabbitmq-server is not installed. Run `make test`, which does it.")
        self._held = [held_port() for _ in range(3)]
        self.port, self._dist_port, self._epmd_port = map(number_of, self._held)
        self._auth_url = auth_url
        self._tls = tls
        self._directory = Path(tempfile.mkdtemp(prefix="gc-loopback-broker-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[int] | None = None

    @property
    def parameters(self) -> pika.ConnectionParameters:
        """How the service itself connects."""
        return pika.ConnectionParameters(
            "127.0.0.1",
            self.port,
            credentials=pika.PlainCredentials(ADMIN, ADMIN_PASSWORD),
            heartbeat=0,
        )

    def _environment(self) -> dict[str, str]:
        folder = self._directory
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"loopback-{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # Two schedulers that sleep at once: the tests need the processors themselves.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
        }

    async def start(self) -> None:
        """Start the node and return once it takes connections."""
        for name in ("data", "log"):
            (self._directory / name).mkdir()
        config = _CONFIG.format(
            port=self.port, user=ADMIN, password=ADMIN_PASSWORD, auth_url=self._auth_url
        )
        if self._tls is not None:
            config += _TLS_CONFIG.format(**vars(self._tls))
        (self._directory / "rabbitmq.conf").write_text(config)
        (self._directory / "enabled_plugins").write_text("[rabbitmq_auth_backend_http].\n")
        with (self._directory / "log" / "console").open("wb") as log:
            # Erlang would leave a name server behind that nobody stops: give it one of ours.
            self._epmd = subprocess.Popen(
                ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        await self._start_node()

    async def _start_node(self) -> None:
        with (self._directory / "log" / "console").open("ab") as log:
            self._process = subprocess.Popen(
                [SERVER],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._watch = asyncio.create_task(asyncio.to_thread(self._process.wait))
        await asyncio.wait_for(self._wait_for_port(), START_LIMIT_S)

    async def _wait_for_port(self) -> None:
        assert self._watch is not None
        while not await self._listens():
            # Nothing announces the listener, so ask again; a node that died ends the wait.
            done, _ = await asyncio.wait({self._watch}, timeout=0.05)
            if done:
                raise RuntimeError(f"RabbitMQ did not start:\n{self._log_tail()}")

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def _is_registered(self) -> bool:
        process = await asyncio.create_subprocess_exec(
            *("epmd", "-port", str(self._epmd_port), "-names"), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        return f"name loopback-{self.port} " in output.decode()

    def _log_tail(self) -> str:
        files = sorted((self._directory / "log").iterdir())
        return "\n".join(file.read_text(errors="replace")[-2000:] for file in files)

    async def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl with `arguments`; returns what it printed."""
        process = await asyncio.create_subprocess_exec(
            CTL,
            "--quiet",
            *arguments,
            env=self._environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"rabbitmqctl {' '.join(arguments)}: {output.decode()}")
        return output.decode()

    async def close_connections(self, user: str) -> None:
        """Close every connection of a user; without the second that rabbitmqctl takes to start."""
        cookie = (self._directory / ".erlang.cookie").read_text()
        node = f"loopback-{self.port}@localhost"
        process = await asyncio.create_subprocess_exec(
            *("erl_call", "-sname", node, "-c", cookie, "-e"),
            env=self._environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        call = f'rabbit_networking:close_all_user_connections(<<"{user}">>, <<"told to">>).\n'
        output, _ = await process.communicate(call.encode())
        if output != b"{ok, ok}":
            raise RuntimeError(f"closing the connections of {user}: {output.decode()}")

    async def interrupt(self, how: str, down_s: float) -> None:
        """Be away for `down_s` seconds, then take connections again.

        `how`: "stop" the application within the node; "restart" the node, which ends in order; or
        "kill" it.
        """
        assert self._process is not None
        assert self._watch is not None
        if how == "stop":
            await self.ctl("stop_app")
            await asyncio.sleep(down_s)
            await self.ctl("start_app")
        else:
            number = {"restart": signal.SIGTERM, "kill": signal.SIGKILL}[how]
            os.killpg(self._process.pid, number)
            await self._watch
            # the node outlives the script that started it, and its port: a second one of its name
            # doesn't start
            while await self._listens() or await self._is_registered():
                await asyncio.sleep(0.02)
            await asyncio.sleep(down_s)
            await self._start_node()
            await self.ctl("await_startup")  # its port opens earlier, and drops who comes

    def stop(self) -> None:
        """End the node and its helpers, and remove its files."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
        for held in self._held:
            held.close()
        shutil.rmtree(self._directory, ignore_errors=True)
