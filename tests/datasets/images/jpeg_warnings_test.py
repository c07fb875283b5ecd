"""Lines that libraries write to standard error."""

import os
import sys
import tempfile
from unittest import mock

from absl.testing import absltest

from datasets.images.jpeg_warnings import caught_jpeg_warnings


class CaughtTest(absltest.TestCase):
    def test_warnings_are_counted_and_the_rest_follows(self):
        with tempfile.TemporaryFile() as file:
            stderr = os.dup(2)
            os.dup2(file.fileno(), 2)
            try:
                with mock.patch.object(sys, "stderr", sys.__stderr__), caught_jpeg_warnings() as count:
                    print("Python's", file=sys.stderr)
                    self.assertEqual(os.pread(file.fileno(), 100, 0), b"Python's\n")
                    os.write(2, b"before\nCorrupt JPEG data: premature end of data segment\n")
                    self.assertEqual(count(), 1)
                    os.write(2, b"between\nCorrupt JPEG data: bad Huffman code\n")
                    self.assertEqual(count(), 2)
                os.write(2, b"after\n")
            finally:
                os.dup2(stderr, 2)
                os.close(stderr)
            file.seek(0)
            self.assertEqual(file.read(), b"Python's\nbefore\nbetween\nafter\n")


if __name__ == "__main__":
    absltest.main()
