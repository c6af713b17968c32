"""`joblib_backend`: scikit-learn's `n_jobs` on `local` and on a real endpoint."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import gc_jupyter
from gc_jupyter import Client
from gc_jupyter.errors import PayloadTooLarge, TaskExecutionFailed
from gc_jupyter.parallel import EndpointBackend
from tests.service.handle import Loopback


@pytest.fixture(params=["local", "process"])
def where(request: pytest.FixtureRequest, client: Client, loopback: Loopback) -> dict[str, Any]:
    if request.param == "local":
        return {"endpoint": "local"}
    return {"endpoint": loopback.endpoint("process"), "client": client}


class Nearest(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of a notebook's own: workers don't have it."""

    def __init__(self, power: float = 2.0) -> None:
        self.power = power

    def fit(self, X: Any, y: Any) -> Nearest:
        self.classes_ = np.unique(y)
        self.centers_ = np.array([X[y == kind].mean(axis=0) for kind in self.classes_])
        return self

    def predict(self, X: Any) -> Any:
        distances = (np.abs(X[:, None] - self.centers_) ** self.power).sum(axis=2)
        return self.classes_[distances.argmin(axis=1)]


def digits() -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 400)
    return rng.normal(size=(400, 40)) + y[:, None], y


@pytest.mark.parametrize(
    ("estimator", "grid"),
    [
        (LogisticRegression(max_iter=200), {"C": [0.01, 1.0, 10.0]}),
        (Nearest(), {"power": [0.5, 2.0, 3.0]}),
    ],
)
def test_a_grid_search(where: dict[str, Any], estimator: Any, grid: dict[str, Any]) -> None:
    X, y = digits()
    alone = GridSearchCV(estimator, grid, cv=3).fit(X, y)
    with gc_jupyter.joblib_backend(**where, jobs=4):
        there = GridSearchCV(estimator, grid, cv=3, n_jobs=-1).fit(X, y)
    assert there.best_params_ == alone.best_params_
    assert np.array_equal(
        there.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


def test_the_data_are_sent_once(client: Client, loopback: Loopback) -> None:
    X, y = digits()
    with gc_jupyter.joblib_backend(loopback.endpoint("process"), client=client, jobs=4):
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 2.0, 3.0]}, cv=3, n_jobs=-1).fit(X, y)
    sent = [request for request in loopback.requests() if request["method"] == "POST"]
    (registered,) = [request for request in sent if request["path"] == "/v3/functions"]
    assert len(registered["body"]["function_code"]) > X.nbytes
    tasks = [
        len(task)
        for request in sent
        if request["path"].endswith("/submit")
        for texts in request["body"]["tasks"].values()
        for task in texts
    ]
    assert len(tasks) == 12
    assert max(tasks) < X.nbytes / 6  # its own rows' numbers, twice encoded


def test_warnings_of_the_kernel_stay_here(where: dict[str, Any]) -> None:
    """scikit-learn sends the process's warning filters; an endpoint has no IPython."""
    category = type("OfTheKernel", (UserWarning,), {"__module__": "IPython.core.nowhere"})
    X, y = digits()
    with warnings.catch_warnings(), gc_jupyter.joblib_backend(**where, jobs=2):
        warnings.simplefilter("ignore", category)
        GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2, n_jobs=-1).fit(X, y)


def double(x: int) -> int:
    return 2 * x


def fail(x: int) -> int:
    raise ValueError(f"on purpose: {x}")


def test_plain_calls(where: dict[str, Any]) -> None:
    with gc_jupyter.joblib_backend(**where, jobs=2):
        parallel = joblib.Parallel()
        assert parallel(joblib.delayed(double)(x) for x in range(7)) == [0, 2, 4, 6, 8, 10, 12]
        shared = np.ones((200, 200))
        sums = joblib.Parallel()(joblib.delayed(np.sum)(shared * k) for k in range(3))
        assert sums == [0.0, 40000.0, 80000.0]
        with pytest.raises(TaskExecutionFailed, match="on purpose: 1"):
            joblib.Parallel()(joblib.delayed(fail)(x) for x in [1])
        assert joblib.Parallel()(joblib.delayed(double)(x) for x in range(2)) == [0, 2]


def test_too_much() -> None:
    with (
        gc_jupyter.joblib_backend("local"),
        pytest.raises(PayloadTooLarge, match=r"room for 7\.5 MB"),
    ):
        joblib.Parallel()(joblib.delayed(np.sum)(np.ones((1500, 1500))) for _ in range(2))


@pytest.mark.parametrize(
    ("n_jobs", "jobs"), [(None, 1), (1, 1), (3, 3), (-1, 6), (-2, 5), (-100, 1)]
)
def test_jobs(n_jobs: int | None, jobs: int) -> None:
    assert EndpointBackend("local", jobs=6).effective_n_jobs(n_jobs) == jobs


def test_jobs_of_an_endpoint(client: Client, loopback: Loopback) -> None:
    known = EndpointBackend(loopback.endpoint("process"), client=client)
    assert known.effective_n_jobs(-1) >= 1
    with pytest.raises(ValueError, match="no meaning"):
        known.effective_n_jobs(0)


def test_joblib_is_loaded_at_first_use() -> None:
    code = "import sys, gc_jupyter; print('joblib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
