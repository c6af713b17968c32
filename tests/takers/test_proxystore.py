"""ProxyStore's proxies pass through as they are: resolved where they are used, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from proxystore.connectors.file import FileConnector
from proxystore.proxy import Proxy, is_resolved
from proxystore.store import Store

from gc_jupyter import Executor
from tests.magics.conftest import Kernel
from tests.service.handle import Loopback


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store[Any]]:
    with Store("of the test", FileConnector(str(tmp_path / "proxies")), register=True) as made:
        yield made


def total(numbers: Any, scale: int = 1) -> Any:
    from proxystore.proxy import Proxy, is_resolved

    return type(numbers) is Proxy, is_resolved(numbers), sum(numbers) * scale


def given(one: Any) -> Any:
    return one


def test_arguments_and_results(executor: Executor, store: Store[Any]) -> None:
    numbers: Any = store.proxy(list(range(1000)))
    assert executor.submit(total, numbers, scale=2).result(60) == (True, False, 999000)
    assert executor.submit(given, {"deep": [numbers]}).result(60)["deep"][0][3] == 3
    (back,) = executor.submit(given, [store.proxy([1, 2])]).result(60)
    assert type(back) is Proxy
    assert back == [1, 2]
    bare = executor.submit(given, store.proxy([3, 4])).result(60)
    assert type(bare) is Proxy
    assert bare == [3, 4]


def test_a_proxy_isnt_resolved_here(executor: Executor, store: Store[Any]) -> None:
    numbers: Any = store.proxy([1, 2], populate_target=False)
    assert executor.submit(given, [numbers]).result(60) is not None
    assert not is_resolved(numbers)


@pytest.mark.parametrize("kind", ["local", "process"])
def test_cells(kind: str, tmp_path: Path, loopback_session: Loopback) -> None:
    where = kind if kind == "local" else loopback_session.endpoint(kind)
    kernel = Kernel(tmp_path, loopback_session.environment, cwd=tmp_path)
    try:
        kernel.ok("%load_ext gc_jupyter")
        kernel.ok(
            "from proxystore.connectors.file import FileConnector\n"
            "from proxystore.proxy import Proxy, is_resolved\n"
            "from proxystore.store import Store\n"
            f"store = Store('of cells', FileConnector({str(tmp_path)!r}), register=True)\n"
            "p = store.proxy(list(range(1000)), populate_target=False)\nboth = {'p': p}"
        )
        cell = "type(p) is Proxy, is_resolved(p), sum(p), both['p'] is p"
        assert kernel.ok(f"%%gcrun {where} -q\n{cell}").text == "(True, False, 499500, True)"
        assert kernel.ok("is_resolved(p)").text == "False"
        kernel.ok(f"%%gcrun {where} -q\ndef size(x):\n    return len(x)")
        assert kernel.ok("size(p), size(x=both['p'])").text == "(1000, 1000)"
        kernel.ok(f"%%gcrun {where} -q --out back\nback = p")
        assert kernel.ok("type(back) is Proxy, back[7]").text == "(True, 7)"
        kernel.ok(f"%%gcrun {where} -q --keep left\nleft = [p]")
        assert kernel.ok(f"%%gcrun {where} -q\ntype(left[0]) is Proxy, left[0][5]").text == (
            "(True, 5)"
        )
        assert kernel.ok(f"%%gcrun {where} -q --map x=[p]\nlen(x)").text == "[1000]"
    finally:
        kernel.close()
