"""Processes that train together: whether they have the same settings, directory and data, and whom to wait for."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable

import tensorflow as tf

from ccp.distribution.replicas import Replicas, replicas_of
from ccp.errors import ConfigError
from experiments.run_directory import RunDirectory
from experiments.settings import Settings, difference_phrases

_REMEDY = "Give every process the same command line."
# A file system that machines share may show what another one has written a minute late.
VISIBLE_WITHIN_SECONDS = 70.0


def replicas_unless_finished(
    settings: Settings, finished: Callable[[], bool], should_stop: Callable[[], bool]
) -> Replicas | None:
    """The devices to train on; None where several processes were to, and nothing is left to be trained.

    Then none is waited for, also if it is finished in the meantime: the others may have left as the chief still showed
    the result, or the chief may be judging without them.

    Args:
      settings: see ``replicas_of``.
      finished: whether nothing is left; asked while waiting for other processes.
      should_stop: asked, too.
    """
    if settings.run.strategy != "multi_worker":
        return replicas_of(settings.run.strategy, settings.batch.size)
    if finished():
        return None

    def asked() -> bool:
        if finished():
            raise _FinishedMeanwhile
        return should_stop()

    try:
        return replicas_of(settings.run.strategy, settings.batch.size, asked)
    except _FinishedMeanwhile:
        return None


def wait_for_result(replicas: Replicas, run: RunDirectory) -> None:
    """Until the chief has written it: were it killed before, it would need the others again."""
    try:
        replicas.barrier()
    except tf.errors.OpError:  # The others may leave first.
        if not run.result.exists():
            raise


class _FinishedMeanwhile(Exception):
    """Ends the waiting."""


def check_same_settings(replicas: Replicas, settings: Settings) -> None:
    """Refuses to train with processes that were started with other settings; every process calls this.

    Raises:
      ConfigError: the settings of one differ from the first one's in what matters to the result.
    """
    first, *others = (
        Settings.from_dict(json.loads(text)) for text in replicas.gather_texts(json.dumps(settings.to_dict()))
    )
    for number, other in enumerate(others, start=2):
        different = difference_phrases(first, other, "in process 1", f"in process {number}")
        if different:
            raise ConfigError(f"The processes have different settings: {'; '.join(different)}. {_REMEDY}")


def check_same_directory(replicas: Replicas, run: RunDirectory) -> None:
    """Refuses to train with processes that do not see what the chief writes; every process calls this.

    Args:
      replicas: the processes.
      run: the directory as this process has it; the chief has claimed it.

    Raises:
      ConfigError: this process does not.
    """
    if replicas.num_workers == 1:
        return
    # New at every start: a run that was once copied here must not pass for the chief's.
    word = secrets.token_hex(8)
    if replicas.is_chief:
        run.sign(word)
    word = replicas.gather_texts(word)[0]
    deadline = time.monotonic() + VISIBLE_WITHIN_SECONDS
    while run.signature() != word:
        if time.monotonic() > deadline:
            raise ConfigError(
                f"{run.path.absolute()} is not the directory that process 1 writes to. All processes need the same "
                "--run_dir, on a file system that they share."
            )
        time.sleep(0.1)


def check_same_data(replicas: Replicas, digest: str) -> None:
    """Refuses to train with processes that see other data; every process calls this.

    Args:
      replicas: the processes.
      digest: of the data set's manifest as this process has it.

    Raises:
      ConfigError: they do.
    """
    digests = replicas.gather_texts(digest)
    other = [number for number, one in enumerate(digests, start=1) if one != digests[0]]
    if other:
        raise ConfigError(
            f"Process {other[0]} has other images than process 1: the data sets in their --data_dir differ in files, "
            "classes or splits. main.py validate compares each with what it should be."
        )
