"""Refusals in the service's own format (protocol: Errors)."""

from __future__ import annotations

from typing import Any

# The service's published error numbers.
UNAUTHENTICATED = 1
FUNCTION_NOT_FOUND = 3
ENDPOINT_NOT_FOUND = 4
CONTAINER_NOT_FOUND = 5
TASK_NOT_FOUND = 6
FUNCTION_NOT_PERMITTED = 10
REQUEST_KEY_ERROR = 16
REQUEST_MALFORMED = 17
INTERNAL_ERROR = 18
TASK_GROUP_NOT_FOUND = 20
INVALID_UUID = 22
UNKNOWN = 0


class Refusal(Exception):
    """An HTTP error status with the service's body."""

    def __init__(self, http_status: int, code: int, reason: str, *error_args: str) -> None:
        super().__init__(reason)
        self.http_status = http_status
        self.code = code
        self.reason = reason
        self.error_args = list(error_args)

    def body(self) -> dict[str, Any]:
        """What the client reads."""
        return {
            "status": "Failed",
            "code": self.code,
            "error_args": self.error_args,
            "http_status_code": self.http_status,
            "detail": self.reason,
            "reason": self.reason,
        }


def unauthenticated() -> Refusal:
    return Refusal(401, UNAUTHENTICATED, "Credentials are required to perform this action.")


def unknown_function(function_id: str) -> Refusal:
    reason = f"Function {function_id} could not be resolved"
    return Refusal(404, FUNCTION_NOT_FOUND, reason, function_id)


def unknown_endpoint(endpoint_id: str) -> Refusal:
    reason = f"Endpoint {endpoint_id} could not be resolved"
    return Refusal(404, ENDPOINT_NOT_FOUND, reason, endpoint_id)


def unknown_task(task_id: str) -> Refusal:
    return Refusal(404, TASK_NOT_FOUND, f"Task {task_id} not found", task_id)


def unknown_container(container_id: str) -> Refusal:
    reason = f"Container {container_id} could not be resolved"
    return Refusal(404, CONTAINER_NOT_FOUND, reason, container_id)


def unknown_group(group_id: str) -> Refusal:
    reason = f"Task Group {group_id} could not be resolved"
    return Refusal(404, TASK_GROUP_NOT_FOUND, reason, group_id)


def not_permitted(function_id: str, endpoint_id: str) -> Refusal:
    reason = f"Function {function_id} not permitted on endpoint {endpoint_id}"
    return Refusal(403, FUNCTION_NOT_PERMITTED, reason, function_id, endpoint_id)


def invalid_uuid(text: str) -> Refusal:
    return Refusal(400, INVALID_UUID, f"Invalid UUID: {text}", text)


def malformed(reason: str) -> Refusal:
    return Refusal(422, REQUEST_MALFORMED, f"Request payload validation failed: {reason}", reason)


def too_large(size: int, limit: int) -> Refusal:
    reason = f"Payload of {size} bytes exceeds the limit of {limit} bytes"
    return Refusal(413, UNKNOWN, reason, str(size))
