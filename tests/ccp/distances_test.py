import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import cosine_similarity, lipschitz_normalize, pairwise_euclidean, pairwise_squared_euclidean
from ccp.distances import normalized_euclidean, normalized_similarity, square_root
from tests.support import finite_differences, oracles, recorded

DISTANCES = {"euclidean": pairwise_euclidean, "squared_euclidean": pairwise_squared_euclidean}
LOOPS = {
    pairwise_euclidean: oracles.euclidean,
    pairwise_squared_euclidean: lambda a, b: oracles.euclidean(a, b) ** 2,
    cosine_similarity: oracles.similarity,
    normalized_euclidean: lambda a, b: oracles.euclidean(*map(oracles.lipschitz_normalize, (a, b))),
    normalized_similarity: lambda a, b: oracles.similarity(*map(oracles.lipschitz_normalize, (a, b))),
}
NORMALIZED = {normalized_euclidean: pairwise_euclidean, normalized_similarity: cosine_similarity}
HAVE_EXACT_DIAGONALS = (pairwise_euclidean, pairwise_squared_euclidean, normalized_euclidean)
RANDOM = np.random.default_rng(0)
ANCHORS, REFERENCES = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(7, 3))


class RecordedTest(parameterized.TestCase, tf.test.TestCase):
    def test_lipschitz_normalize(self):
        entries = recorded.below("lipschitz_normalize")
        embeddings = tf.Variable(recorded.original()["embeddings"])
        with tf.GradientTape() as tape:
            output = lipschitz_normalize(embeddings)
        recorded.assert_matches(output, entries["output"])
        recorded.assert_matches(tape.gradient(output, embeddings, entries["upstream"]), entries["gradient"])

    @parameterized.parameters(*DISTANCES)
    def test_distances(self, name):
        entries, embeddings = recorded.below(f"distances/{name}"), tf.Variable(recorded.original()["embeddings"])
        proxies = recorded.original()["proxies"]
        points = proxies.reshape(-1, proxies.shape[-1])  # Class-major.
        recorded.assert_matches(DISTANCES[name](embeddings, points), entries["to_proxies"])
        with tf.GradientTape() as tape:
            to_batch = DISTANCES[name](embeddings)
        recorded.assert_matches(to_batch, entries["to_batch"])
        recorded.assert_matches(tape.gradient(to_batch, embeddings), entries["gradient_of_sum"])


class LipschitzNormalizeTest(parameterized.TestCase, tf.test.TestCase):
    def value_and_jacobian(self, vector):
        vector = tf.Variable(vector)
        with tf.GradientTape() as tape:
            output = lipschitz_normalize(vector)
        return output, tape.jacobian(output, vector)

    @parameterized.parameters([[0.3, 0.4]], [[0.0, 0.0]], [[1e-20, 0.0]], [[0.0, -0.9999]])
    def test_inside_the_ball_is_the_identity(self, vector):
        output, jacobian = self.value_and_jacobian(vector)
        self.assertAllEqual(output, np.float32(vector))
        self.assertAllEqual(jacobian, np.eye(2))

    @parameterized.parameters(1.0, 1e3, 1e6, 1e15)
    def test_outside_the_ball_is_the_direction(self, scale):
        # (3, 4)/5; the gradient is the projection across the direction, (I − uuᵀ)/norm.
        output, jacobian = self.value_and_jacobian([3.0 * scale, 4.0 * scale])
        self.assertAllClose(output, [0.6, 0.8], rtol=1e-6)
        self.assertAllClose(5 * scale * jacobian, [[0.64, -0.48], [-0.48, 0.36]], rtol=1e-5, atol=1e-5)

    @parameterized.parameters("float16", "bfloat16", "float64")
    def test_computes_in_float32(self, dtype):
        # (32768, 32768) squared is beyond float16.
        output = lipschitz_normalize(tf.constant([32768.0, 32768.0], dtype))
        self.assertEqual(output.dtype, tf.float32)
        self.assertAllClose(output, [0.5**0.5, 0.5**0.5])


class PairwiseTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(function=tuple(LOOPS), to_themselves=(True, False))
    def test_equals_the_loop(self, function, to_themselves):
        references = ANCHORS if to_themselves else REFERENCES
        computed = function(ANCHORS, None if to_themselves else references)
        self.assertEqual(computed.dtype, tf.float32)
        self.assertAllClose(computed, [[LOOPS[function](a, r) for r in references] for a in ANCHORS], atol=1e-5)

    @parameterized.product(function=tuple(LOOPS), to_themselves=(True, False))
    def test_gradient_equals_differences(self, function, to_themselves):
        upstream = RANDOM.normal(size=(5, 5 if to_themselves else 7))

        def looped(anchors, references):
            references = anchors if to_themselves else references
            return sum(
                upstream[i, j] * LOOPS[function](a, r)
                for i, a in enumerate(anchors)
                for j, r in enumerate(references)
                if not (to_themselves and i == j and function in HAVE_EXACT_DIAGONALS)
            )

        inputs = [tf.constant(ANCHORS, tf.float32), tf.constant(REFERENCES, tf.float32)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            computed = function(inputs[0], None if to_themselves else inputs[1])
        gradients = tape.gradient(computed, inputs, tf.cast(upstream, tf.float32))
        expected = finite_differences.gradient(lambda anchors: looped(anchors, REFERENCES), ANCHORS)
        self.assertAllClose(gradients[0], expected, rtol=1e-4, atol=1e-4)
        if not to_themselves:
            expected = finite_differences.gradient(lambda references: looped(ANCHORS, references), REFERENCES)
            self.assertAllClose(gradients[1], expected, rtol=1e-4, atol=1e-4)

    @parameterized.parameters(*HAVE_EXACT_DIAGONALS)
    def test_diagonal_is_exactly_0(self, function):
        # Of 200 vectors at norm 1000 many are not at 0 from themselves in float32 arithmetic.
        far = (1000 * np.random.default_rng(1).normal(size=(200, 8))).astype(np.float32)
        self.assertAllEqual(tf.linalg.diag_part(function(far)), np.zeros(200))
        self.assertAllInRange(function(far, far), 0.0, np.inf)  # Clipped: no NaN from a root of −0.01.

    @parameterized.product(
        function=HAVE_EXACT_DIAGONALS, to_themselves=(True, False), dtype=("float32", "float16", "bfloat16")
    )
    def test_equal_vectors_are_at_exactly_0(self, function, to_themselves, dtype):
        for scale in (1e-3, 0.1, 1.0, 1e3):
            vectors = scale * np.random.default_rng(2).normal(size=(37, 48))
            anchors = tf.cast(np.repeat(vectors, 2, axis=0), dtype)
            references = None if to_themselves else tf.cast(anchors, tf.float32)[3:]
            computed = function(anchors, references).numpy()
            same = np.arange(74)[:, np.newaxis] // 2 == np.arange(0 if to_themselves else 3, 74) // 2
            np.testing.assert_array_equal(computed == 0, same)

    @parameterized.product(function=HAVE_EXACT_DIAGONALS, jit_compile=(True, False))
    def test_near_vectors_are_not_at_0(self, function, jit_compile):
        # Each differs from the first in two places, by signs or by little: nothing but what is equal becomes 0.
        vectors = np.full((40, 20), 0.1, np.float32)
        for row, place in zip(vectors[1:20], range(19)):
            row[place : place + 2] = -0.02, 0.02
        vectors[0, :2] = 0.02, -0.02
        vectors[20:39, :19] += np.float32(0.001) * np.eye(19, dtype=np.float32)
        vectors[39] = vectors[5]
        computed = tf.function(function, jit_compile=jit_compile)(vectors, vectors).numpy()
        same = np.eye(40, dtype=bool)
        same[5, 39] = same[39, 5] = True
        np.testing.assert_array_equal(computed == 0, same)

    @parameterized.product(function=HAVE_EXACT_DIAGONALS, to_themselves=(True, False))
    def test_gradient_of_a_distance_of_0_is_0(self, function, to_themselves):
        same = tf.constant(np.full((3, 4), 0.5, np.float32))
        with tf.GradientTape() as tape:
            tape.watch(same)
            distances = function(same, None if to_themselves else tf.identity(same))
        self.assertAllEqual(distances, np.zeros((3, 3)))
        self.assertAllEqual(tape.gradient(distances, same), np.zeros((3, 4)))

    @parameterized.product(function=(*DISTANCES.values(), cosine_similarity), dtype=("float16", "bfloat16"))
    def test_computes_in_float32(self, function, dtype):
        # 256² is beyond float16, and bfloat16 cannot hold 256² and 256 · 258 apart.
        computed = function(tf.constant([[256.0, 256.0]], dtype), tf.constant([[258.0, 256.0]], dtype))
        self.assertEqual(computed.dtype, tf.float32)
        self.assertAllEqual(computed, [[LOOPS[function]([256.0, 256.0], [258.0, 256.0])]])

    @parameterized.product(function=tuple(NORMALIZED), dtype=("float16", "float32"), to_themselves=(True, False))
    def test_normalized_equals_normalizing_first(self, function, dtype, to_themselves):
        # Norms from 0 over 1e-20 to beyond the root of the largest float16.
        norms = tf.constant([[0.0], [1e-20], [0.5], [2.0], [3e4]])
        directions = [tf.math.l2_normalize(tf.cast(side, tf.float32), axis=1) for side in (ANCHORS, REFERENCES[:5])]
        anchors, references = (tf.cast(norms * direction, dtype) for direction in directions)
        references = None if to_themselves else references
        expected = NORMALIZED[function](*(x if x is None else lipschitz_normalize(x) for x in (anchors, references)))
        computed = function(anchors, references)
        self.assertEqual(computed.dtype, tf.float32)
        self.assertAllClose(computed, expected, atol=1e-6)


def test_square_roots_have_a_gradient_where_they_are_0():
    squares = tf.constant([4.0, 0.0, -1e-8, np.nan])
    with tf.GradientTape() as tape:
        tape.watch(squares)
        roots = square_root(squares)
    np.testing.assert_array_equal(roots, [2.0, 0.0, 0.0, np.nan])
    np.testing.assert_array_equal(tape.gradient(roots, squares), [0.25, 0.0, 0.0, np.nan])
