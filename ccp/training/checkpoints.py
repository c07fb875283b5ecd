"""Checkpoints that survive a full disk and a damaged file."""

from __future__ import annotations

import logging
import os
from typing import Any

import tensorflow as tf

from ccp.errors import TrainingError, first_line
from ccp.plain_paths import plain_path

_LOGGER = logging.getLogger("ccp")
_KEPT = 2


class Checkpoints:
    """The last two checkpoints of a training.

    Args:
      directory: where they are kept; None keeps none.
      writes: whether this process writes them; of several that train together, one does.
      parts: what is saved, by name, trackable by TensorFlow.
    """

    def __init__(self, directory: str | None, writes: bool = True, **parts: Any):
        self._manager, self._writes, self._directory = None, writes, directory
        if directory is not None:
            checkpoint = tf.train.Checkpoint(**parts)
            # The manager deletes earlier checkpoints by pattern.
            self._manager = tf.train.CheckpointManager(checkpoint, plain_path(directory), max_to_keep=_KEPT)

    @property
    def newest(self) -> str | None:
        """Path of the newest checkpoint, if there is one."""
        found = tf.train.latest_checkpoint(self._manager.directory) if self._manager else None
        return found and self._shown(found)

    def restore(self) -> bool:
        """Restores everything from the newest checkpoint that can be read; whether there is any.

        Raises:
          TrainingError: there are checkpoints, and none of them can be read, or they hold other variables.
        """
        other_variables = False
        saved = self._listed()
        for path in reversed(saved):
            try:
                self._manager.checkpoint.restore(path).assert_consumed()
                return True
            except (tf.errors.OpError, AssertionError, IndexError, ValueError) as error:
                # A ValueError is of shapes.
                other_variables |= isinstance(error, (AssertionError, ValueError))
                _LOGGER.warning(
                    "The checkpoint %s cannot be read (%s); trying the previous one.",
                    self._shown(path),
                    first_line(error),
                )
        if other_variables:
            raise TrainingError(
                f"The checkpoints in {self._directory} hold other variables than this training has: another "
                "network, another loss or another version of the code wrote them. Resume with those, or start in "
                "another directory."
            )
        if saved:
            raise TrainingError(
                f"None of the checkpoints in {self._directory} can be read: they are damaged, or of Keras 2 and "
                "Keras 3 the other one wrote them, which alone reads them. Start again in another directory."
            )
        return False

    def save(self) -> None:
        """Writes a checkpoint.

        Raises:
          TrainingError: it cannot be written; the previous one is kept.
        """
        if self._manager is None or not self._writes:
            return
        try:
            tf.io.gfile.makedirs(self._directory)
            # Numbered by the manager's counter: one step may be saved twice, and nothing is overwritten in place.
            self._manager.save()
        except (tf.errors.OpError, OSError) as error:
            raise TrainingError(
                f"A checkpoint could not be written to {self._directory} ({first_line(error)}). "
                "The previous one is kept: free some space and resume."
            ) from error

    def _shown(self, path: str) -> str:
        return os.path.join(self._directory, os.path.basename(path))

    def _listed(self) -> list[str]:
        """Reads the list again: another process may have written it since this object was made."""
        state = tf.train.get_checkpoint_state(self._manager.directory) if self._manager else None
        return list(state.all_model_checkpoint_paths) if state else []
