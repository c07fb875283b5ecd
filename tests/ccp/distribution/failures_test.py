"""What is reported when another process has ended; real processes: tests/workers_test.py."""

from __future__ import annotations

import tensorflow as tf
from absl.testing import parameterized

from ccp.distribution.failures import explained_failures
from ccp.errors import TrainingError

# As TensorFlow 2.15 words them.
_GONE = (
    "Graph execution error:\n\nDetected at node allgather/CollectiveGatherV2 defined at (most recent call last):\n"
    '  File "train.py", line 1, in <module>\n\nCollective ops is aborted by: Socket closed\nAdditional GRPC error'
)
_LATE = "Graph execution error:\n\nCollective has timed out during execution.\n\t [[{{node allgather}}]]"


class ExplainedFailuresTest(parameterized.TestCase):
    @parameterized.parameters(
        (tf.errors.UnavailableError, _GONE, "Collective ops is aborted by: Socket closed"),
        (tf.errors.DeadlineExceededError, _LATE, "Collective has timed out during execution."),
        (tf.errors.AbortedError, "Restarted\nat node", "Restarted"),
    )
    def test_a_sentence_says_what_happened_and_what_to_do(self, kind, message, reason):
        with self.assertRaises(TrainingError) as raised, explained_failures():
            raise kind(None, None, message)
        self.assertEqual(
            str(raised.exception),
            f"Another process of this training has ended or does not answer ({reason}); its output says why. The last "
            "checkpoint is kept. Start all processes again with the same command to resume from it.",
        )

    def test_other_errors_stay_as_they_are(self):
        for error in (tf.errors.ResourceExhaustedError(None, None, "memory"), ValueError("shape")):
            with self.assertRaises(type(error)) as raised, explained_failures():
                raise error
            self.assertIs(raised.exception, error)


if __name__ == "__main__":
    tf.test.main()
