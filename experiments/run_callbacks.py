"""The metrics and projections that a run writes while it trains, as a Keras callback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ccp.projection.projector import Projection
from datasets.files import written_whole
from evaluate.embedded import Embedded
from experiments.run_directory import RunDirectory


class RunLog(tf.keras.callbacks.Callback):
    """Writes metrics and projections into the run's directory.

    Args:
      run: the directory.
      scatter: some training examples with their current embeddings; saved beside the proxies of each projection, to be
        drawn and measured.
    """

    def __init__(self, run: RunDirectory, scatter: Callable[[], Embedded]):
        super().__init__()
        self._run, self._scatter = run, scatter

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Drops the lines of epochs that will be repeated."""
        self._run.rewind(logs)

    def on_projection(self, projection: Projection) -> None:
        """Saves what is needed to draw the projection."""
        embedded = self._scatter()
        self._run.projections.mkdir(exist_ok=True)
        contents = {
            "embeddings": embedded.embeddings,
            "labels": embedded.labels,
            "class_names": np.array(embedded.class_names),
            "proxies": projection.proxies.numpy(),
            "proximal_weight": projection.proximal_weight,
        }
        if projection.previous_proxies is not None:
            contents["previous_proxies"] = projection.previous_proxies.numpy()
        with written_whole(self._run.projections / f"{projection.index:04d}.npz") as path, open(path, "wb") as file:
            np.savez_compressed(file, **contents)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Adds the epoch's line."""
        self._run.append({"epoch": epoch + 1, **logs})
