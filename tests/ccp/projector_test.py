"""What a projection does to proxies, anchor and proximal weight."""

import os

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import ClassProxies, ProxyReinitializer
from ccp.distribution.replicas import Replicas
from ccp.projection.projector import Projector, Snapshot
from tests.support import oracles

POOLS = np.random.default_rng(0).normal(size=(5, 3, 6, 4)).astype(np.float32)  # By projection; 3 classes, 6 each.


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

    def test_put_back(self):
        originals = variables([1.0, 2.0], 3.0)
        snapshot = Snapshot(originals)
        for original in originals:
            original.assign(tf.zeros_like(original))
        snapshot.put_back()
        self.assertAllEqual(originals[0], [1.0, 2.0])
        self.assertAllEqual(originals[1], 3.0)

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

    def test_keeps_dtypes(self):
        step = tf.Variable(2**40, dtype=tf.int64)
        self.assertAllEqual(Snapshot([step]).of(step), 2**40)


class ProjectorTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.proxies = ClassProxies(3, 2, 4)
        self.weights = variables([[1.0, 2.0], [3.0, 4.0]], [5.0])
        self.statistics = tf.Variable([9.0])  # Not trained: kept with the best weights, but not anchored.
        self.best = Snapshot([*self.weights, self.statistics, self.proxies.points])
        self.asked_for = []

    def projector(self, proximal_weight=2e-4, proximal_decay=1.0, replicas=None):
        def candidates(index):
            self.asked_for.append(index)
            return tf.constant(POOLS[index])

        weights = (proximal_weight, proximal_decay)
        return Projector(self.proxies, self.weights, ProxyReinitializer(2), candidates, *weights, replicas)

    def test_before_the_first_projection_there_is_no_pull(self):
        projector = self.projector()
        self.assertEqual(float(projector.weight), 0.0)
        self.assertAllEqual(projector.anchor.of(self.weights[1]), [5.0])

    def test_initialization(self):
        projector = self.projector()
        done = projector.initialize()
        expected = looped(POOLS[0], np.zeros((3, 1, 4)))
        self.assertAllEqual(self.proxies.points, expected)
        self.assertEqual(self.asked_for, [0])
        self.assertEqual(float(projector.weight), 0.0)
        self.assertEqual((done.index, done.proximal_weight, done.previous_proxies), (0, 0.0, None))
        self.assertAllEqual(done.proxies, expected)

    def test_all_processes_take_the_chief_s(self):
        found = []

        class Second(Replicas):
            def broadcast_from_chief(self, values):
                found.append(values)
                return values.numpy() + 1.0

        projector = self.projector(replicas=Second())
        projections = [projector.initialize(), projector.project(1, self.best)]
        for projection, values in zip(projections, found):
            self.assertAllEqual(projection.proxies, values + 1.0)
        self.assertAllEqual(self.proxies.points, found[1] + 1.0)

    def test_starts_from_the_best_and_not_from_the_present(self):
        projector = self.projector()
        projector.initialize()
        best_proxies = np.random.default_rng(1).normal(size=(3, 2, 4)).astype(np.float32)
        self.proxies.points.assign(best_proxies)
        self.best.take()
        # Training goes on, past the best.
        self.proxies.points.assign(-2 * best_proxies)
        self.weights[0].assign_add(tf.ones((2, 2)))
        self.statistics.assign([10.0])
        done = projector.project(1, self.best)

        expected = looped(POOLS[1], best_proxies)
        self.assertNotAllClose(expected, looped(POOLS[1], -2 * best_proxies))  # The question decides.
        self.assertAllEqual(self.proxies.points, expected)
        self.assertAllEqual(projector.anchor.of(self.weights[0]), [[1.0, 2.0], [3.0, 4.0]])
        self.assertAllEqual(projector.anchor.of(self.weights[1]), [5.0])
        # The network goes on from where it is.
        self.assertAllEqual(self.weights[0], [[2.0, 3.0], [4.0, 5.0]])
        self.assertAllEqual(self.statistics, [10.0])
        self.assertAllEqual(self.best.of(self.proxies.points), best_proxies)

        self.assertEqual((self.asked_for, done.index), ([0, 1], 1))
        self.assertAllEqual(done.previous_proxies, best_proxies)
        self.assertAllEqual(done.proxies, expected)

    def test_the_record_does_not_change_with_later_training(self):
        projector = self.projector()
        done = projector.project(1, self.best)
        kept = done.proxies.numpy()
        self.proxies.points.assign_add(tf.ones((3, 2, 4)))
        self.best.take()
        self.assertAllEqual(done.proxies, kept)
        self.assertNotAllClose(done.previous_proxies, self.best.of(self.proxies.points))

    @parameterized.parameters(
        (1.0, (2e-4, 2e-4, 2e-4)),
        (0.5, (1e-4, 5e-5, 2.5e-5)),  # λ₀ · decay^t, t from 1: the first projection is decayed already.
        (2.0, (4e-4, 8e-4, 1.6e-3)),
    )
    def test_proximal_weight(self, decay, expected):
        projector = self.projector(2e-4, decay)
        projector.initialize()
        for index, weight in enumerate(expected, start=1):
            done = projector.project(index, self.best)
            self.assertAllClose((projector.weight, done.proximal_weight), (weight, weight), rtol=1e-6, atol=0)
        self.assertEqual(self.asked_for, [0, 1, 2, 3])

    def test_state_is_in_checkpoints(self):
        projector = self.projector()
        self.weights[1].assign([6.0])
        self.best.take()
        projector.project(1, self.best)
        path = tf.train.Checkpoint(projector=projector).write(os.path.join(self.get_temp_dir(), "projector"))
        self.proxies, self.weights = ClassProxies(3, 2, 4, seed=1), variables(np.zeros((2, 2)), [0.0])
        again = self.projector()
        tf.train.Checkpoint(projector=again).read(path).assert_consumed()
        self.assertAllClose(again.weight, 2e-4, atol=0)
        self.assertAllEqual(again.anchor.of(self.weights[1]), [6.0])


def looped(candidates, centers):
    return np.stack([oracles.greedy_k_center(*both, 2) for both in zip(candidates, centers)])
