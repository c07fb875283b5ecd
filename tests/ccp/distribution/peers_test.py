"""What a process that cannot go on tells the others; real ones: tests/workers_test.py."""

from __future__ import annotations

import contextlib
import json
from unittest import mock

import tensorflow as tf
from absl.testing import absltest, parameterized
from tensorflow.python.eager import context

from ccp.distribution import peers
from ccp.errors import ConfigError, TrainingError, UserError

_SECOND = json.dumps({"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}})


def _told(error: BaseException) -> UserError | None:
    """What another process makes of it, which hears of it amid what TensorFlow says, twice."""
    with contextlib.ExitStack() as held:
        held.enter_context(mock.patch.object(peers, "_connected", [object()]))
        held.enter_context(mock.patch.object(peers, "_LINGERING_SECONDS", 0.0))
        held.enter_context(mock.patch.dict("os.environ", {"TF_CONFIG": _SECOND}))
        report = held.enter_context(mock.patch.object(context.context(), "report_error_to_cluster"))
        peers.tell_others(error)
    _, text = report.call_args.args
    quoted = json.dumps({"grpc_message": text})
    return peers.told(tf.errors.InternalError(None, None, f"Collective ops is aborted by: {text}\nMore: {quoted}"))


class PeersTest(parameterized.TestCase):
    @parameterized.parameters(
        (TrainingError('no "room"\n<left> {}> · ü'), TrainingError, 'no "room"\n<left> {}> · ü'),
        (ConfigError("other settings"), ConfigError, "other settings"),
        (OSError(28, "No space left on device"), TrainingError, "OSError: [Errno 28] No space left on device"),
        (KeyboardInterrupt(), TrainingError, "KeyboardInterrupt: "),
        (UserError("long " * 1000), TrainingError, "long " * 200),
        (UserError("é" + "ü" * 1000), TrainingError, "é" + "ü" * 499),
    )
    def test_words_arrive(self, error, kind, words):
        heard = _told(error)
        self.assertIs(type(heard), kind)
        self.assertEqual(str(heard), f"Process 2 cannot go on: {words}")

    def test_other_errors_are_none(self):
        self.assertIsNone(peers.told(tf.errors.UnavailableError(None, None, "Socket closed")))
        self.assertIsNone(peers.told(ValueError("<cannot go on: e30=>")))

    def test_a_process_alone_tells_nobody(self):
        with mock.patch.object(context.context(), "report_error_to_cluster") as report:
            peers.tell_others(TrainingError("full"))
        report.assert_not_called()


if __name__ == "__main__":
    absltest.main()
