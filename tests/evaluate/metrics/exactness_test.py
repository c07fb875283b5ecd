"""Every score of every query against loops over all orders of what ties, on random and adversarial sets."""

import numpy as np
from absl.testing import parameterized

from ccp.registry import imported
from evaluate.metrics.find_hits import find_hits
from evaluate.metrics.labelled_vectors import LabelledVectors
from evaluate.metrics.registry import find_metric
from evaluate.metrics.retrieval import evaluate_retrieval
from evaluate.search.search import Budget
from tests.support import retrieval_oracle

AT = {"recall_at": (1, 2, 4), "map_at": (3,), "precision_at": (2, 5, 30)}

# Tiles that the sets fit into, and that they do not; no candidates at all, so that all queries are crowded.
BUDGETS = {
    "whole": Budget(),
    "small tiles": Budget(tile=8),
    "few candidates": Budget(tile=4, candidates=60, exhaustive=5),
    "exhaustive": Budget(candidates=0, exhaustive=30),
}


def definition(query, reference):
    """What a distance is by definition."""
    difference = query.astype(np.float64) - reference.astype(np.float64)
    return float(np.einsum("i,i->", difference, difference))


def normal(random, shape):
    return random.normal(size=shape)


def grid(random, shape):
    return random.integers(-1, 2, shape).astype(float)


def equal(random, shape):
    return np.full(shape, 0.1)


def duplicates(random, shape):
    return random.normal(size=(4, shape[1]))[random.integers(0, 4, shape[0])]


def nearly_equal(random, shape):
    return random.normal(size=(1, shape[1])) + 1e-9 * random.normal(size=shape)


def tight_clusters_and_an_outlier(random, shape):
    points = random.normal(size=(2, shape[1]))[random.integers(0, 2, shape[0])]
    points += 1e-7 * random.integers(0, 3, (shape[0], 1))
    points[0] *= 1e6
    return points


def huge(random, shape):
    return 1e18 * random.normal(size=shape)


def tiny(random, shape):
    return 1e-30 * random.normal(size=shape)


def signed_zeros(random, shape):
    return np.where(random.random(shape) < 0.5, 0.0, -0.0)


KINDS = (normal, grid, equal, duplicates, nearly_equal, tight_clusters_and_an_outlier, huge, tiny, signed_zeros)


def all_scores(arguments, budget):
    """By metric, [num_queries, 3] scores: lowest, expected and highest; and [num_queries] R."""
    queries = references = LabelledVectors(*arguments[:2], "query")
    if len(arguments) > 2:
        references = LabelledVectors(*arguments[2:], "gallery")
    names = ["precision_at_1", "r_precision", "map_at_r"]
    names += [f"{kind}_{k}" for kind, ks in AT.items() for k in ks]
    scores = {name: np.zeros((len(queries.labels), 3)) for name in names}
    num_relevant = np.zeros(len(queries.labels), int)
    for hits in find_hits(queries, references, max(k for ks in AT.values() for k in ks), budget=budget):
        num_relevant[hits.queries] = hits.num_relevant
        for name in names:
            metric, k = find_metric(name)
            function = imported(metric.function)
            scores[name][hits.queries] = np.transpose(function(hits) if k is None else function(hits, k))
    return scores, num_relevant


class ExactnessTest(parameterized.TestCase):
    @parameterized.product(kind=KINDS, budget=tuple(BUDGETS), with_gallery=(False, True))
    def test_equals_all_orders(self, kind, budget, with_gallery):
        compared = 0
        for seed in range(8):
            random = np.random.default_rng([seed, with_gallery, *map(ord, kind.__name__)])
            number, classes = random.integers((2, 1), (13, 5))
            size = int(random.choice([1, 2, 7, 33, 512]))
            dtype = [np.float32, np.float64][seed % 2] if kind in (huge, tiny) else np.dtype(f"f{2 ** (1 + seed % 3)}")
            points = kind(random, (2 * number, size))
            if kind is tight_clusters_and_an_outlier and dtype == np.float16:
                dtype = np.float32
            points = points.astype(dtype)
            labels = random.integers(0, classes, 2 * number)
            arguments = (points[:number], labels[:number])
            if with_gallery:
                # Classes that only one of the two sets has.
                arguments += (points[number:], labels[number:] + random.integers(0, 2))
            compared += self.assert_equals_loops(arguments, BUDGETS[budget])
        self.assertGreater(compared, 10)

    def assert_equals_loops(self, arguments, budget):
        try:
            expected = retrieval_oracle.per_query(*arguments, distance=definition, **AT)
        except OverflowError:
            return 0
        valid = [index for index, one in enumerate(expected) if one is not None]
        if not valid:
            return 0
        scores, num_relevant = all_scores(arguments, budget)
        np.testing.assert_array_equal(np.flatnonzero(num_relevant), valid)
        for name, found in scores.items():
            by_loops = [expected[index][name] for index in valid]
            np.testing.assert_allclose(found[valid], by_loops, rtol=0, atol=1e-12, err_msg=name)
        return len(valid)

    @parameterized.product(classes=(1, 2, 60), budget=tuple(BUDGETS))
    def test_a_few_hundred(self, classes, budget):
        # One class: R is all; sixty: one image of some. No ties, so there is one order.
        random = np.random.default_rng(classes)
        points, labels = random.normal(size=(150, 5)).astype(np.float32), random.integers(0, classes, 150)
        small = BUDGETS[budget]._replace(tile=32) if budget == "small tiles" else BUDGETS[budget]
        self.assertGreater(self.assert_equals_loops((points, labels), small), 100)
        self.assertGreater(self.assert_equals_loops((points[:40], labels[:40], points[40:], labels[40:]), small), 30)

    def test_invariants_of_a_thousand_with_ties(self):
        # Lowest ≤ expected ≤ highest of every metric; among random points, hardly a query is sure of a hit. Two equal
        # points once made every query without a hit count as 1.
        random = np.random.default_rng(0)
        points, labels = random.integers(-2, 3, (1000, 3)).astype(np.float32), random.integers(0, 300, 1000)
        continuous = random.normal(size=(1000, 8)).astype(np.float32)
        continuous[1] = continuous[0]
        for embeddings, few_ties in ((points, False), (continuous, True)):
            scores, _ = all_scores((embeddings, labels), Budget())
            for name, (lowest, expected, highest) in ((name, found.T) for name, found in scores.items()):
                self.assertTrue((lowest <= expected + 1e-12).all() and (expected <= highest + 1e-12).all(), name)
                if few_ties:  # All but the neighbours of the two have one order.
                    self.assertGreater((lowest == highest).mean(), 0.9, name)
        means = evaluate_retrieval(continuous, labels).means
        self.assertLess(means["precision_at_1_highest"] - means["precision_at_1_lowest"], 0.01)

    @parameterized.parameters(1.0, -1.0)
    def test_the_largest_numbers_that_there_are(self, sign):
        # The sum of two of them is infinite.
        points = sign * np.finfo(np.float64).max * np.array([[1.0], [0.99], [0.5], [0.48]])
        result = evaluate_retrieval(points, np.array([0, 0, 1, 1]))
        np.testing.assert_array_equal(result.per_query["map_at_r"], np.ones(4))

    def test_float32_queries_in_a_gallery_of_a_size_that_float32_does_not_have(self):
        # 2 is nearest to 2, though 1e80 stands in the same gallery.
        gallery, labels = np.array([[1.0], [2.0], [1e80]]), np.array([0, 1, 2])
        result = evaluate_retrieval(np.array([[2.0]], np.float32), np.array([1]), gallery, labels)
        self.assertEqual(result.means["precision_at_1"], 1.0)
