"""Re-ranking against plain loops."""

import math
from unittest import mock

import numpy as np
from absl.testing import parameterized

from evaluate.metrics import retrieval
from evaluate.metrics.retrieval import evaluate_reranked
from evaluate.search import k_reciprocal
from evaluate.search.k_reciprocal import KReciprocal
from evaluate.search.query_expansion import QueryExpansion
from evaluate.search.reranking import reranked_neighbors, reranker
from tests.support import retrieval_oracle


def _clusters(classes=8, per_class=6, seed=0):
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(classes), per_class))
    vectors = random.normal(size=(classes, 5))[labels] + 0.6 * random.normal(size=(len(labels), 5))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


def _nearest(query, references, left_out=None):
    found = sorted((math.dist(query, reference), place) for place, reference in enumerate(references))
    return [place for _, place in found if place != left_out]


def _expanded(queries, gallery, k, alpha):
    """By one query at a time."""
    orders = []
    for number, query in enumerate(queries):
        references, own = (queries, number) if gallery is None else (gallery, None)
        total = query.copy()
        for place in _nearest(query, references, own)[:k]:
            similarity = query @ references[place] / np.linalg.norm(query) / np.linalg.norm(references[place])
            total += max(similarity, 0.0) ** alpha * references[place]
        orders.append(_nearest(total / np.linalg.norm(total), references, own))
    return orders


def _k_reciprocal(queries, gallery, k1, k2, weight):
    """The paper's equations over all pairs."""
    images = queries if gallery is None else np.concatenate([queries, gallery])
    number = len(images)
    squared = [[float(np.sum((a - b) ** 2)) for b in images] for a in images]
    ranks = [[i, *_nearest(images[i], images, i)] for i in range(number)]

    def reciprocal(i, k):
        return {j for j in ranks[i][: k + 1] if i in ranks[j][: k + 1]}

    encodings = np.zeros([number, number])
    for i in range(number):
        chosen = set(reciprocal(i, k1))
        for j in reciprocal(i, k1):
            others = reciprocal(j, round(k1 / 2))
            if len(others & reciprocal(i, k1)) >= 2 / 3 * len(others):
                chosen |= others
        for j in chosen:
            encodings[i, j] = math.exp(-squared[i][j])
        encodings[i] /= encodings[i].sum()
    encodings = np.array([encodings[ranks[i][:k2]].mean(axis=0) for i in range(number)])
    orders = []
    for i in range(len(queries)):
        found = []
        for j in range(0 if gallery is None else len(queries), number):
            if gallery is None and j == i:
                continue
            jaccard = 1 - np.minimum(encodings[i], encodings[j]).sum() / np.maximum(encodings[i], encodings[j]).sum()
            found.append((weight * squared[i][j] + (1 - weight) * jaccard, j))
        orders.append([j - (0 if gallery is None else len(queries)) for _, j in sorted(found)])
    return orders


class RerankingTest(parameterized.TestCase):
    @parameterized.product(alpha=(0.0, 3.0), with_gallery=(False, True), k=(4, 30))
    def test_query_expansion(self, alpha, with_gallery, k):
        vectors, _ = _clusters()
        queries, gallery = (vectors[:10], vectors[10:]) if with_gallery else (vectors, None)
        rows = np.array([3, 0, 9])
        expansion, expected = QueryExpansion(queries, gallery, k=k, alpha=alpha), _expanded(queries, gallery, k, alpha)
        # Of 30, some are on the other side of the origin; and a query may not be among the three nearest to its sum.
        for count in (99, 3):
            found = expansion.ranked(rows, count)
            np.testing.assert_array_equal(found, [expected[row][:count] for row in rows])

    @parameterized.product(with_gallery=(False, True), most_pairs=(7, 50_000))
    def test_k_reciprocal(self, with_gallery, most_pairs):
        vectors, _ = _clusters()
        queries, gallery = (vectors[:10], vectors[10:]) if with_gallery else (vectors, None)
        rows = np.array([3, 0, 9])
        with mock.patch.object(k_reciprocal, "_MOST_PAIRS", most_pairs):
            found = KReciprocal(queries, gallery, k1=7, k2=3).ranked(rows, 30)
        expected = _k_reciprocal(queries, gallery, 7, 3, 0.3)
        np.testing.assert_array_equal(found, [expected[row][:30] for row in rows])

    @parameterized.parameters("average", "alpha", "k_reciprocal")
    def test_duplicates_and_zeros_are_no_exception(self, name):
        vectors = np.zeros([12, 3], np.float32)
        vectors[6:] = [1, 0, 0]
        found = reranked_neighbors(name, vectors[[0, 6]], vectors, 5)
        self.assertEqual(found.indices.shape, (2, 5))
        self.assertTrue(np.isfinite(found.distances).all())

    @parameterized.product(name=("average", "k_reciprocal"), roles=(False, True))
    def test_scores(self, name, roles):
        vectors, labels = _clusters()
        kinds = np.where(np.arange(48) % 2, "gallery", "query") if roles else np.full(48, "")
        with mock.patch.object(retrieval, "_MOST_ENTRIES", 100):
            result = evaluate_reranked(vectors, labels, kinds, name, ["map_at_r", "recall_at_1000"])
        queries, gallery = (kinds == "query", kinds == "gallery") if roles else (slice(None), slice(None))
        found = reranker(name, vectors[queries], vectors[gallery] if roles else None)
        order = found.ranked(np.arange(len(result.labels)), 99)
        for number, row in enumerate(order):
            hits = [bool(hit) for hit in labels[gallery][row] == labels[queries][number]]
            scores = retrieval_oracle.scores_of_order(hits)
            self.assertAlmostEqual(result.per_query["map_at_r"][number], scores["map_at_r"])
            self.assertEqual(result.num_relevant[number], sum(hits))
        self.assertEqual(result.means["recall_at_1000"], 1.0)
