import math

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import ClassProxies
from ccp.methods.hierarchical_proxies import CoarseClasses, HierarchicalProxyLoss
from tests.support import finite_differences, loss_cases, oracles

# Seven classes in three heaps along the axes, on both sides of the unit sphere.
HEAPS = np.array([0, 1, 2, 1, 0, 2, 0])
NOISE = np.random.default_rng(0).normal(scale=0.1, size=(7, 2, 3))
POINTS = (np.eye(3)[HEAPS][:, np.newaxis, :] * [[1.3], [0.8]] + NOISE).astype(np.float32)
SAMPLE = loss_cases.sample([6, 6, 3, 0, 5, 5, 2], embedding_size=3, seed=2)


def proxies_with(points):
    proxies = ClassProxies(*points.shape)
    proxies.points.assign(points)
    return proxies


def coarse_proxies(points, clusters):
    """By loops: the direction of the mean over a cluster's classes of the mean over a class's normalised proxies."""
    directions = []
    for cluster in range(max(clusters) + 1):
        members = [own for own, c in zip(points, clusters) if c == cluster]
        means = [sum(map(oracles.lipschitz_normalize, own)) / len(own) for own in members]
        mean = sum(means) / len(means)
        directions.append(mean / math.sqrt(sum(mean**2)))
    return directions


def by_loops(name, settings, sample, embeddings, points, clusters, coarse_weight):
    points = np.asarray(points, np.float64)
    fine_labels = [c for c in range(len(points)) for _ in points[c]]
    fine = oracles.Problem(sample.labels, embeddings, fine_labels, points.reshape(len(fine_labels), -1))
    own, references = [clusters[label] for label in sample.labels], coarse_proxies(points, clusters)
    coarse = oracles.Problem(own, embeddings, range(len(references)), references)
    oracle = getattr(oracles, name)
    return oracle(fine, **settings) + coarse_weight * oracle(coarse, **settings)


class HierarchicalProxyLossTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(name=("proxy_anchor", "proxy_nca", "contrastive"), coarse_weight=(0.1, 2.0))
    def test_equals_loops(self, name, coarse_weight):
        settings = loss_cases.SETTINGS[name][1]
        pair_loss = loss_cases.build(name, settings)
        loss = HierarchicalProxyLoss(pair_loss, proxies_with(POINTS), 3, coarse_weight)
        value = loss(*SAMPLE.arguments("batch"))
        clusters = loss.coarse.cluster_of_class.numpy()
        heaps = {(heap, cluster) for heap, cluster in zip(HEAPS, clusters)}
        self.assertLen(heaps, 3)  # One cluster for each heap.
        expected = by_loops(name, settings, SAMPLE, SAMPLE.embeddings, POINTS, clusters, coarse_weight)
        self.assertAllClose(value, expected, rtol=1e-5)

    def test_gradients(self):
        settings = {"margin": 0.1, "scale": 4.0}
        loss = HierarchicalProxyLoss(loss_cases.build("proxy_anchor", settings), proxies_with(POINTS), 3, 1.5)
        embeddings = tf.constant(SAMPLE.embeddings)
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            value = loss(SAMPLE.labels, embeddings)
        d_embeddings, d_points = tape.gradient(value, [embeddings, loss.proxies.points])
        arguments = ("proxy_anchor", settings, SAMPLE)
        clusters = loss.coarse.cluster_of_class.numpy()
        expected = finite_differences.gradient(
            lambda e: by_loops(*arguments, e, POINTS, clusters, 1.5), SAMPLE.embeddings
        )
        self.assertAllClose(d_embeddings, expected, rtol=1e-4, atol=1e-6)
        expected = finite_differences.gradient(
            lambda p: by_loops(*arguments, SAMPLE.embeddings, p, clusters, 1.5), POINTS
        )
        self.assertAllClose(d_points, expected, rtol=1e-4, atol=1e-6)

    @parameterized.parameters(1, 3)
    def test_clusters_at_every_period(self, period):
        loss = HierarchicalProxyLoss(
            loss_cases.build("proxy_anchor"), proxies_with(POINTS), 3, clustering_period=period
        )
        compiled = tf.function(loss)
        for call in range(7):
            # At every call class 2 is somewhere else: with the class of heap 0 or of heap 1.
            loss.proxies.points[2].assign(POINTS[call % 2])
            compiled(*SAMPLE.arguments("batch"))
            clusters, last = loss.coarse.cluster_of_class.numpy(), call - call % period
            self.assertEqual(clusters[2], clusters[last % 2])
            self.assertLen(set(clusters), 3)

    def test_starts_from_the_clusters_that_are_there(self):
        # Two ways to halve a square are as good, and each stays; a fresh start would know one only.
        square = np.float32([[[0.7, 0.7]], [[0.7, -0.7]], [[-0.7, 0.7]], [[-0.7, -0.7]]])
        for start in ([0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1], [1, 0, 1, 0]):
            loss = HierarchicalProxyLoss(loss_cases.build("proxy_anchor"), proxies_with(square), 2, clustering_period=5)
            loss.coarse.cluster_of_class.assign(start)
            loss.counter.steps.assign(5)  # The second clustering.
            loss([0, 1], np.eye(2, dtype=np.float32))
            self.assertAllEqual(loss.coarse.cluster_of_class, start)

    def test_first_clustering_covers_the_classes(self):
        # Four heaps of three on a line, of mean 48.75. Farthest from it is 103, at 54.25; then 0, at 48.75; then 30, at
        # 18.75 from the mean; then 62, at 13.25: a start in each heap, which k-means keeps.
        line = tf.constant([[x + y] for x in (0.0, 30.0, 60.0, 101.0) for y in (0.0, 1.0, 2.0)])
        clusters = CoarseClasses(12, 4).cluster(line, first=tf.constant(True)).numpy().reshape(4, 3)
        self.assertAllEqual(clusters, clusters[:, :1].repeat(3, axis=1))
        self.assertCountEqual(clusters[:, 0], range(4))

    def test_all_proxies_at_one_place(self):
        for points in (np.full((7, 2, 3), 0.5), np.zeros((7, 2, 3))):
            loss = HierarchicalProxyLoss(loss_cases.build("proxy_anchor"), proxies_with(points), 4)
            with tf.GradientTape() as tape:
                value = loss(*SAMPLE.arguments("batch"))
            self.assertCountEqual(set(loss.coarse.cluster_of_class.numpy()), range(4))
            self.assertTrue(np.isfinite(value))
            self.assertAllInRange(tf.convert_to_tensor(tape.gradient(value, loss.proxies.points)), -1e4, 1e4)

    def test_a_proxy_that_is_not_a_number_shows(self):
        points = POINTS.copy()
        points[0, 0, 0] = np.nan
        loss = HierarchicalProxyLoss(loss_cases.build("proxy_anchor"), proxies_with(points), 3)
        self.assertTrue(np.isnan(loss(*SAMPLE.arguments("batch"))))

    @parameterized.parameters(
        ({"coarse_classes": 1}, "from 2 to the 7 training classes; got 1"),
        ({"coarse_classes": 8}, "from 2 to the 7 training classes; got 8"),
    )
    def test_refuses_settings_out_of_range(self, settings, message):
        with self.assertRaisesRegex(ValueError, message):
            HierarchicalProxyLoss(loss_cases.build("proxy_anchor"), proxies_with(POINTS), **settings)
