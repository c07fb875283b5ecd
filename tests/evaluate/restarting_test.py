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
from evaluate import restarting

_GONE = tf.errors.UnavailableError(
    None, None, "Graph execution error:\n\nCollective ops is aborted by: Socket closed\n"
)


def _start_again(lasted: float, since: str | None = None, should_stop: bool = False) -> tuple[list, str, str]:
    """What is executed and said, and since when it has been in vain, where a process has lasted some seconds."""
    variable = restarting._IN_VAIN_SINCE
    environment = {} if since is None else {variable: since}
    err = io.StringIO()
    with contextlib.ExitStack() as held:
        held.enter_context(mock.patch.dict(os.environ, environment))
        held.enter_context(mock.patch.object(restarting, "_PAUSE_SECONDS", 0.0))
        held.enter_context(contextlib.redirect_stderr(err))
        execv = held.enter_context(mock.patch.object(os, "execv"))
        restarting.start_again(_GONE, time.time() - lasted, lambda: should_stop)
        return execv.call_args_list, err.getvalue(), os.environ[variable]


class StartAgainTest(absltest.TestCase):
    def test_the_same_command_takes_the_process_s_place(self):
        executed, said, _ = _start_again(lasted=0.0)
        self.assertEqual(executed, [mock.call(sys.executable, [sys.executable, *sys.argv])])
        self.assertIn("Another process has gone (Collective ops is aborted by: Socket closed).", said)

    def test_not_where_it_is_to_stop(self):
        executed, _, _ = _start_again(lasted=0.0, should_stop=True)
        self.assertEqual(executed, [])

    def test_a_quarter_of_an_hour_in_vain_is_enough(self):
        ago = time.time() - 1000
        with self.assertRaisesRegex(TrainingError, "again and again for 17 minutes"):
            _start_again(lasted=5.0, since=str(ago))
        # A little earlier the patience is not at its end, and its beginning is kept.
        executed, _, since = _start_again(lasted=5.0, since=str(ago + 200))
        self.assertLen(executed, 1)
        self.assertEqual(float(since), ago + 200)

    def test_a_process_that_lasted_starts_anew(self):
        before = time.time()
        executed, _, since = _start_again(lasted=61.0, since="0")
        self.assertLen(executed, 1)
        self.assertGreaterEqual(float(since), before)


if __name__ == "__main__":
    absltest.main()
