"""Copies of variables."""

import os

import tensorflow as tf

from ccp.projection.snapshot import Snapshot


def variables(*values):
    return [tf.Variable(value, dtype=tf.float32) for value in values]


class SnapshotTest(tf.test.TestCase):
    def test_holds_the_values_at_construction_until_it_takes_others(self):
        originals = variables([1.0, 2.0], 3.0)
        snapshot = Snapshot(originals)
        originals[0].assign([5.0, 6.0])
        self.assertAllEqual(snapshot.of(originals[0]), [1.0, 2.0])
        snapshot.take()
        originals[0].assign([7.0, 7.0])
        self.assertAllEqual(snapshot.of(originals[0]), [5.0, 6.0])
        self.assertAllEqual(snapshot.of(originals[1]), 3.0)
        snapshot.put_back()
        self.assertAllEqual(originals[0], [5.0, 6.0])

    def test_take_from_a_snapshot_of_more_in_another_order(self):
        first, second, third = variables(1.0, 2.0, 3.0)
        wide, narrow = Snapshot([third, first, second]), Snapshot([first, third])
        for variable in (first, second, third):
            variable.assign_add(10.0)
        wide.take()
        for variable in (first, second, third):
            variable.assign_add(100.0)
        narrow.take_from(wide)
        self.assertAllEqual([narrow.of(first), narrow.of(third)], [11.0, 13.0])
        self.assertAllEqual([first, third], [111.0, 113.0])

    def test_knows_variables_by_identity(self):
        alike, other = variables(1.0, 1.0)
        with self.assertRaisesRegex(KeyError, "is not part of this snapshot"):
            Snapshot([alike]).of(other)

    def test_copies_are_not_trained_and_are_in_checkpoints(self):
        original = tf.Variable([1.0, 2.0])
        snapshot = Snapshot([original])
        self.assertFalse(any(copy.trainable for copy in snapshot.copies))
        path = tf.train.Checkpoint(best=snapshot).write(os.path.join(self.get_temp_dir(), "best"))
        again = Snapshot([tf.Variable([0.0, 0.0])])
        tf.train.Checkpoint(best=again).read(path).assert_consumed()
        self.assertAllEqual(again.copies[0], [1.0, 2.0])
