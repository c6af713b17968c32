"""Libraries that take an executor, or a `map`, of anybody's."""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import as_completed
from typing import Any

import adaptive
import dask
import emcee
import numpy as np
from scipy.optimize import differential_evolution
from tqdm import tqdm

from gc_jupyter import Executor


def well(x: Any) -> float:
    """A surface with its lowest point at (1, 2)."""
    return float((x[0] - 1) ** 2 + (x[1] - 2) ** 2)


def gaussian(x: Any) -> float:
    return -0.5 * float(x[0] ** 2)


def peak(x: float) -> float:
    return math.exp(-((x / 0.1) ** 2))


def square(x: int) -> int:
    return x * x


def test_dask(executor: Executor) -> None:

    delayed = [dask.delayed(square)(x) for x in range(6)]
    total = dask.delayed(sum)(delayed)
    assert total.compute(scheduler=executor) == 55


def test_scipy(executor: Executor) -> None:
    bounds = [(-4, 4), (-4, 4)]
    found = differential_evolution(
        well, bounds, workers=executor.map, maxiter=3, popsize=4, seed=1, updating="deferred"
    )
    alone = differential_evolution(well, bounds, maxiter=3, popsize=4, seed=1, updating="deferred")
    assert np.array_equal(found.x, alone.x)
    assert found.nfev == alone.nfev


def test_emcee(executor: Executor) -> None:

    start = np.random.default_rng(1).normal(size=(4, 1))
    chains = []
    for pool in (executor, None):
        sampler = emcee.EnsembleSampler(4, 1, gaussian, pool=pool)
        sampler.random_state = np.random.RandomState(7).get_state()
        sampler.run_mcmc(start, 3)
        chains.append(sampler.get_chain())
    assert np.array_equal(*chains)


def test_adaptive(executor: Executor) -> None:

    learner = adaptive.Learner1D(peak, bounds=(-1, 1))
    adaptive.BlockingRunner(learner, npoints_goal=9, executor=executor, ntasks=3)
    assert learner.npoints >= 9
    assert learner.data[-1] == peak(-1)


def test_asyncio(executor: Executor) -> None:
    """The calls of asyncio that take an executor, and futures that are awaited."""

    async def work() -> list[int]:
        loop = asyncio.get_running_loop()
        one = await loop.run_in_executor(executor, square, 3)
        others = await asyncio.gather(*(executor.submit(square, x) for x in range(3)))
        wrapped = await asyncio.wrap_future(executor.submit(square, 5))
        return [one, *others, wrapped]

    assert asyncio.run(work()) == [9, 0, 1, 4, 25]


def test_asyncio_default(executor: Executor) -> None:
    """An asyncio service whose blocking calls go to the executor by name."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = int(await reader.readline())
        loop = asyncio.get_running_loop()
        writer.write(b"%d\n" % await loop.run_in_executor(executor, square, number))
        await writer.drain()
        writer.close()

    async def ask(port: int, number: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"%d\n" % number)
        answer = int(await reader.readline())
        writer.close()
        return answer

    async def serve() -> list[int]:
        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return list(await asyncio.gather(*(ask(port, number) for number in range(4))))

    assert asyncio.run(serve()) == [0, 1, 4, 9]


def test_tqdm(executor: Executor) -> None:
    """As `tqdm.contrib.concurrent` uses an executor: submit, and a bar over what completes."""
    futures = [executor.submit(square, x) for x in range(5)]
    done = tqdm(as_completed(futures, timeout=60), total=5, disable=True)
    assert sorted(future.result() for future in done) == [0, 1, 4, 9, 16]
    assert list(tqdm(executor.map(square, range(4)), total=4, disable=True)) == [0, 1, 4, 9]
