"""Work that is stopped, and the bits it computes."""

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


class EndTogetherTest(parameterized.TestCase):
    """Of several processes."""

    def setUp(self):
        super().setUp()
        self.enter_context(mock.patch.object(stopping, "make_deterministic"))
        self.enter_context(mock.patch.dict(os.environ))
        self.tell_others = self.enter_context(mock.patch.object(stopping, "tell_others"))
        self.start_again = self.enter_context(mock.patch.object(stopping, "start_again"))

    def until_stopped(self, error: BaseException, strategy: str = "multi_worker"):
        def work(stop):
            raise error

        stopping.until_stopped(work, strategy=strategy)

    @parameterized.parameters(TrainingError("full"), OSError("gone"), MemoryError(), KeyboardInterrupt())
    def test_an_error_of_its_own_is_told(self, error):
        with self.assertRaises(type(error)) as raised:
            self.until_stopped(error)
        self.assertIs(raised.exception, error)
        self.tell_others.assert_called_once_with(error)
        self.start_again.assert_not_called()

    def test_what_another_one_tells_ends_this_one(self):
        linger = self.enter_context(mock.patch.object(stopping, "linger"))
        self.enter_context(mock.patch.object(stopping, "told", return_value=TrainingError("Process 2 cannot go on")))
        with self.assertRaisesRegex(TrainingError, "Process 2 cannot go on"):
            self.until_stopped(tf.errors.AbortedError(None, None, "its words"))
        linger.assert_called_once_with()
        self.tell_others.assert_not_called()
        self.start_again.assert_not_called()

    def test_where_another_one_has_gone_it_starts_again(self):
        gone = tf.errors.UnavailableError(None, None, "Socket closed")
        self.start_again.side_effect = lambda error, stop: os.kill(os.getpid(), signal.SIGTERM)
        with self.assertRaises(SystemExit) as stopped:  # Had it not been asked to stop, it would be another by now.
            self.until_stopped(gone)
        self.assertEqual(stopped.exception.code, 143)
        self.assertIs(self.start_again.call_args.args[0], gone)
        self.tell_others.assert_not_called()

    def test_a_stop_is_no_error(self):
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit):
            self.until_stopped(Interrupted("Stopped."))
        self.tell_others.assert_not_called()

    def test_a_process_alone_has_its_errors_for_itself(self):
        with self.assertRaises(tf.errors.UnavailableError):
            self.until_stopped(tf.errors.UnavailableError(None, None, "of another kind"), strategy="mirrored")
        self.start_again.assert_not_called()
        self.tell_others.assert_not_called()


if __name__ == "__main__":
    absltest.main()
