"""The processes that train together, as the environment variable TF_CONFIG lists them, and their connection."""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import logging
import os
import signal
import sys
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf

from ccp.errors import ConfigError, first_line

_JOBS = ("chief", "worker")  # In the order of their replicas.
_EXAMPLE = '{"cluster": {"worker": ["host0:port", "host1:port"]}, "task": {"type": "worker", "index": 0}}'

_log = logging.getLogger("ccp")


class Cluster(NamedTuple):
    """The processes that train together.

    Attributes:
      num_workers: how many there are.
      worker: the number of this one, from 0.
      addresses: ``host:port`` of each, in their order.
    """

    num_workers: int
    worker: int
    addresses: tuple[str, ...] = ()

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the files."""
        return self.worker == 0


def read_cluster() -> Cluster:
    """Reads TF_CONFIG.

    Raises:
      ConfigError: it is missing, or does not say which of which processes this one is.
    """
    try:
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        jobs, job, index = resolver.cluster_spec().as_dict(), resolver.task_type, resolver.task_id
        addresses = [address for name in _JOBS for address in jobs.get(name, ())]
        own = jobs[job][index]
        valid = set(jobs) <= set(_JOBS) and len(jobs.get("chief", ())) <= 1 and index >= 0
        valid = valid and len(set(addresses)) == len(addresses)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        valid = False
    if not valid:
        raise ConfigError(
            "--strategy=multi_worker reads the environment variable TF_CONFIG, which lists all processes (at most one "
            "chief, and workers), each with its own address, and says which of them this one is; "
            f"got {os.environ.get('TF_CONFIG')!r}. Set it for every process, each with its own index: "
            f"TF_CONFIG='{_EXAMPLE}'."
        )
    return Cluster(len(addresses), addresses.index(own), tuple(addresses))


@functools.cache  # TensorFlow connects a process once.
def connected_strategy(timeout: float) -> tf.distribute.Strategy:
    """Connects this process with all others of TF_CONFIG; ends it if they do not come in time.

    Args:
      timeout: seconds to wait for the other processes, here and later whenever one waits for another.

    Raises:
      ConfigError: TF_CONFIG is not valid, or TensorFlow refuses an address in it.
    """
    addresses = ", ".join(read_cluster().addresses)
    _log.info(
        "Waiting up to %g seconds for all processes of TF_CONFIG (%s) to start; after that, this process ends.",
        timeout,
        addresses,
    )
    options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=timeout)
    try:
        with _ended_after(timeout), _default_signals():
            return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"The processes of TF_CONFIG ({addresses}) cannot be connected: {first_line(error)}. Each needs a free "
            "port, and a host name by which the others reach it."
        ) from error


@contextlib.contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """Ends the process after a time even though TensorFlow, while it connects, lets no line of Python run."""
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def _default_signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the process at once: a handler in Python would not run.

    Restores the handlers, one of which TensorFlow replaces as it connects.
    """
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
