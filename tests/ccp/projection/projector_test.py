"""What a projection does to proxies, anchor and proximal weight."""

import os

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import ClassProxies, ProjectionSettings
from ccp.distribution.replicas import Replicas
from ccp.projection.projector import Projector
from ccp.projection.snapshot import Snapshot
from tests.support import oracles

POOLS = np.random.default_rng(0).normal(size=(5, 3, 6, 4)).astype(np.float32)  # By projection; 3 classes, 6 each.


def variables(*values):
    return [tf.Variable(value, dtype=tf.float32) for value in values]


class ProjectorTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.proxies = ClassProxies(3, 2, 4)
        self.weights = variables([[1.0, 2.0], [3.0, 4.0]], [5.0])
        self.statistics = tf.Variable([9.0])  # Not trained: kept with the best weights, but not anchored.
        self.best = Snapshot([*self.weights, self.statistics, self.proxies.points])
        self.asked_for = []

    def projector(self, proximal_weight=2e-4, proximal_decay=1.0, replicas=None):
        def candidates(index, per_class):
            self.assertEqual(per_class, 6)
            self.asked_for.append(index)
            return tf.constant(POOLS[index])

        settings = ProjectionSettings(pool_size=6, proximal_weight=proximal_weight, proximal_decay=proximal_decay)
        return Projector(self.proxies, self.weights, candidates, settings, replicas)

    def test_before_the_first_projection_there_is_no_pull(self):
        projector = self.projector()
        self.assertEqual(float(projector.weight), 0.0)
        self.assertAllEqual(projector.anchor.of(self.weights[1]), [5.0])

    def test_start(self):
        projector = self.projector()
        done = projector.start()
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
        projections = [projector.start(), projector.project(1, self.best)]
        for projection, values in zip(projections, found):
            self.assertAllEqual(projection.proxies, values + 1.0)
        self.assertAllEqual(self.proxies.points, found[1] + 1.0)

    def test_starts_from_the_best_and_not_from_the_present(self):
        projector = self.projector()
        projector.start()
        best_proxies = np.random.default_rng(1).normal(size=(3, 2, 4)).astype(np.float32)
        self.proxies.points.assign(best_proxies)
        self.best.take()
        # Training continues past the best.
        self.proxies.points.assign(-2 * best_proxies)
        self.weights[0].assign_add(tf.ones((2, 2)))
        self.statistics.assign([10.0])
        done = projector.project(1, self.best)

        expected = looped(POOLS[1], best_proxies)
        self.assertNotAllClose(expected, looped(POOLS[1], -2 * best_proxies))  # The question decides.
        self.assertAllEqual(self.proxies.points, expected)
        self.assertAllEqual(projector.anchor.of(self.weights[0]), [[1.0, 2.0], [3.0, 4.0]])
        self.assertAllEqual(projector.anchor.of(self.weights[1]), [5.0])
        # The network's weights stay as they are.
        self.assertAllEqual(self.weights[0], [[2.0, 3.0], [4.0, 5.0]])
        self.assertAllEqual(self.statistics, [10.0])
        self.assertAllEqual(self.best.of(self.proxies.points), best_proxies)

        self.assertEqual((self.asked_for, done.index), ([0, 1], 1))
        self.assertAllEqual(done.previous_proxies, best_proxies)
        self.assertAllEqual(done.proxies, expected)

    def test_several_losses_share_a_pool_and_each_starts_from_its_own_best(self):
        second = ClassProxies(3, 4, 4, seed=1)
        best = Snapshot([*self.weights, self.proxies.points, second.points])
        projector = self.projector()
        projector.proxies = (self.proxies, second)
        starts = [self.proxies.points.numpy(), second.points.numpy()]
        done = projector.project(1, best)
        self.assertEqual(self.asked_for, [1])
        expected = [looped(POOLS[1], start, start.shape[1]) for start in starts]
        for proxies, points in zip((self.proxies, second), expected):
            self.assertAllEqual(proxies.points, points)
        self.assertAllEqual(done.proxies, np.concatenate(expected, axis=1))
        self.assertAllEqual(done.previous_proxies, np.concatenate(starts, axis=1))
        with self.assertRaisesRegex(ValueError, r"need the same classes; got \[3, 5\]"):
            Projector([self.proxies, ClassProxies(5, 2, 4)], self.weights, None)

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
        projector.start()
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


def looped(candidates, centers, proxies_per_class=2):
    return np.stack([oracles.greedy_k_center(*both, proxies_per_class) for both in zip(candidates, centers)])
