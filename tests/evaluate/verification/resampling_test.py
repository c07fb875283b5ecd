"""Intervals by resampled classes."""

import numpy as np
from absl.testing import absltest

from evaluate.metrics.labelled_vectors import LabelledVectors
from evaluate.verification.counts import count_below, count_by_bin
from evaluate.verification.pair_tiles import PairTiles
from evaluate.verification.resampling import interval_95, resample


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

    def test_an_interval_holds_its_estimate(self):
        self.assertEqual(interval_95(np.zeros(5), 0.5), [0.0, 0.5])
