import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.methods.k_means import k_means, nearest_clusters


def nearest_by_loops(points, centers):
    squared = [[sum((p - c) ** 2) for c in centers] for p in points]
    clusters = [int(np.argmin(row)) for row in squared]
    while set(clusters) != set(range(len(centers))):
        shared = [i for i, cluster in enumerate(clusters) if clusters.count(cluster) > 1]
        moved = max(shared, key=lambda i: min(squared[i]))  # The first one on ties.
        clusters[moved] = min(set(range(len(centers))) - set(clusters))
    return clusters


class KMeansTest(parameterized.TestCase, tf.test.TestCase):
    def test_by_hand(self):
        # From {0, 1, 10} and {11}: centres 11/3 and 11, so that 10 moves over; then ½ and 10½, and all stay.
        points = tf.constant([[0.0], [1.0], [10.0], [11.0]])
        start = tf.constant([0, 0, 0, 1], tf.int64)
        for num_steps, expected in ((0, [0, 0, 0, 1]), (1, [0, 0, 1, 1]), (5, [0, 0, 1, 1])):
            self.assertAllEqual(k_means(points, start, 2, num_steps), expected)

    @parameterized.product(num_clusters=(2, 5, 12), seed=(0, 1, 2))
    def test_equals_loops(self, num_clusters, seed):
        points = np.random.default_rng(seed).normal(size=(12, 3)).astype(np.float32)
        clusters = np.arange(12) % num_clusters
        expected = clusters.tolist()
        for _ in range(3):
            centers = [np.mean(points[np.array(expected) == c], axis=0, dtype=np.float64) for c in range(num_clusters)]
            expected = nearest_by_loops(points, centers)
        self.assertAllEqual(k_means(tf.constant(points), tf.constant(clusters), num_clusters, 3), expected)

    def test_empty_clusters_are_filled(self):
        # All are nearest to the first of three centres; 5 is the farthest from it, then 2 (before the other 2).
        points, centers = tf.constant([[0.0], [2.0], [5.0], [2.0]]), tf.constant([[0.0], [90.0], [-90.0]])
        self.assertAllEqual(nearest_clusters(points, centers), [0, 2, 1, 0])
        self.assertAllEqual(nearest_by_loops(points.numpy(), centers.numpy()), [0, 2, 1, 0])

    @parameterized.parameters(1, 3, 4)
    def test_points_at_one_place(self, num_clusters):
        clusters = nearest_clusters(tf.ones((4, 2)), tf.ones((num_clusters, 2)))
        self.assertCountEqual(set(clusters.numpy()), range(num_clusters))

    def test_a_lone_point_does_not_move(self):
        # 9 is the farthest from its centre but is alone there.
        clusters = nearest_clusters(tf.constant([[0.0], [1.0], [9.0]]), tf.constant([[0.0], [6.0], [-90.0]]))
        self.assertAllEqual(clusters, [0, 2, 1])

    def test_ends_where_points_are_not_numbers(self):
        clusters = nearest_clusters(tf.fill((4, 2), np.float32("nan")), tf.ones((3, 2)))
        self.assertAllInRange(clusters, 0, 2)
