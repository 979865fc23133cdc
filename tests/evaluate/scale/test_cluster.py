"""Reaching a cluster, as far as that starts none."""

import os
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ngc.errors import EvaluationError
from ngc.evaluate.scale import Cluster
from tests.evaluate.cli.conftest import Command, digits
from tests.evaluate.cli.conftest import command as command
from tests.evaluate.cli.conftest import folder as folder


def test_ray_is_missing(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    ran = command(*digits("--engine=ray"))
    assert ran.code == 1
    assert ran.err == ("ngc-eval: error: --engine=ray needs the package ray, which does not load (import of ray halted; None in sys.modules): "
                       "pip install 'ngc[eval,ray]'\n")


def test_nobody_listens_at_the_address() -> None:
    pytest.importorskip("ray")
    with socket.socket() as held:  # bound, so that nobody else is given the port, but not listening
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        with Cluster(address) as cluster, pytest.raises(EvaluationError) as caught:
            cluster.connect(1)
    assert str(caught.value) == f"--ray_address={address}: no Ray cluster is reached: Connection refused"


@pytest.mark.parametrize("address", ["here", "ray://here:10001", "here:port", ":6379", "here:99999", "here:0"])
def test_addresses_that_are_none(address: str) -> None:
    pytest.importorskip("ray")
    with Cluster(address) as cluster, pytest.raises(EvaluationError) as caught:
        cluster.connect(1)
    assert str(caught.value) == (f"--ray_address={address}: expected local, auto, or host:port of a cluster's head that this machine is a node of, "
                                 "such as 10.0.0.1:6379")


@pytest.mark.full
def test_another_service_listens_at_the_address() -> None:
    pytest.importorskip("ray")
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"127.0.0.1:{server.server_port}"
        environment = dict(os.environ)
        with Cluster(address) as cluster, pytest.raises(EvaluationError) as caught:
            cluster.connect(1)
        server.shutdown()
        thread.join()
    assert str(caught.value).startswith(f"--ray_address={address}: no Ray cluster is reached: Failed to connect to Ray cluster at ")
    assert dict(os.environ) == environment
