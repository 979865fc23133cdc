"""The Ray cluster that workers run on: one of our own on this machine, or one that is running."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Self

from ngc.errors import EvaluationError

LOCAL, AUTO = "local", "auto"
"""Instead of an address: a cluster of our own on this machine; the one of RAY_ADDRESS, or that this machine is a node of."""

TIMEOUT_S = 10.0
"""How long the head of a cluster may take to accept a connection."""

_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0"}
"""Of Ray's: its makers get no statistics."""

_IMPATIENT = {"RAY_gcs_server_port_wait_time_s": "1"}
"""Of Ray's: one attempt to reach a cluster, of 40 s. By default there are twenty, also where what accepts connections is another service."""

STORE_BYTES = 256 << 20
"""Memory of a cluster of our own for objects, of which an evaluation has one, the artifact; Ray puts what does not fit into files."""


def import_ray() -> ModuleType:
    """Returns the module.

    Raises:
        EvaluationError: it is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise EvaluationError(f"--engine=ray needs the package ray, which does not load ({error}): pip install 'ngc[eval,ray]'") from error
    return ray


class Cluster:
    """A connection to a Ray cluster, made when it is first needed. A cluster that was started for it ends with it; another one goes on, without our workers.

    Where the process is connected already, that connection is used, and left.
    """

    def __init__(self, address: str = LOCAL, workers: int = 0) -> None:
        """Args: `address`: LOCAL, AUTO, or host:port of a running cluster's head. `workers`: how many; 0 for one on each node that has room for it."""
        self.address, self._workers = address, workers
        self._connected = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection, the workers, and the cluster if it was started for it."""
        if self._connected:
            self._connected = False
            ray = import_ray()
            ray.shutdown()
            ray._private.worker._worker_logs_enabled = True

    def connect(self, cpus: int) -> ModuleType:
        """Connects unless the process is connected, and returns Ray's module.

        Args:
            cpus: of one worker. A cluster of our own says that it has room for all, even where that is more than the machine has.

        Raises:
            EvaluationError: Ray is not installed, or no cluster is reached.
        """
        ray = import_ray()
        if ray.is_initialized():
            return ray
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}  # what workers and nodes come to is said by us
        if self.address == LOCAL:
            options |= {"num_cpus": max(os.cpu_count() or 1, (self._workers or 1) * cpus), "include_dashboard": False, "object_store_memory": STORE_BYTES}
        elif self.address != AUTO:
            _check_reachable(self.address)
        try:
            with _undisturbed(_SETTINGS if self.address == LOCAL else _SETTINGS | _IMPATIENT):
                ray.init(self.address, **options)
        except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
            hint = "; `ray start --head` starts one on this machine, --ray_address=local one for this evaluation" if self.address == AUTO else ""
            reason = first_line(error).partition(". ")[0]  # the sentences after it are about flags of Ray's own commands
            raise EvaluationError(f"--ray_address={self.address}: no Ray cluster is reached: {reason}{hint}") from error
        self._connected = True
        ray._private.worker._worker_logs_enabled = False  # Ray writes what happens to workers to stdout, where results go; `log_to_driver` leaves that
        return ray

    def size(self, cpus: int, gpus: int) -> int:
        """Returns how many workers there are to be.

        Raises:
            EvaluationError: no node has what a worker takes.
        """
        nodes = [node["Resources"] for node in import_ray().nodes() if node["Alive"]]
        fitting = sum(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes)
        if not fitting:
            there = ", ".join(f"{node.get('CPU', 0):g} CPUs{f' and {gpus} GPU' if node.get('GPU') else ''}" for node in nodes)
            raise EvaluationError(f"a worker takes {cpus} CPUs{f' and {gpus} GPU' if gpus else ''}, which no node of the Ray cluster has: {there}; "
                                  "--threads says how many CPUs a worker takes")
        return self._workers or fitting


def _check_reachable(address: str) -> None:
    """Raises EvaluationError where nothing accepts connections at an address."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) not in range(1, 1 << 16) or "://" in address:
        raise EvaluationError(f"--ray_address={address}: expected {LOCAL}, {AUTO}, or host:port of a cluster's head that this machine is a node of, "
                              "such as 10.0.0.1:6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_S).close()
    except OSError as error:
        raise EvaluationError(f"--ray_address={address}: no Ray cluster is reached: {getattr(error, 'strerror', None) or error}") from error


@contextmanager
def _undisturbed(settings: Mapping[str, str]) -> Iterator[None]:
    """Keeps from `ray.init` what it would change for the whole process, the handler of SIGTERM; settings are in the environment meanwhile.

    SIGTERM meanwhile, which Ray's own handler answers with SystemExit, is a KeyboardInterrupt, as it is for the rest of an evaluation.
    """
    main = threading.current_thread() is threading.main_thread()
    handler, before = signal.getsignal(signal.SIGTERM), {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    except SystemExit as end:
        raise KeyboardInterrupt("SIGTERM") from end
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if main:
            signal.signal(signal.SIGTERM, handler)


def first_line(error: BaseException) -> str:
    """Returns the first line of what an error says, or its name where it says nothing: Ray's errors go on with traces and advice."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
