"""Intervals by resampled classes."""

import numpy as np
from absl.testing import absltest

from evaluate.metrics.labelled_vectors import LabelledVectors
from evaluate.verification.counts import count_below, count_by_bin
from evaluate.verification.pair_tiles import PairTiles
from evaluate.verification.resampling import Resamples, interval_95, resample


def _resampled(points, labels):
    side = LabelledVectors(points, labels, "query")
    tiles = PairTiles(side, side)
    by_bin = count_by_bin(tiles)
    edges = np.flatnonzero(by_bin.genuine + by_bin.impostor)
    return resample(count_below(tiles, by_bin, np.append(edges, edges + 1), []), tiles.group_of_pair, seed=0)


class ResamplingTest(absltest.TestCase):
    def test_a_resample_is_what_its_classes_have_when_they_are_copied(self):
        random = np.random.default_rng(1)
        labels = np.repeat(np.arange(10), 3)
        points = random.normal(size=(10, 2))[labels] + 0.5 * random.normal(size=(30, 2))
        resamples = _resampled(points, labels)
        # Groups are classes in another order, so all that is comparable is how often each class is drawn.
        order = np.random.default_rng(0).permutation(10)
        drawn = np.random.default_rng(0).multinomial(10, np.full(10, 0.1), 1000)[:, order]
        distance = 1.0
        fmr, fnmr = resamples.at_distance(distance)
        for number in range(5):
            matched = impostors = missed = genuine = 0
            for i in range(30):
                for j in range(i + 1, 30):
                    near = np.linalg.norm(points[i] - points[j]) < distance
                    first, second = drawn[number][labels[i]], drawn[number][labels[j]]
                    if labels[i] == labels[j]:
                        genuine, missed = genuine + first, missed + first * (not near)
                    else:
                        impostors, matched = impostors + first * second, matched + first * second * near
            self.assertAlmostEqual(fmr[number], matched / impostors, delta=0.003)
            self.assertAlmostEqual(fnmr[number], missed / genuine, delta=0.03)

    def test_between_edges_rates_are_linear(self):
        edges = np.array([0, 1, 2], np.float32)
        resamples = Resamples(edges, np.array([[0.0, 0.2, 0.6]]), np.array([[1.0, 0.5, 0.0]]))
        np.testing.assert_allclose(resamples.at_distance(0.5), [[0.1], [0.75]])
        np.testing.assert_allclose(resamples.at_distance(1.5), [[0.4], [0.25]])
        np.testing.assert_allclose(resamples.at_fmr(0.4), [[1.5], [0.25]])
        # FMR − FNMR is −0.3 at 1 and 0.6 at 2, so 0 a third of the way.
        np.testing.assert_allclose(resamples.equal_error_rates(), [0.5 * 2 / 3])

    def test_draws_without_genuine_pairs_are_left_out(self):
        labels = np.append([0], np.arange(10))  # One class alone has two images; 0.9 ** 10 = 35% of draws lack it.
        resamples = _resampled(np.random.default_rng(2).normal(size=(11, 2)), labels)
        self.assertBetween(len(resamples.fmr), 600, 700)
        self.assertTrue(np.isfinite(resamples.fnmr).all())

    def test_pairs_of_queries_and_a_gallery_are_counted_by_class(self):
        random = np.random.default_rng(3)
        classes = np.repeat(np.arange(4), 3), np.repeat(np.arange(4), [5, 2, 7, 1])
        queries, gallery = (LabelledVectors(random.normal(size=(len(of), 2)), of, "query") for of in classes)
        tiles = PairTiles(queries, gallery)
        totals = count_below(tiles, count_by_bin(tiles), [], []).totals
        self.assertCountEqual(totals.genuine, [15, 6, 21, 3, *[0] * 6])
        # 3 queries of either class against the gallery images of the other: 3 · (5 + 2), 3 · (5 + 7), …
        self.assertCountEqual(totals.impostor, [21, 36, 18, 27, 9, 24, *[0] * 4])

    def test_an_interval_holds_its_estimate(self):
        self.assertEqual(interval_95(np.zeros(5), 0.5), [0.0, 0.5])
        self.assertEqual(interval_95(np.ones(5), 0.5), [0.5, 1.0])
