"""What a user sees of long work."""

from __future__ import annotations

import io
from unittest import mock

import tensorflow as tf
from absl.testing import parameterized

from datasets import progress_bar


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ProgressTest(parameterized.TestCase, tf.test.TestCase):
    def test_a_bar_on_a_terminal(self):
        terminal = _Terminal()
        with (
            mock.patch("sys.stderr", terminal),
            progress_bar.shown("unpacking", 4_000_000, 1_000_000) as advance,
        ):
            advance(3_000_000)
        last = terminal.getvalue().strip("\n").split("\r")[-1]
        self.assertRegex(last, r"unpacking: 100%\|.*4.00M/4.00M")

    def log_of(self, total, seconds):
        """The lines of a log when 1 MB more is done at each of these times."""
        with (
            mock.patch("sys.stderr", io.StringIO()),
            mock.patch("datasets.progress_bar.time.monotonic", side_effect=lambda: now),
            self.assertLogs("ccp", "INFO") as logs,
        ):
            now = 0.0
            with progress_bar.shown("extracting a.tgz", total, 1_000_000) as advance:
                for now in seconds:  # noqa: B007
                    advance(1_000_000)
        return [record.getMessage() for record in logs.records]

    def test_a_line_every_half_minute_in_a_log(self):
        # A line at 31 s, none until 61 s, and the last one at the end.
        self.assertEqual(
            self.log_of(8_000_000, [1, 29, 31, 32, 60, 62, 63]),
            [
                "extracting a.tgz: 50% of 8.0 MB",
                "extracting a.tgz: 88% of 8.0 MB",
                "extracting a.tgz: done, 8.0 MB",
            ],
        )

    def test_a_total_that_is_not_known(self):
        self.assertEqual(self.log_of(None, [31]), ["extracting a.tgz: 2.0 MB", "extracting a.tgz: done, 2.0 MB"])

    def test_things_are_counted_as_they_are(self):
        terminal = _Terminal()
        with mock.patch("sys.stderr", terminal), progress_bar.shown("reading", 12_000, unit="images") as advance:
            advance(12_000)
        self.assertRegex(terminal.getvalue(), r"reading: 100%\|.*12000/12000 .* images/s")
        self.assertEqual(progress_bar.in_words(12_000, "images"), "12,000 images")

    @parameterized.parameters((0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"))
    def test_sizes_in_words(self, size, words):
        self.assertEqual(progress_bar.in_words(size), words)
        self.assertEqual(progress_bar.in_words(3 * 10**9), "3.0 GB")
