"""Exact nearest neighbours in a graph, in bounded memory."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from datasets.images.refusal import refuse_unless

# Scores of queries and gallery that are held at once: 16 MB. A single query's are held whatever they are.
_SCORES = 2**22
# Pairs whose distances are computed at once; of embedding size 128, 16 MB for each of three arrays.
_PAIRS = 2**14
# Neighbours that an answer holds, of all its queries: each is two strings and a number.
MAX_NEIGHBOURS = 1_000_000


def nearest(
    queries: tf.Tensor, gallery: tf.Tensor, squares: tf.Tensor, k: tf.Tensor, scores_at_once: int = _SCORES
) -> tuple[tf.Tensor, tf.Tensor]:
    """The k nearest gallery vectors of each query, by Euclidean distance in float64; ties go to the lower index.

    As in ``evaluate.search``, the distance is defined as the root of the float64 sum of (q − r)², so that equal
    vectors tie exactly. Scores r² − 2 q·r by a matrix product in float32 err from it by less than c (q² + r²) with
    c = 1.01 (embedding size + 16) 2⁻²⁴: the product by embedding size terms, r² and the sum by a rounding each, q² and
    r² standing for the vectors' squared norms. Whatever may be among the nearest by these bounds is compared by the
    distance as it is defined.

    Args:
      queries: [batch, embedding_size] float32.
      gallery: [gallery, embedding_size] float32, at least one.
      squares: [gallery] float32 squared norms of the gallery.
      k: [] int32, from 1 on; more than there are is all.
      scores_at_once: how many scores are held.

    Returns:
      Indices [batch, min(k, gallery)] int32, nearest first; and distances of the same shape, float32.

    Raises (as the graph is run):
      tf.errors.InvalidArgumentError: see ``answer_checks``; or a query is not finite.
    """
    checks = answer_checks(tf.shape(queries)[0], tf.shape(gallery)[0], k)
    checks += refuse_unless(
        tf.reduce_all(tf.math.is_finite(queries)), ["An embedding is not finite: the network has diverged"]
    )
    # On the processor, whose products have the error that is reckoned with; accelerators may round more (TF32).
    with tf.device("CPU:0"), tf.control_dependencies(checks):
        gallery, squares = tf.convert_to_tensor(gallery), tf.convert_to_tensor(squares)
        k = tf.minimum(k, tf.shape(gallery)[0])
        batch = tf.shape(queries)[0]
        step = tf.clip_by_value(scores_at_once // tf.shape(gallery)[0], 1, tf.maximum(batch, 1))

        def block(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            some = queries[start : start + step]
            found = _nearest_of_block(some, gallery, squares, k)
            return tuple(tf.pad(part, [[0, step - tf.shape(some)[0]], [0, 0]]) for part in found)

        def every_block() -> tuple[tf.Tensor, tf.Tensor]:
            spec = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, None], tf.float32)
            found = tf.map_fn(block, tf.range(0, batch, step), fn_output_signature=spec, parallel_iterations=1)
            return tuple(tf.reshape(part, [-1, k])[:batch] for part in found)

        none = [0, k]
        return tf.cond(batch > 0, every_block, lambda: (tf.zeros(none, tf.int32), tf.zeros(none)))


def answer_checks(batch: tf.Tensor, gallery: tf.Tensor, k: tf.Tensor) -> list[tf.Operation]:
    """Assertions that an answer has a size which can be given, to be depended upon.

    Args:
      batch: [] int32, number of queries.
      gallery: [] int32, number of images that are searched.
      k: [] int32, neighbours wanted of each query.

    Raises (as the graph is run):
      tf.errors.InvalidArgumentError: k is below 1, or there would be more than ``MAX_NEIGHBOURS`` in all.
    """
    checks = refuse_unless(k >= 1, ["The number of neighbours k must be at least 1; got", k])
    each = tf.minimum(k, gallery)
    number = tf.cast(batch, tf.int64) * tf.cast(each, tf.int64)
    said = [
        "The answer would hold ",
        tf.strings.as_string(each),
        " neighbours of each of ",
        tf.strings.as_string(batch),
        f" images; it may hold {MAX_NEIGHBOURS} in all. Ask for fewer (k), or send fewer images at a time.",
    ]
    return checks + refuse_unless(number <= MAX_NEIGHBOURS, [tf.strings.join(said)])


def squared_norms(gallery: np.ndarray) -> np.ndarray:
    """[gallery] float32, for ``nearest``."""
    return np.einsum("ij,ij->i", gallery, gallery, dtype=np.float64).astype(np.float32)


def _nearest_of_block(
    queries: tf.Tensor, gallery: tf.Tensor, squares: tf.Tensor, k: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    scores = squares - tf.matmul(2.0 * queries, gallery, transpose_b=True)
    last = -tf.math.top_k(-scores, k).values[:, -1]
    error = 1.01 * (gallery.shape[1] + 16) * 2.0**-24
    largest = tf.reduce_sum(tf.square(queries), axis=1) + tf.reduce_max(squares)
    near = tf.where(scores <= (last + 2.0 * error * largest)[:, tf.newaxis])
    rows, places = tf.unstack(tf.cast(near, tf.int32), axis=1)
    squared = _squared_distances(queries, gallery, rows, places)
    # Rows come one after the other, and places ascend within one: of values that tie, top_k takes the first.
    numbers = tf.math.bincount(rows, minlength=tf.shape(queries)[0])
    columns = tf.range(tf.size(rows)) - tf.gather(tf.cumsum(numbers, exclusive=True), rows)
    width = tf.reduce_max(numbers)
    at = tf.stack([rows, columns], axis=1)
    table = tf.tensor_scatter_nd_update(
        tf.fill([tf.shape(queries)[0], width], tf.constant(-np.inf, tf.float64)), at, -squared
    )
    nearest_first = tf.math.top_k(table, k)
    candidates = tf.scatter_nd(at, places, tf.shape(table))
    distances = tf.cast(tf.sqrt(-nearest_first.values), tf.float32)
    return tf.gather(candidates, nearest_first.indices, batch_dims=1), distances


def _squared_distances(queries: tf.Tensor, gallery: tf.Tensor, rows: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """[pairs] float64, in blocks: there may be as many pairs as scores where all are near."""
    number = tf.size(rows)

    def block(at: tf.Tensor) -> tf.Tensor:
        # Of the same size each, the last one filled up: a row alone might be added in another order.
        pairs = tf.minimum(at * _PAIRS + tf.range(tf.minimum(_PAIRS, tf.maximum(number, 2))), number - 1)
        ours = tf.cast(tf.gather(queries, tf.gather(rows, pairs)), tf.float64)
        theirs = tf.cast(tf.gather(gallery, tf.gather(places, pairs)), tf.float64)
        return tf.reduce_sum(tf.math.squared_difference(ours, theirs), axis=1)

    blocks = tf.range(-(-number // _PAIRS))
    spec = tf.TensorSpec([None], tf.float64)
    return tf.reshape(tf.map_fn(block, blocks, fn_output_signature=spec, parallel_iterations=1), [-1])[:number]
