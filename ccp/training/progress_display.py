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

from ccp.projection.projector import Projection

_LOGGER = logging.getLogger("ccp")
# Reading a loss makes the device wait, so a bar shows it this often, and a log in long epochs.
_SECONDS_BETWEEN_LOSSES, _SECONDS_BETWEEN_LINES = 0.5, 30.0


class ProgressDisplay(tf.keras.callbacks.Callback):
    """A bar on a terminal, plain lines in a log; on standard error, for ``Trainer``.

    Both show the loss, the last score, the time since training began and the speed of the epoch's training steps. A log
    has a line per epoch, and one every 30 seconds within an epoch.

    Args:
      title: what is trained.
      batch_size: to show the speed in images; None shows it in steps.
    """

    def __init__(self, title: str = "training", batch_size: int | None = None):
        super().__init__()  # In Keras 2 sets the next to False.
        self._supports_tf_logs = True  # It reads the losses of batches only now and then.
        self._title, self._batch_size = title, batch_size
        self._bar: tqdm | None = None
        self._begin = self._epoch_begin = self._last_step = self._last_shown = 0.0
        self._epoch, self._steps, self._scores, self._projected = 0, 0, "", ""

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Shows where training begins, unless it has ended already."""
        self._begin = self._last_shown = time.monotonic()
        if self.params["finished"]:
            return
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

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Begins to measure the speed."""
        self._epoch, self._steps, self._epoch_begin, self._projected = epoch, 0, time.monotonic(), ""

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Advances the bar; now and then shows the loss."""
        self._steps, self._last_step = self._steps + 1, time.monotonic()
        if self._bar is not None:
            self._bar.update(1)
        if self._last_step - self._last_shown < (
            _SECONDS_BETWEEN_LOSSES if self._bar is not None else _SECONDS_BETWEEN_LINES
        ):
            return
        self._last_shown, loss = self._last_step, f"loss {float(logs['loss']):.4f}"
        if self._bar is not None:
            self._bar.set_postfix_str(f"{loss}{self._scores}, {self._speed()}")
        else:
            self._line(f"step {batch + 1}/{self.params['steps']}, {loss}")

    def on_projection(self, projection: Projection) -> None:
        """Remembers it for the line of its epoch."""
        self._projected = f", projection {projection.index}" if projection.index else ", first proxies"

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Shows loss and score of the epoch."""
        monitor = self.params["monitor"]
        loss, self._scores = f"loss {logs['loss']:.4f}", f", {monitor} {logs[monitor]:.4f}"
        if self._bar is not None:
            self._scores += f", {logs['projections']} projections"
            self._bar.set_postfix_str(f"{loss}{self._scores}, {self._speed()}", refresh=True)
            return
        self._line(f"{loss}{self._scores}{self._projected}")
        self._last_shown = time.monotonic()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Closes the bar; training may end before its total."""
        if self._bar is not None:
            self._bar.close()

    def _line(self, text: str) -> None:
        elapsed = tqdm.format_interval(time.monotonic() - self._begin)
        _say(f"{self._title}: epoch {self._epoch + 1}/{self.params['epochs']}, {text} [{elapsed}, {self._speed()}]")

    def _speed(self) -> str:
        """Of the training steps of this epoch, without the validation that follows."""
        seconds = max(self._last_step - self._epoch_begin, 1e-9)
        if self._batch_size is None:
            return f"{self._steps / seconds:.3g} steps/s"
        return f"{self._steps * self._batch_size / seconds:.0f} images/s"


def _say(line: str) -> None:
    """Through logging where that is set up, and else to standard error as it is."""
    if _LOGGER.hasHandlers() and _LOGGER.isEnabledFor(logging.INFO):
        _LOGGER.info("%s", line)
    else:
        print(line, file=sys.stderr, flush=True)
