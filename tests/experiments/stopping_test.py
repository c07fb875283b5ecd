"""Work that a signal stops."""

from __future__ import annotations

import contextlib
import os
import signal
from unittest import mock

import tensorflow as tf
from absl.testing import absltest, parameterized

from ccp.errors import Interrupted, TrainingError
from experiments import stopping


class StopRequestTest(absltest.TestCase):
    def signalled(self, stop, number=signal.SIGTERM):
        os.kill(os.getpid(), number)
        self.assertEqual(stop.signal, number)

    def test_the_handlers_are_restored(self):
        before = signal.getsignal(signal.SIGTERM)
        with stopping.StopRequest() as stop:
            self.assertFalse(stop())
            self.signalled(stop)
            self.assertEqual(signal.getsignal(signal.SIGTERM), signal.SIG_DFL)  # The second one ends the process.
            self.assertTrue(stop())
        self.assertEqual(signal.getsignal(signal.SIGTERM), before)

    def test_waits_from_the_first_question_on_to_the_end_of_the_training(self):
        with stopping.StopRequest() as stop, self.assertRaises(KeyboardInterrupt):
            self.signalled(stop)
        with stopping.StopRequest() as stop, self.assertRaises(KeyboardInterrupt), stop.training():
            stop()
            self.signalled(stop, signal.SIGINT)
            reached = True
        self.assertTrue(reached)
        with stopping.StopRequest() as stop, self.assertRaises(KeyboardInterrupt):
            with stop.training():
                stop()
            self.signalled(stop)

    def test_a_wait_is_reported(self):
        with stopping.StopRequest() as stop, mock.patch.object(os, "write") as write:
            stop()
            self.signalled(stop)
        self.assertRegex(write.call_args[0][1], b"Stopping once this step is saved; a second signal ends the process")

    def test_what_can_be_computed_again_does_not_wait(self):
        for signalled_before in (False, True):
            with stopping.StopRequest() as stop:
                stop()
                if signalled_before:
                    self.signalled(stop)
                with self.assertRaises(KeyboardInterrupt):
                    stop.at_once(self.signalled)(stop)
        with stopping.StopRequest() as stop:
            stop()
            self.assertEqual(stop.at_once(abs)(-1), 1)
            self.signalled(stop)  # Waits again.

    def test_where_processes_stop_together_it_always_waits(self):
        with stopping.StopRequest(always_waits=True) as stop, stop.training():
            stop.at_once(self.signalled)(stop)
        self.assertTrue(stop())


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
        captured = self.assertLogs("ccp")
        with captured as logs, self.assertRaises(SystemExit) as stopped, stopping.until_stopped() as stop:
            stop()
            if number is not None:
                os.kill(os.getpid(), number)
            raise Interrupted(f"Stopped: {stop()}.")
        self.assertEqual(stopped.exception.code, code)
        message = f"Stopped: {number is not None}. The same command resumes from there."
        self.assertEqual(logs.records[0].getMessage(), message)
        # Until the process has ended, so that nothing waits for the iterators in the frames.
        self.assertIsInstance(stopped.exception.__context__, Interrupted)

    def test_a_signal_outside_of_training(self):
        captured = self.assertLogs("ccp")
        with captured as logs, self.assertRaises(SystemExit) as stopped, stopping.until_stopped():
            os.kill(os.getpid(), signal.SIGINT)
        self.assertEqual(stopped.exception.code, 130)
        self.assertIn("Stopped; all that was trained is saved. The same command", logs.output[0])

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
