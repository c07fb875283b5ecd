"""Error rates over all pairs, against a plain loop and scikit-learn."""

import itertools
from unittest import mock

import numpy as np
from absl.testing import parameterized
from sklearn.metrics import roc_curve

from evaluate.errors import EvaluationError
from evaluate.verification import pair_tiles, verify, verify_by_role

_FMRS = (0.3, 0.1, 0.02)


def _clusters(classes, per_class, noise=0.7, seed=0):
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    vectors = random.normal(size=(classes, 6))[labels] + noise * random.normal(size=(len(labels), 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = random.permutation(len(labels))
    return vectors[order].astype(np.float32), labels[order]


def _pairs(first, first_labels, second=None, second_labels=None):
    """Distances of all pairs and whether each is of one class, by plain loops."""
    if second is None:
        chosen = [(i, j, first, first_labels) for i, j in itertools.combinations(range(len(first)), 2)]
    else:
        chosen = [(i, j, second, second_labels) for i in range(len(first)) for j in range(len(second))]
    distances = [np.sqrt(((first[i].astype(float) - others[j]) ** 2).sum()) for i, j, others, _ in chosen]
    return np.array(distances, np.float32), np.array([first_labels[i] == labels[j] for i, j, _, labels in chosen])


def _equal_error_rate(distances, genuine):
    """Where the piecewise linear ROC meets FMR = FNMR."""
    fmr, tmr, _ = roc_curve(genuine, -distances, drop_intermediate=False)
    points = list(zip(fmr, 1 - tmr))
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        if x1 >= y1:
            return x0 + (y0 - x0) / ((y0 - x0) - (y1 - x1)) * (x1 - x0)
    raise AssertionError


class VerifyTest(parameterized.TestCase):
    def check(self, found, distances, genuine):
        self.assertEqual((found.genuine_pairs, found.impostor_pairs), (genuine.sum(), (~genuine).sum()))
        fmr, tmr, _ = roc_curve(genuine, -distances, drop_intermediate=False)
        for point in found.at_fmr:
            if point.threshold is None:
                continue
            self.assertAlmostEqual(point.fnmr.value, 1 - tmr[fmr <= point.wanted_fmr + 1e-12].max())
            self.assertAlmostEqual(point.fmr.value, (distances[~genuine] < np.float32(point.threshold)).mean())
            # The next larger threshold lets too many match.
            more = (distances[~genuine] <= np.float32(point.threshold)).mean()
            self.assertGreater(more, point.wanted_fmr)
        for point in found.at_threshold:
            self.assertAlmostEqual(point.fmr.value, (distances[~genuine] < np.float32(point.threshold)).mean())
            self.assertAlmostEqual(point.fnmr.value, (distances[genuine] >= np.float32(point.threshold)).mean())
        self.assertAlmostEqual(found.eer, _equal_error_rate(distances, genuine))

    @parameterized.parameters((12, 7, 512), (12, 7, 13), (40, 3, 50), (3, 20, 16))
    def test_against_all_pairs(self, classes, per_class, tile):
        vectors, labels = _clusters(classes, per_class)
        vectors[1], vectors[2] = vectors[0], vectors[0]  # Duplicates, maybe in two classes.
        with mock.patch.object(pair_tiles, "_TILE", tile):
            found = verify(vectors, labels, fmrs=_FMRS, thresholds=[0.0, 1e-12, 0.4, 1.0, 3.0])
        self.check(found, *_pairs(vectors, labels))

    def test_more_classes_than_groups(self):
        vectors, labels = _clusters(30, 4)
        with mock.patch.object(pair_tiles, "_MOST_GROUPS", 7):
            found = verify(vectors, labels, fmrs=_FMRS, thresholds=[0.7])
        self.check(found, *_pairs(vectors, labels))

    def test_queries_against_a_gallery(self):
        vectors, labels = _clusters(15, 6)
        roles = np.where(np.arange(len(labels)) % 3 == 0, "query", "gallery")
        queries, gallery = roles == "query", roles == "gallery"
        found = verify_by_role(vectors, labels, roles, _FMRS, [0.5])
        self.check(found, *_pairs(vectors[queries], labels[queries], vectors[gallery], labels[gallery]))
        roles[labels == 3], roles[labels == 4] = "query", "gallery"
        self.assertEqual(verify_by_role(vectors, labels, roles).classes_without_genuine, 2)

    def test_ties_everywhere(self):
        vectors, labels = np.ones((60, 3), np.float32), np.repeat(np.arange(12), 5)
        found = verify(vectors, labels, fmrs=_FMRS)
        # At any threshold all pairs match, or none.
        self.assertEqual([(point.fmr.value, point.fnmr.value) for point in found.at_fmr], [(0.0, 1.0)] * 3)
        self.assertEqual([point.fnmr.interval_95 for point in found.at_fmr], [None] * 3)  # As no error is resampled.
        self.assertAlmostEqual(found.eer, 0.5)

    def test_names_for_labels_and_embeddings_far_from_the_origin(self):
        vectors, labels = _clusters(12, 6)
        names = np.array([f"class {label}" for label in labels])
        found = verify(1e6 + 1e3 * vectors.astype(np.float64), names, fmrs=_FMRS, thresholds=[700.0])
        self.check(found, *_pairs(1e6 + 1e3 * vectors.astype(np.float64), names))

    def test_rates_that_so_few_pairs_cannot_show_are_not_given(self):
        vectors, labels = _clusters(12, 3)  # 36 · 35 / 2 − 12 · 3 = 594 impostor pairs: 30 of them are 5%.
        found = verify(vectors, labels, fmrs=(0.1, 0.05))
        self.assertIsNotNone(found.at_fmr[0].threshold)
        self.assertEqual((found.at_fmr[1].threshold, found.at_fmr[1].fnmr), (None, None))
        self.assertEqual(
            found.at_fmr[1].reason, "an FMR of 0.05 needs 600 impostor pairs, for 30 of them to match; there are 594"
        )
        self.assertAlmostEqual(found.lowest_fmr, 30 / 594)
        for allowed in (30, 57):  # The lowest rate, and one that times 594 is 56.99…
            (point,) = verify(vectors, labels, fmrs=[allowed / 594]).at_fmr
            self.assertEqual(point.fmr.errors, allowed)

    def test_lone_classes_are_in_impostor_pairs_only(self):
        vectors, labels = _clusters(12, 3)
        alone = np.arange(len(labels)) + 100
        found = verify(vectors, np.where(labels < 4, alone, labels))
        self.assertEqual((found.genuine_pairs, found.classes_without_genuine, found.num_classes), (24, 12, 20))

    def test_refusals(self):
        vectors, labels = _clusters(4, 3)
        with self.assertRaisesRegex(EvaluationError, "no impostor pair; verification needs images of two classes"):
            verify(vectors, np.zeros(12, int))
        with self.assertRaisesRegex(EvaluationError, "no genuine pair; verification needs two images of one class"):
            verify(vectors, np.arange(12))
        with self.assertRaisesRegex(EvaluationError, "A threshold is a distance.*got -1"):
            verify(vectors, labels, thresholds=[-1])
        with self.assertRaisesRegex(EvaluationError, "A rate of false matches is between 0 and 1; got 1.0"):
            verify(vectors, labels, fmrs=[1.0])

    def test_the_curve(self):
        vectors, labels = _clusters(12, 7)
        distances, genuine = _pairs(vectors, labels)
        fmr, tmr, _ = roc_curve(genuine, -distances)
        curve = verify(vectors, labels).curve
        np.testing.assert_allclose(curve.fnmr, np.interp(curve.fmr, fmr, 1 - tmr), atol=0.02)
        self.assertGreater(curve.fnmr[0] - curve.fnmr[-1], 0.5)
        # Where classes are apart, one threshold makes no error at all.
        np.testing.assert_array_equal(verify(*_clusters(12, 6, noise=0.001)).curve.fnmr, 0.0)

    def test_no_interval_where_no_or_every_pair_is_wrong(self):
        (point,) = verify(*_clusters(10, 4), thresholds=[0.0]).at_threshold
        self.assertEqual((point.fmr.value, point.fmr.interval_95), (0.0, None))
        self.assertEqual((point.fnmr.value, point.fnmr.interval_95), (1.0, None))

    def test_intervals_are_those_of_another_bootstrap(self):
        vectors, labels = _clusters(12, 6)
        found = verify(vectors, labels, fmrs=[0.1], thresholds=[0.7])
        distances, genuine = _pairs(vectors, labels)
        first, second = np.array(list(itertools.combinations(labels, 2)))[np.argsort(distances)].T
        genuine, distances = genuine[np.argsort(distances)], np.sort(distances)
        drawn = np.random.default_rng(1).multinomial(12, np.full(12, 1 / 12), 1000)
        weights = np.where(genuine, drawn[:, first], drawn[:, first] * drawn[:, second])
        fmr, tmr = (
            np.cumsum(weights * kind, axis=1) / (weights * kind).sum(axis=1)[:, None] for kind in (~genuine, genuine)
        )
        rows, at_fmr, equal = np.arange(1000), (fmr <= 0.1).sum(axis=1) - 1, np.argmax(fmr >= 1 - tmr, axis=1)
        at_threshold = np.searchsorted(distances, 0.7) - 1
        (point,), (given,), curve = found.at_fmr, found.at_threshold, found.curve
        band = [np.interp(0.1, curve.fmr, ends) for ends in curve.fnmr_interval]
        for interval, values in (
            (point.interval_95, distances[at_fmr]),
            (point.fnmr.interval_95, 1 - tmr[rows, at_fmr]),
            (band, 1 - tmr[rows, at_fmr]),
            (found.eer_interval_95, fmr[rows, equal]),
            (given.fmr.interval_95, fmr[:, at_threshold]),
            (given.fnmr.interval_95, 1 - tmr[:, at_threshold]),
        ):
            expected = np.percentile(values, [2.5, 97.5])
            np.testing.assert_allclose(interval, expected, rtol=0, atol=0.2 * (expected[1] - expected[0]))

    def test_few_classes_have_no_intervals_and_it_is_said(self):
        self.assertEqual(verify(*_clusters(10, 9)).note, "")
        found = verify(*_clusters(9, 9))
        self.assertEqual(found.note, "no intervals: 9 classes, and resampling needs 10")
        self.assertIsNone(found.eer_interval_95)
        self.assertIsNone(found.at_fmr[0].interval_95)
        self.assertIsNone(found.curve.fnmr_interval)
