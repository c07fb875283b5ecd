"""A process that starts again when another one has gone."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from unittest import mock

import tensorflow as tf
from absl.testing import absltest

from ccp.errors import TrainingError
from ccp.training.progress import Progress
from experiments import restarting

_GONE = tf.errors.UnavailableError(
    None, None, "Graph execution error:\n\nCollective ops is aborted by: Socket closed\n"
)


@contextlib.contextmanager
def _since(begun: float | None):
    """As if nothing had come of starting since then."""
    with mock.patch.dict(os.environ):
        os.environ.pop(restarting._IN_VAIN_SINCE, None)
        if begun is not None:
            os.environ[restarting._IN_VAIN_SINCE] = str(begun)
        yield


def _start_again(should_stop: bool = False) -> tuple[list, str]:
    """What is executed and said."""
    err = io.StringIO()
    with contextlib.ExitStack() as held:
        held.enter_context(mock.patch.object(restarting, "_PAUSE_SECONDS", 0.0))
        held.enter_context(contextlib.redirect_stderr(err))
        execv = held.enter_context(mock.patch.object(os, "execv"))
        restarting.start_again(_GONE, lambda: should_stop)
        return execv.call_args_list, err.getvalue()


class StartAgainTest(absltest.TestCase):
    def test_the_same_command_takes_the_process_s_place(self):
        with _since(None):
            executed, said = _start_again()
        self.assertEqual(executed, [mock.call(sys.executable, [sys.executable, *sys.argv])])
        self.assertIn("Another process has gone (Collective ops is aborted by: Socket closed).", said)

    def test_not_where_it_is_to_stop(self):
        with _since(None):
            self.assertEqual(_start_again(should_stop=True)[0], [])

    def test_a_quarter_of_an_hour_in_vain_is_enough_however_often_it_has_started(self):
        begun = time.time() - 1000
        said = "again and again for 17 minutes, in which no step was taken"
        with _since(begun), self.assertRaisesRegex(TrainingError, said):
            _start_again()
        with _since(begun + 200):  # A little earlier it is not enough, and the beginning is kept.
            self.assertLen(_start_again()[0], 1)
            self.assertEqual(float(os.environ[restarting._IN_VAIN_SINCE]), begun + 200)

    def test_a_step_ends_the_time_in_vain(self):
        now = time.time()
        with _since(now - 1000):
            for _ in range(2):  # However many steps.
                restarting.NotInVain().on_step(Progress(), 0.5)
            self.assertLen(_start_again()[0], 1)
            self.assertGreaterEqual(float(os.environ[restarting._IN_VAIN_SINCE]), now)

    def test_the_first_start_again_begins_it(self):
        now = time.time()
        with _since(None):
            self.assertLen(_start_again()[0], 1)
            self.assertGreaterEqual(float(os.environ[restarting._IN_VAIN_SINCE]), now)


if __name__ == "__main__":
    absltest.main()
