"""What a person sees of a training, on a terminal and in a log."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pty
from unittest import mock

import tensorflow as tf

from ccp.training.progress_display import ProgressDisplay


def shown_epochs(steps_done=0):
    """Two epochs of two steps, or what is left of them."""
    display = ProgressDisplay("ccp/contrastive")
    display.set_params({"epochs": 2, "steps": 2, "steps_done": steps_done, "monitor": "map_at_r"})
    display.on_train_begin({})
    for epoch in range(steps_done // 2, 2):
        for step in range(2):
            display.on_train_batch_end(step, {"loss": 1.0})
        logs = {"loss": 0.5, "map_at_r": 0.25, "projections": epoch, "projected": epoch == 1}
        display.on_epoch_end(epoch, logs)
    display.on_train_end()


class ProgressDisplayTest(tf.test.TestCase):
    def test_a_terminal_shows_a_bar_even_if_it_reports_no_width(self):
        controller, terminal = pty.openpty()  # 0 columns wide until told otherwise.
        with open(terminal, "w") as stderr, mock.patch("sys.stderr", stderr):
            shown_epochs()
        shown = b""
        with contextlib.suppress(OSError):  # Which says that all is read.
            while True:
                shown += os.read(controller, 100_000)
        os.close(controller)
        shown = shown.decode()
        self.assertIn("4/4", shown)
        self.assertIn("loss 0.5000, map_at_r 0.2500, 1 projections", shown)

    def lines(self, logging_set_up=False, **more):
        logger = mock.patch.object(logging.getLogger("ccp"), "hasHandlers", lambda: logging_set_up)
        with logger, contextlib.redirect_stderr(io.StringIO()) as stderr:
            shown_epochs(**more)
        return stderr.getvalue().splitlines()

    def test_a_log_gets_a_line_per_epoch_with_the_elapsed_time(self):
        with mock.patch("time.monotonic", side_effect=[0.0, 61.0, 7322.0]):
            lines = self.lines()
        self.assertEqual(
            lines,
            [
                "ccp/contrastive: epoch 1/2, loss 0.5000, map_at_r 0.2500 [01:01]",
                "ccp/contrastive: epoch 2/2, loss 0.5000, map_at_r 0.2500, projection 1 [2:02:02]",
            ],
        )

    def test_a_resumed_training_tells_where(self):
        self.assertEqual(self.lines(steps_done=2)[0], "ccp/contrastive: resuming at epoch 2")

    def test_logging_that_is_set_up_gets_the_lines(self):
        with self.assertLogs(logging.getLogger("ccp"), "INFO") as logs:
            self.assertEmpty(self.lines(logging_set_up=True))
        self.assertLen(logs.output, 2)


if __name__ == "__main__":
    tf.test.main()
