"""Work that is stopped, and the bits it computes."""

from __future__ import annotations

import contextlib
import io
import os
import signal
from unittest import mock

from absl.testing import absltest, parameterized

from ccp.errors import Interrupted
from evaluate import stopping


class UntilStoppedTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        # Determinism is for a whole process, and here that is every test's.
        patch = mock.patch.object(stopping, "make_deterministic")
        self.make_deterministic = patch.start()
        self.addCleanup(patch.stop)

    @parameterized.parameters((False, 1), (True, 0))
    def test_the_same_bits_every_time_but_for_xla(self, jit_compile, calls):
        def work(stop):
            self.assertEqual(self.make_deterministic.call_count, calls)
            return "done", stop()

        self.assertEqual(stopping.until_stopped(work, jit_compile), ("done", False))

    @parameterized.parameters((signal.SIGTERM, 143), (signal.SIGINT, 130))
    def test_a_signal_ends_it_with_a_word_and_a_code(self, number, code):
        def work(stop):
            os.kill(os.getpid(), number)
            raise Interrupted(f"Stopped: {stop()}.")

        err = io.StringIO()
        with contextlib.redirect_stderr(err), self.assertRaises(SystemExit) as stopped:
            stopping.until_stopped(work)
        self.assertEqual(
            (stopped.exception.code, err.getvalue()), (code, "Stopped: True. The same command goes on from there.\n")
        )


if __name__ == "__main__":
    absltest.main()
