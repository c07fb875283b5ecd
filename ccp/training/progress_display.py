"""What a person sees of a training."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tqdm import tqdm

_LOGGER = logging.getLogger("ccp")


class ProgressDisplay(tf.keras.callbacks.Callback):
    """A bar on a terminal, one plain line per epoch in a log; on standard error, for ``Trainer``.

    Args:
      title: what is trained.
    """

    # It reads no logs of batches, so that Keras need not convert them at every step: its names in Keras 2 and 3.
    _supports_tf_logs = async_safe = True

    def __init__(self, title: str = "training"):
        super().__init__()
        self._title = title
        self._bar: tqdm | None = None
        self._begin = 0.0

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Shows where training begins."""
        self._begin = time.monotonic()
        done, total = self.params["steps_done"], self.params["epochs"] * self.params["steps"]
        if done:
            _say(f"{self._title}: resuming at epoch {done // self.params['steps'] + 1}")
        if sys.stderr.isatty():
            # Asked here because tqdm shows nothing on a terminal that reports a width of 0, as containers' do.
            columns, lines = shutil.get_terminal_size()
            self._bar = tqdm(
                total=total,
                initial=done,
                desc=self._title,
                bar_format="{desc} {bar} {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}",
                ncols=columns,
                nrows=lines,
            )

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Advances the bar."""
        if self._bar is not None:
            self._bar.update(1)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Shows loss and score of the epoch."""
        monitor = self.params["monitor"]
        scores = f"loss {logs['loss']:.4f}, {monitor} {logs[monitor]:.4f}"
        if self._bar is not None:
            self._bar.set_postfix_str(f"{scores}, {logs['projections']} projections", refresh=True)
            return
        projected = f", projection {logs['projections']}" if logs["projected"] else ""
        elapsed = tqdm.format_interval(time.monotonic() - self._begin)
        _say(f"{self._title}: epoch {epoch + 1}/{self.params['epochs']}, {scores}{projected} [{elapsed}]")

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Closes the bar; training may end before its total."""
        if self._bar is not None:
            self._bar.close()


def _say(line: str) -> None:
    """Through logging where that is set up, and else to standard error as it is."""
    if _LOGGER.hasHandlers() and _LOGGER.isEnabledFor(logging.INFO):
        _LOGGER.info("%s", line)
    else:
        print(line, file=sys.stderr, flush=True)
