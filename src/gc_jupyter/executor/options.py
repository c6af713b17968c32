"""Options that an executor sends with each of its requests."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gc_jupyter.client.batch import json_text
from gc_jupyter.protocol.batches import Route
from gc_jupyter.serialize import remote_path

if TYPE_CHECKING:
    from gc_jupyter.serialize import Strategylike


class BatchOptions(concurrent.futures.Executor):
    """The options part of Executor. Setting one changes how later tasks are sent."""

    def __init__(self) -> None:
        self._route = Route("")
        self._resource_specification: dict[str, Any] | None = None
        self._user_endpoint_config: dict[str, Any] | None = None
        self._result_serializers: list[Strategylike] | None = None

    @property
    def batch_size(self) -> int:
        """The most tasks that one request carries; at least 1."""
        return self._route.max_tasks

    @batch_size.setter
    def batch_size(self, value: int) -> None:
        self._route = replace(self._route, max_tasks=max(1, value))

    @property
    def resource_specification(self) -> dict[str, Any] | None:
        """What each task needs of the engine; a JSON-serializable dict or None."""
        return self._resource_specification

    @resource_specification.setter
    def resource_specification(self, value: dict[str, Any] | None) -> None:
        text = json_text(value, "resource_specification")
        self._resource_specification = value
        self._route = replace(self._route, resource_specification=text)

    @property
    def user_endpoint_config(self) -> dict[str, Any] | None:
        """Values for the endpoint's configuration template; a JSON-serializable dict or None."""
        return self._user_endpoint_config

    @user_endpoint_config.setter
    def user_endpoint_config(self, value: dict[str, Any] | None) -> None:
        text = json_text(value, "user_endpoint_config")
        self._user_endpoint_config = value
        self._route = replace(self._route, user_endpoint_config=text)

    @property
    def result_serializers(self) -> Sequence[Strategylike] | None:
        """Strategies that the endpoint tries in order (Executor user guide, "Specifying Result
        Serialization Strategies"); sent as the names that the endpoint can resolve."""
        return self._result_serializers

    @result_serializers.setter
    def result_serializers(self, value: Iterable[Strategylike] | None) -> None:
        strategies = None if value is None else list(value)
        paths = tuple(remote_path(strategy) for strategy in strategies or ())
        self._result_serializers = strategies
        self._route = replace(self._route, result_serializers=paths)
