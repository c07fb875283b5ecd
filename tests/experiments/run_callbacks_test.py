"""What a person sees of a training."""

from __future__ import annotations

import os
import pty

import tensorflow as tf

from tests.support import command_line

_SHORT = ("--max_epochs=2", "--steps_per_epoch=2", "--image_size=8", "--width=4")


class ProgressDisplayTest(tf.test.TestCase):
    def test_a_terminal_shows_a_bar_even_if_it_says_it_has_no_width(self):
        controller, terminal = pty.openpty()  # 0 columns wide until told otherwise.
        run = f"--run_dir={self.get_temp_dir()}/run"
        process = command_line.start("train", "--loss=contrastive", *_SHORT, run, stderr=terminal)
        process.communicate(timeout=120)
        os.close(terminal)
        shown = os.read(controller, 100_000).decode()
        os.close(controller)
        self.assertEqual(process.returncode, 0)
        self.assertIn("4/4", shown)
        self.assertRegex(shown, r"map_at_r \d\.\d+, 0 projections")

    def test_a_log_gets_a_line_per_epoch(self):
        run = f"--run_dir={self.get_temp_dir()}/run"
        code, _, err = command_line.run("train", *_SHORT, run)
        self.assertEqual(code, 0, err)
        lines = err.splitlines()
        self.assertLen(lines, 2)
        self.assertRegex(lines[1], r"^ccp/contrastive: epoch 2/2, loss \d\.\d+, map_at_r \d\.\d+ \[0:\d\d\]$")


if __name__ == "__main__":
    tf.test.main()
