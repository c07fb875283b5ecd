"""What a person sees of a training, on a terminal and in a log."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pty
from unittest import mock

import tensorflow as tf

from ccp.training.callbacks import TrainerCallbacks
from ccp.training.progress_display import ProgressDisplay


class Clock:
    """Time that passes only in what is shown."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def shown_epochs(steps_done=0, seconds_per_step=1.0, batch_size=8):
    """Two epochs of four steps and ten seconds of validation each, or what is left of them."""
    clock = Clock()
    with mock.patch("time.monotonic", clock):
        display = ProgressDisplay("ccp/contrastive", batch_size)
        params = {"epochs": 2, "steps": 4, "steps_done": steps_done, "monitor": "map_at_r"}
        display.set_params({**params, "finished": steps_done == 8})
        display.on_train_begin({})
        for epoch in range(steps_done // 4, 2):
            display.on_epoch_begin(epoch)
            for step in range(4):
                clock.now += seconds_per_step
                display.on_train_batch_end(step, {"loss": tf.constant(1.0 + step)})
            clock.now += 10.0
            display.on_projection(mock.Mock(index=epoch))
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
        self.assertIn("8/8", shown)
        self.assertIn("loss 0.5000, map_at_r 0.2500, 1 projections", shown)
        self.assertIn("loss 1.0000, 8 images/s", shown)  # In the first epoch, before there is a score.
        self.assertIn("loss 3.0000, map_at_r 0.2500, 0 projections", shown)

    def lines(self, logging_set_up=False, **more):
        logger = mock.patch.object(logging.getLogger("ccp"), "hasHandlers", lambda: logging_set_up)
        with logger, contextlib.redirect_stderr(io.StringIO()) as stderr:
            shown_epochs(**more)
        return stderr.getvalue().splitlines()

    def test_a_log_gets_a_line_per_epoch_with_elapsed_time_and_speed(self):
        # Four steps of a second, eight images each, then ten seconds of validation.
        self.assertEqual(
            self.lines(),
            [
                "ccp/contrastive: epoch 1/2, loss 0.5000, map_at_r 0.2500, first proxies [00:14, 8 images/s]",
                "ccp/contrastive: epoch 2/2, loss 0.5000, map_at_r 0.2500, projection 1 [00:28, 8 images/s]",
            ],
        )
        self.assertTrue(self.lines(seconds_per_step=0.3, batch_size=None)[0].endswith("[00:11, 3.33 steps/s]"))

    def test_a_long_epoch_gets_lines_in_between(self):
        self.assertLen(self.lines(seconds_per_step=16.0), 6)  # With half a minute between them.
        lines = self.lines(seconds_per_step=1000.0)
        self.assertLen(lines, 10)
        self.assertEqual(lines[1], "ccp/contrastive: epoch 1/2, step 2/4, loss 2.0000 [33:20, 0 images/s]")
        self.assertEndsWith(lines[-1], "projection 1 [2:13:40, 0 images/s]")

    def test_losses_are_read_only_to_be_shown(self):
        class Other(tf.keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                seen.append(logs["loss"])

        loss, seen = mock.MagicMock(), []
        loss.__float__.return_value = 0.5
        params = {"epochs": 1, "steps": 9, "steps_done": 0, "monitor": "map_at_r", "finished": False}
        for callbacks, expected in (([ProgressDisplay()], 0), ([ProgressDisplay(), Other()], 9)):
            callbacks = TrainerCallbacks(callbacks, tf.keras.Sequential(), **params)
            callbacks.notify("on_train_begin", {})
            for step in range(9):
                callbacks.notify_of_batch("on_train_batch_end", step, loss=loss)
            self.assertEqual(loss.__float__.call_count, expected)
        self.assertEqual(seen, [0.5] * 9)

    def test_a_resumed_training_tells_where(self):
        self.assertEqual(self.lines(steps_done=4)[0], "ccp/contrastive: resuming at epoch 2")

    def test_a_training_that_has_ended_is_not_resumed(self):
        self.assertEmpty(self.lines(steps_done=8))

    def test_logging_that_is_set_up_gets_the_lines(self):
        with self.assertLogs(logging.getLogger("ccp"), "INFO") as logs:
            self.assertEmpty(self.lines(logging_set_up=True))
        self.assertLen(logs.output, 2)


if __name__ == "__main__":
    tf.test.main()
