"""Stopping by a signal."""

from __future__ import annotations

import os
import signal

from absl.testing import absltest

from experiments.stop_request import StopRequest


class StopRequestTest(absltest.TestCase):
    def test_the_first_signal_is_a_request_and_the_handlers_are_restored(self):
        before = signal.getsignal(signal.SIGTERM)
        with StopRequest() as stop:
            self.assertFalse(stop())
            os.kill(os.getpid(), signal.SIGTERM)
            self.assertTrue(stop())
            self.assertEqual(stop.signal, signal.SIGTERM)
            self.assertEqual(signal.getsignal(signal.SIGTERM), signal.SIG_DFL)
        self.assertEqual(signal.getsignal(signal.SIGTERM), before)


if __name__ == "__main__":
    absltest.main()
