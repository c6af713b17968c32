"""Runs in the endpoint's environment: registers an endpoint and runs its interchange.

Arguments: endpoint id, engine (`thread`, `process` or `parsl`), directory. The service's address
and a token come from the environment.
"""

import logging
import multiprocessing
import os
import platform
import sys

import globus_compute_sdk.sdk.client
import globus_sdk
from globus_compute_endpoint.endpoint.config import UserEndpointConfig
from globus_compute_endpoint.endpoint.interchange import EndpointInterchange
from globus_compute_endpoint.engines import (
    GlobusComputeEngine,
    ProcessPoolEngine,
    ThreadPoolEngine,
)
from globus_compute_sdk import Client
from parsl.providers import LocalProvider


def make_engine(name: str):
    if name == "thread":
        return ThreadPoolEngine(max_workers=2)
    if name == "process":
        # The interchange has threads: a fork could copy a held lock.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolEngine(max_workers=2, mp_context=context)
    return GlobusComputeEngine(
        address="127.0.0.1",
        encrypted=False,
        max_workers_per_node=2,
        heartbeat_period=1,
        heartbeat_threshold=5,
        provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
    )


def main(endpoint_id: str, engine: str, directory: str) -> None:
    logging.basicConfig(level=logging.INFO)
    # Parsl's workers are found beside this interpreter.
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    # The official Client names its address itself, whatever globus-sdk is told.
    globus_compute_sdk.sdk.client.get_web_service_url = lambda *_: os.environ[
        "GLOBUS_SDK_SERVICE_URL_COMPUTE"
    ]
    authorizer = globus_sdk.AccessTokenAuthorizer(os.environ["LOOPBACK_TOKEN"])
    registration = Client(authorizer=authorizer).register_endpoint(
        engine, endpoint_id, metadata={"python_version": platform.python_version()}
    )
    interchange = EndpointInterchange(
        config=UserEndpointConfig(engine=make_engine(engine), heartbeat_period=5),
        cred_fn=lambda: {"amqp_creds": registration},
        ep_info={},
        logdir=directory,
        endpoint_id=endpoint_id,
        endpoint_dir=directory,
        parent_pid=os.getppid(),
    )
    interchange.start()


if __name__ == "__main__":
    main(*sys.argv[1:])
