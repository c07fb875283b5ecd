"""Work that a signal stops."""

from __future__ import annotations

import contextlib
import io
import os
import signal
from unittest import mock

import tensorflow as tf
from absl.testing import absltest, parameterized

from ccp.errors import Interrupted, TrainingError
from experiments import stopping


class StopRequestTest(absltest.TestCase):
    def test_the_first_signal_is_a_request_and_the_handlers_are_restored(self):
        before = signal.getsignal(signal.SIGTERM)
        with stopping.StopRequest() as stop:
            self.assertFalse(stop())
            os.kill(os.getpid(), signal.SIGTERM)
            self.assertTrue(stop())
            self.assertEqual(stop.signal, signal.SIGTERM)
            self.assertEqual(signal.getsignal(signal.SIGTERM), signal.SIG_DFL)
        self.assertEqual(signal.getsignal(signal.SIGTERM), before)


class UntilStoppedTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        # Determinism is for a whole process, here the one of all tests.
        self.make_deterministic = self.enter_context(mock.patch.object(stopping, "make_deterministic"))

    @parameterized.parameters((False, 1), (True, 0))
    def test_the_same_bits_every_time_but_for_xla(self, jit_compile, calls):
        with stopping.until_stopped(jit_compile=jit_compile) as stop:
            self.assertEqual(self.make_deterministic.call_count, calls)
            self.assertFalse(stop())

    @parameterized.parameters((signal.SIGTERM, 143), (signal.SIGINT, 130), (None, 143))
    def test_a_signal_to_any_process_ends_it_with_a_message_and_a_code(self, number, code):
        err = io.StringIO()
        captured = contextlib.redirect_stderr(err)
        with captured, self.assertRaises(SystemExit) as stopped, stopping.until_stopped() as stop:
            if number is not None:
                os.kill(os.getpid(), number)
            raise Interrupted(f"Stopped: {stop()}.")
        self.assertEqual(stopped.exception.code, code)
        self.assertEqual(err.getvalue(), f"Stopped: {number is not None}. The same command resumes from there.\n")

    def test_the_chief_alone_reports(self):
        for is_chief in (True, False):
            reported = False
            with mock.patch.object(stopping, "is_chief", return_value=is_chief), contextlib.suppress(SystemExit):
                with stopping.until_stopped("multi_worker"):
                    pass
                reported = True
            self.assertEqual(reported, is_chief)

    def test_another_process_that_has_ended_is_reported(self):
        message = "Another process .*Socket closed.*Start all processes again"
        with self.assertRaisesRegex(TrainingError, message), stopping.until_stopped("multi_worker"):
            raise tf.errors.UnavailableError(None, None, "Socket closed")


if __name__ == "__main__":
    absltest.main()
