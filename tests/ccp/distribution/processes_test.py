"""Which process has which rows, and what they agree on; real processes: tests/workers_test.py."""

from __future__ import annotations

import types

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.distribution.cluster import Cluster
from ccp.distribution.processes import Processes
from ccp.errors import TrainingError


class _Scripted(Processes):
    """The last of several processes; the others send what the test says."""

    def __init__(self, *others: np.ndarray, is_chief: bool = False):
        super().__init__()
        self.num_workers, self.is_chief = len(others) + 1, is_chief
        self._others, self.sent = others, []

    def gather(self, rows):
        self.sent.append(rows)
        return np.concatenate([*self._others, rows])

    def _gather_some(self, rows):
        return self.gather(rows)

    def gather_texts(self, text):
        return [*self._others, text]


class ShareTest(parameterized.TestCase):
    @parameterized.product(rows=(0, 1, 3, 10, 15, 161), replicas=((2, 2), (4, 2), (3, 3), (8, 4)))
    def test_every_row_is_read_by_one_process(self, rows, replicas):
        count, workers = replicas
        strategy = types.SimpleNamespace(num_replicas_in_sync=count)
        shares = [Processes(strategy, Cluster(workers, worker)).share(rows) for worker in range(workers)]
        self.assertEqual([row for share in shares for row in range(rows)[share]], list(range(rows)))
        # With r devices per process, shares differ by at most r.
        sizes = [share.stop - share.start for share in shares]
        self.assertLessEqual(max(sizes) - min(sizes), count // workers)


class ExchangeTest(tf.test.TestCase):
    def test_one_process_exchanges_nothing(self):
        processes, values = Processes(), tf.constant([0.25, 3.0])
        self.assertEqual(processes.share(7), slice(0, 7))
        self.assertIs(processes.broadcast_from_chief(values), values)
        self.assertEqual(processes.gather_texts("grüße"), ["grüße"])
        self.assertFalse(processes.any(False))
        self.assertTrue(processes.any(True))
        self.assertTrue(processes.is_chief)

    def test_the_chief_alone_sends_its_values(self):
        values = tf.reshape(tf.range(6.0), [1, 3, 2])
        worker = _Scripted(values.numpy()[np.newaxis])
        self.assertAllEqual(worker.broadcast_from_chief(values + 1), values)
        self.assertEqual(worker.sent[0].shape, (0, 1, 3, 2))
        chief = _Scripted(np.zeros([0, 1, 3, 2], np.float32), is_chief=True)
        self.assertAllEqual(chief.broadcast_from_chief(values), values)

    def test_any(self):
        self.assertTrue(_Scripted(np.array([1])).any(False))
        self.assertFalse(_Scripted(np.array([0])).any(False))

    def test_different_checkpoints_are_refused(self):
        _Scripted("step 6").check_same_step(6)
        _Scripted("none").check_same_step(None)
        for mine, other in ((6, "step 3"), (0, "none"), (None, "step 0")):
            with self.assertRaisesRegex(TrainingError, "different checkpoints .*same --run_dir"):
                _Scripted(other).check_same_step(mine)


if __name__ == "__main__":
    tf.test.main()
