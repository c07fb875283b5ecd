"""The agreement of clusters with classes."""

from unittest import mock

import numpy as np
from absl.testing import parameterized

from evaluate.metrics import clustering


class ClusteringTest(parameterized.TestCase):
    @parameterized.parameters(("k-means", 10**10), ("mini-batch k-means", 10))
    def test_classes_far_apart(self, algorithm, most_work):
        points = np.repeat([[0.0], [100.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(40, 1))
        with mock.patch.object(clustering, "_MOST_WORK", most_work):
            clusters, text = clustering.k_means_clusters(points, 2)
        self.assertEqual(text, f"{algorithm}, 2 clusters, seed 0")
        labels = np.repeat([3, 8], 20)
        self.assertAlmostEqual(clustering.nmi(labels, clusters), 1.0)
        self.assertAlmostEqual(clustering.ami(labels, clusters), 1.0)

    def test_normalised_by_the_arithmetic_mean(self):
        # Clusters of 6 and 6; class a of 6, b and c of 3 each. H(classes) = 1.5 bits, H(clusters) = 1, I = 1.
        labels, clusters = np.array([0] * 6 + [1] * 3 + [2] * 3), np.repeat([0, 1], 6)
        self.assertAlmostEqual(clustering.nmi(labels, clusters), 1 / 1.25)

    def test_chance_is_taken_off(self):
        # Twenty classes of one, in twenty clusters of one: NMI is 1 whatever is found; nothing is better than chance.
        labels = np.arange(20)
        self.assertAlmostEqual(clustering.nmi(labels, labels[::-1]), 1.0)
        random = np.random.default_rng(0).integers(0, 50, 200)
        self.assertGreater(clustering.nmi(np.arange(200) % 50, random), 0.5)
        self.assertLess(abs(clustering.ami(np.arange(200) % 50, random)), 0.1)
