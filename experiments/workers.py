"""Processes that train together, and whether they were started alike."""

from __future__ import annotations

import json
import secrets
import time

import tensorflow as tf

from ccp.distribution.cluster import read_cluster
from ccp.distribution.replicas import Replicas
from ccp.errors import ConfigError
from experiments.run_directory import RunDirectory
from experiments.settings import Settings, configure, difference_phrases

# A shared file system may show what another machine has written a minute late.
VISIBLE_WITHIN_SECONDS = 70.0


def is_chief(strategy: str) -> bool:
    """Whether this process, of those that train together, writes files and reports results."""
    return strategy != "multi_worker" or read_cluster().is_chief


def check_same_start(replicas: Replicas, settings: Settings, data_digest: str) -> None:
    """Checks that all processes have the same settings and data; every process calls this.

    Args:
      replicas: the processes.
      settings: of this process.
      data_digest: of the data set's manifest in this process.

    Raises:
      ConfigError: they differ, in every process.
    """
    texts = replicas.gather_texts(json.dumps([settings.flat(), data_digest]))
    (first, first_digest), *others = ((configure(values), digest) for values, digest in map(json.loads, texts))
    for number, (other, digest) in enumerate(others, start=2):
        different = difference_phrases(first, other, "in process 1", f"in process {number}")
        if digest != first_digest:
            different.append("the data sets differ in files, classes or splits (compare them with main.py validate)")
        if different:
            raise ConfigError(
                f"Process {number} was started differently from process 1: {'; '.join(different)}. Give every process "
                "the same command line and the same data."
            )


def check_same_directory(replicas: Replicas, run: RunDirectory) -> None:
    """Checks that all processes see the directory that the chief writes to; every process calls this.

    Args:
      replicas: the processes.
      run: the directory as this process sees it; the chief has claimed it.

    Raises:
      ConfigError: one sees another directory, in every process.
    """
    if replicas.num_workers == 1:
        return
    # New at every start, so that a copy of the directory does not pass for it.
    token = secrets.token_hex(8)
    if replicas.is_chief:
        run.sign(token)
    token = replicas.gather_texts(token)[0]
    deadline = time.monotonic() + VISIBLE_WITHIN_SECONDS
    while run.signature() != token and time.monotonic() < deadline:
        time.sleep(0.1)
    seen = replicas.gather_texts("" if run.signature() == token else f"{run.path.absolute()}")
    for number, path in enumerate(seen, start=1):
        if path:
            raise ConfigError(
                f"{path} of process {number} is not the directory that process 1 writes to. All processes need the "
                "same --run_dir, on a file system that they share."
            )


def wait_for_result(replicas: Replicas, run: RunDirectory) -> None:
    """Waits until the chief has written the result, which it could not do alone if it were killed before."""
    try:
        replicas.barrier()
    except tf.errors.OpError:  # The chief may end while others still leave the barrier.
        if not run.result.exists():
            raise
