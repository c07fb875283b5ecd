"""What a user sees of long work."""

import io
from unittest import mock

from absl.testing import absltest

from datasets.progress import progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ProgressTest(absltest.TestCase):
    def test_a_bar_on_a_terminal(self):
        terminal = _Terminal()
        with mock.patch("sys.stderr", terminal), progress("reading", 12_000, "images") as advance:
            advance(12_000)
        self.assertRegex(terminal.getvalue(), r"reading: 100%\|.*12000/12000 .* images/s")

    def test_lines_in_a_log(self):
        log, work = self.assertLogs("ccp", "INFO"), progress("reading", 100, "images")
        with mock.patch("sys.stderr", io.StringIO()), log as logs, work as advance:
            for _ in range(100):  # At once, so that no line comes between.
                advance(1)
        lines = [record.getMessage() for record in logs.records]
        self.assertEqual(lines, ["reading: 0 of 100 images", "reading: 100 of 100 images"])


if __name__ == "__main__":
    absltest.main()
