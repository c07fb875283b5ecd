"""The devices of a strategy; that they train as one device does: tests/distributed_test.py."""

from __future__ import annotations

import tensorflow as tf

from ccp.distribution.replicas import Replicas, replicas_of
from ccp.errors import ConfigError


class ReplicasTest(tf.test.TestCase):
    def test_one_device_has_all_rows(self):
        replicas, rows = Replicas(), tf.range(7)
        self.assertAllEqual(replicas.spread(rows)[0], rows)
        self.assertAllEqual(replicas.map_rows(lambda rows: rows + 1, rows), rows + 1)
        self.assertAllEqual(replicas.all_gather(rows), rows)
        self.assertAllEqual(replicas.own_rows(rows, 7), rows)

    def test_strategies(self):
        self.assertIsNone(replicas_of("none", 1).strategy)
        mirrored = replicas_of("mirrored", 8)
        self.assertEqual((mirrored.count, mirrored.num_workers, mirrored.is_chief), (1, 1, True))
        with self.assertRaisesRegex(ValueError, "A batch of 0 rows cannot be split over 1 devices"):
            mirrored.spread(tf.zeros([0, 2]))

    def test_a_batch_has_an_image_for_every_device(self):
        with self.assertRaisesRegex(ConfigError, "A batch of 0 images cannot be shared by 1 devices"):
            replicas_of("mirrored", 0)

    def test_several_processes_need_to_be_named(self):
        with self.assertRaisesRegex(ConfigError, "TF_CONFIG"):
            replicas_of("multi_worker", 8)


if __name__ == "__main__":
    tf.test.main()
