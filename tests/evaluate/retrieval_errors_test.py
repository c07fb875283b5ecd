"""What cannot be evaluated is refused, with the reason."""

import numpy as np
from absl.testing import parameterized

from ccp.errors import UserError
from evaluate import EvaluationError, per_query_metrics, retrieval_metrics

POINTS, LABELS = np.arange(8.0).reshape(4, 2), np.array([0, 0, 1, 1])


class RefusedTest(parameterized.TestCase):
    def test_one_image_per_class(self):
        with self.assertRaisesRegex(EvaluationError, "No query has a reference of its own class"):
            retrieval_metrics(POINTS, np.arange(4))

    def test_a_gallery_of_other_classes(self):
        with self.assertRaisesRegex(EvaluationError, "No query has a reference of its own class"):
            retrieval_metrics(POINTS, LABELS, POINTS, LABELS + 2)

    def test_one_image_per_class_has_per_query_zeros(self):
        per_query = per_query_metrics(POINTS, np.arange(4))
        for name, values in per_query.items():
            np.testing.assert_array_equal(values, np.zeros(4), err_msg=name)

    @parameterized.parameters(np.nan, np.inf, -np.inf)
    def test_not_finite(self, value):
        broken = POINTS.copy()
        broken[2, 1] = broken[3, 0] = value
        with self.assertRaisesRegex(EvaluationError, "2 of 4 query embeddings are not finite, the first at index 2"):
            retrieval_metrics(broken, LABELS)
        with self.assertRaisesRegex(EvaluationError, "2 of 4 gallery embeddings are not finite, the first at index 2"):
            retrieval_metrics(POINTS, LABELS, broken, LABELS)

    @parameterized.parameters(np.float32, np.float64, bool, str)
    def test_labels_that_are_no_integers(self, dtype):
        with self.assertRaisesRegex(EvaluationError, "query labels must be integers"):
            retrieval_metrics(POINTS, LABELS.astype(dtype))
        with self.assertRaisesRegex(EvaluationError, "gallery labels must be integers"):
            retrieval_metrics(POINTS, LABELS, POINTS, LABELS.astype(dtype))

    def test_labels_beyond_int64(self):
        with self.assertRaisesRegex(EvaluationError, "must fit into int64; got 9223372036854775808"):
            retrieval_metrics(POINTS, np.full(4, 2**63, np.uint64))

    def test_dimensions_differ(self):
        with self.assertRaisesRegex(EvaluationError, "Queries have 2 dimensions and the gallery 3"):
            retrieval_metrics(POINTS, LABELS, np.zeros((4, 3)), LABELS)

    @parameterized.parameters(((3,), (3,)), ((4, 2), (3,)), ((4, 2), (4, 1)), ((0, 2), (0,)), ((4, 0), (4,)))
    def test_shapes(self, embeddings, labels):
        with self.assertRaisesRegex(EvaluationError, "query set needs embeddings"):
            retrieval_metrics(np.zeros(embeddings), np.zeros(labels, int))
        with self.assertRaisesRegex(EvaluationError, "gallery set needs embeddings"):
            retrieval_metrics(POINTS, LABELS, np.zeros(embeddings), np.zeros(labels, int))

    def test_half_a_gallery(self):
        for half in ({"gallery_embeddings": POINTS}, {"gallery_labels": LABELS}):
            with self.assertRaisesRegex(EvaluationError, "both embeddings and labels"):
                retrieval_metrics(POINTS, LABELS, **half)

    def test_is_an_error_for_the_user(self):
        self.assertTrue(issubclass(EvaluationError, UserError))
