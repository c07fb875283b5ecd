"""Who has which rows. That replicas train as one device does: tests/distributed_test.py, tests/workers_test.py."""

from __future__ import annotations

import types

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.distribution.cluster import Cluster
from ccp.distribution.replicas import Replicas, replicas_of
from ccp.errors import ConfigError, TrainingError


def _process(count: int, workers: int, worker: int) -> Replicas:
    """One of several processes, as far as positions go."""
    strategy = types.SimpleNamespace(num_replicas_in_sync=count)
    return Replicas(strategy, Cluster(workers, worker))


class _Voices(Replicas):
    """A process that hears, from itself and another one, what a test says."""

    def __init__(self, *heard: str):
        super().__init__()
        self.num_workers, self._heard = 2, list(heard)

    def said(self, text):
        return [text, *self._heard]


class _Sender(Replicas):
    """A process that keeps what it is to send, and hears what the chief sends in ``OneMindTest``."""

    def __init__(self, worker: int):
        super().__init__()
        self.num_workers, self.is_chief, self.rows = 2, worker == 0, None

    def joined(self, rows):
        self.rows = rows
        return np.arange(6, dtype=np.float32).reshape([1, 1, 3, 2])


class ShareTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(rows=(0, 1, 3, 10, 15, 161), replicas=((2, 2), (4, 2), (3, 3), (8, 4)))
    def test_every_row_is_read_by_one_process(self, rows, replicas):
        count, workers = replicas
        shares = [_process(count, workers, worker).share(rows) for worker in range(workers)]
        read = [row for share in shares for row in range(rows)[share]]
        self.assertEqual(read, list(range(rows)))
        # As even as can be: with r devices per process, at most r apart.
        sizes = [share.stop - share.start for share in shares]
        self.assertLessEqual(max(sizes) - min(sizes), count // workers)

    def test_one_device_has_all(self):
        replicas = Replicas()
        rows = tf.range(7)
        self.assertEqual(replicas.share(7), slice(0, 7))
        for given in (replicas.spread(7, rows)[0], replicas.deal(rows)[0], replicas.gathered(rows), replicas.own(rows)):
            self.assertAllEqual(given, rows)
        self.assertTrue(replicas.is_chief)
        self.assertEqual(replicas.said("grüße"), ["grüße"])
        self.assertAllEqual(replicas.of_chief(np.array([0.25, 3.0])), [0.25, 3.0])


class OneMindTest(tf.test.TestCase):
    def test_checkpoints_that_differ_are_refused(self):
        _Voices("step 6").agree(6)
        _Voices("none").agree(None)
        for mine, other in ((6, "step 3"), (0, "none"), (None, "step 0")):
            with self.assertRaisesRegex(TrainingError, "different checkpoints .*same --run_dir"):
                _Voices(other).agree(mine)

    def test_the_chief_s_values_are_all_s_and_it_alone_sends_any(self):
        values = tf.reshape(tf.range(6.0), [1, 3, 2])
        self.assertIs(Replicas().of_chief(values), values)  # At no cost.
        sent = {}
        for worker in range(2):
            sent[worker] = _Sender(worker)
            self.assertAllEqual(sent[worker].of_chief(values + worker), values)
        self.assertAllEqual(sent[0].rows, [values])
        self.assertEqual(sent[1].rows.shape, (0, 1, 3, 2))


class ReplicasOfTest(tf.test.TestCase):
    def test_strategies(self):
        self.assertIsNone(replicas_of("none", 1).strategy)
        mirrored = replicas_of("mirrored", 8)
        self.assertEqual((mirrored.count, mirrored.num_workers, mirrored.is_chief), (1, 1, True))

    def test_a_batch_has_an_image_for_every_device(self):
        with self.assertRaisesRegex(ConfigError, "A batch of 0 images cannot be shared by 1 devices"):
            replicas_of("mirrored", 0)

    def test_several_processes_need_to_be_named(self):
        with self.assertRaisesRegex(ConfigError, "TF_CONFIG"):
            replicas_of("multi_worker", 8)


if __name__ == "__main__":
    tf.test.main()
