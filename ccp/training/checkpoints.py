"""Checkpoints that survive a full disk and a damaged file."""

from __future__ import annotations

import logging
import pathlib
from typing import Any

import tensorflow as tf

from ccp.errors import TrainingError

_LOGGER = logging.getLogger("ccp")
_KEPT = 2


class Checkpoints:
    """The last two checkpoints of a training.

    Args:
      directory: where they are kept; None keeps none.
      writes: of several processes that train together, one writes.
      parts: everything to be saved, by name, trackable by TensorFlow.
    """

    def __init__(self, directory: str | None, writes: bool = True, **parts: Any):
        self._manager, self._writes = None, writes
        if directory is not None:
            if writes:
                _mend_index(directory)
            self._manager = tf.train.CheckpointManager(tf.train.Checkpoint(**parts), directory, max_to_keep=_KEPT)

    @property
    def newest(self) -> str | None:
        """Path of the newest checkpoint, if there is one."""
        return tf.train.latest_checkpoint(self._manager.directory) if self._manager else None

    def restore(self) -> bool:
        """Takes everything from the newest checkpoint that can be read; whether there is any.

        Raises:
          TrainingError: there are checkpoints, and none of them can be read, or is of this training.
        """
        of_another_revision = False
        saved = self._listed()
        for path in reversed(saved):
            try:
                self._manager.checkpoint.restore(path).assert_consumed()
                return True
            except (tf.errors.OpError, AssertionError, IndexError, ValueError) as error:
                of_another_revision |= isinstance(error, AssertionError)
                _LOGGER.warning(
                    "The checkpoint %s cannot be read (%s); trying the one before.", path, _first_line(error)
                )
        if of_another_revision:
            raise TrainingError(
                f"The checkpoints in {self._manager.directory} hold other variables than this training has: another "
                "revision of the code has written them. Go on with that one, or start again in another --run_dir."
            )
        if saved:
            raise TrainingError(
                f"None of the checkpoints in {self._manager.directory} can be read. Start again in another --run_dir."
            )
        return False

    def save(self) -> None:
        """Writes a checkpoint.

        Raises:
          TrainingError: it cannot be written; the one before is still there.
        """
        if self._manager is None or not self._writes:
            return
        try:
            # Numbered by a counter of its own: one step may be saved twice, and nothing is overwritten in place.
            self._manager.save()
        except (tf.errors.OpError, OSError) as error:
            raise TrainingError(
                f"A checkpoint could not be written to {self._manager.directory} ({_first_line(error)}). "
                "The one before it is kept: free some space, and the same command goes on from there."
            ) from error

    def _listed(self) -> list[str]:
        """Read anew: another process may have written, or mended, the list since this object was made."""
        state = tf.train.get_checkpoint_state(self._manager.directory) if self._manager else None
        return list(state.all_model_checkpoint_paths) if state else []


def _mend_index(directory: str) -> None:
    """Lists the checkpoints that are there anew if TensorFlow's own list of them is missing or damaged.

    The very first one alone is left unlisted: a kill came while it was written, it may be torn, and it holds
    nothing but the start, which is made again.
    """
    try:
        listed = tf.train.get_checkpoint_state(directory)
    except ValueError:  # An empty file, as after a power cut.
        listed = None
    found = pathlib.Path(directory).glob("*.index")
    kept = sorted(found, key=_number)[-_KEPT:]
    if listed is None and kept and _number(kept[-1]) > 1:
        paths = [str(file.with_suffix("")) for file in kept]
        times = [file.stat().st_mtime for file in kept]
        tf.compat.v1.train.update_checkpoint_state(directory, paths[-1], paths, all_model_checkpoint_timestamps=times)


def _number(file: pathlib.Path) -> int:
    return int(file.stem.rpartition("-")[2])


def _first_line(error: Exception) -> str:
    return f"{error}\n".splitlines()[0]
