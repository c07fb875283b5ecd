"""Mining: which pairs of each anchor a pair loss counts, as masks over the pair matrix."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ccp.losses.distance_weighted import draw_by_weight, log_inverse_density
from ccp.losses.step_counter import StepCounter
from ccp.pairs import Pairs


class PairMining(tf.keras.layers.Layer):
    """Chooses pairs for a loss: ``ContrastiveLoss(0.0, 0.4, mining=HardMining())``. No gradient goes through it.

    A layer, so that a loss saves it with its arguments and its variables, if it has any. A subclass keeps its arguments
    as attributes of their names, lists these names in ``arguments``, and defines ``choose``.
    """

    arguments: tuple[str, ...] = ()

    def __init__(self, name: str):
        super().__init__(name=name, trainable=False, dtype="float32")

    def choose(self, distances: tf.Tensor, pairs: Pairs, embedding_size: tf.Tensor, euclidean: bool) -> Pairs:
        """Some of the pairs. A distance that is NaN is never left out, so that the loss shows it.

        Args:
          distances: [anchors, references], Euclidean; or 1 − similarity for losses of similarities.
          pairs: masks [anchors, references].
          embedding_size: a scalar.
          euclidean: which of the two the distances are.
        """
        raise NotImplementedError(f"{type(self).__name__} must define choose(distances, pairs, …).")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in ("name", *self.arguments)}


def _at_least_0(name: str, value: float) -> float:
    if not value >= 0:
        raise ValueError(f"{name} must be at least 0; got {value}.")
    return float(value)


def _farthest(distances: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    return tf.reduce_max(tf.where(mask, distances, -float("inf")), axis=1, keepdims=True)


def _nearest(distances: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    return tf.reduce_min(tf.where(mask, distances, float("inf")), axis=1, keepdims=True)


@tf.keras.utils.register_keras_serializable(package="ccp")
class MultiSimilarityMining(PairMining):
    """Positives not nearer than the nearest negative by ε, negatives not farther than the farthest positive by ε.

    An anchor that keeps positives keeps negatives, and the other way round.

    Source: Wang et al., "Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning", CVPR 2019,
    section 3.3.

    Args:
      epsilon: ε, in units of the loss's similarities or distances.
    """

    arguments = ("epsilon",)

    def __init__(self, epsilon: float = 0.1, name: str = "multi_similarity_mining"):
        super().__init__(name)
        self.epsilon = _at_least_0("epsilon", epsilon)

    def choose(self, distances, pairs, embedding_size, euclidean) -> Pairs:
        """See ``PairMining``."""
        easy_positives = distances <= _nearest(distances, pairs.negatives) - self.epsilon
        easy_negatives = distances >= _farthest(distances, pairs.positives) + self.epsilon
        return _without(pairs, easy_positives, easy_negatives)


@tf.keras.utils.register_keras_serializable(package="ccp")
class HardMining(PairMining):
    """Each anchor's farthest positive and nearest negative; all of those that tie.

    Source: Hermans, Beyer and Leibe, "In Defense of the Triplet Loss for Person Re-Identification", arXiv 1703.07737,
    2017, "batch hard".
    """

    def __init__(self, name: str = "hard_mining"):
        super().__init__(name)

    def choose(self, distances, pairs, embedding_size, euclidean) -> Pairs:
        """See ``PairMining``."""
        nearer = distances < _farthest(distances, pairs.positives)
        return _without(pairs, nearer, distances > _nearest(distances, pairs.negatives))


@tf.keras.utils.register_keras_serializable(package="ccp")
class SemiHardMining(PairMining):
    """Pairs of the semi-hard triplets: the negative is farther than the positive, by at most ``margin``.

    A positive is kept if there is such a negative for it, and a negative if there is such a positive.

    Source: Schroff, Kalenichenko and Philbin, "FaceNet: A Unified Embedding for Face Recognition and Clustering",
    CVPR 2015.

    Args:
      margin: in units of the loss's similarities or distances.
    """

    arguments = ("margin",)

    def __init__(self, margin: float = 0.1, name: str = "semi_hard_mining"):
        super().__init__(name)
        self.margin = _at_least_0("margin", margin)

    def choose(self, distances, pairs, embedding_size, euclidean) -> Pairs:
        """See ``PairMining``."""
        most_positives = tf.reduce_max(tf.math.count_nonzero(pairs.positives, axis=1, dtype=tf.int32))
        # An anchor's positives are few: [anchors, most_positives] in ascending order, then ∞ where it has fewer.
        negated, columns = tf.math.top_k(-tf.where(pairs.positives, distances, float("inf")), k=most_positives)
        sorted_positives = -negated
        # Each negative lies behind that many positives. The last of these is the one that it is least far behind.
        negatives = tf.where(pairs.negatives, distances, float("inf"))
        behind = tf.searchsorted(sorted_positives, negatives, side="left")
        last = tf.gather(
            tf.pad(sorted_positives, [[0, 0], [1, 0]], constant_values=-float("inf")), behind, batch_dims=1
        )
        far_negatives = distances > last + self.margin
        # The nearest negative behind each positive is the nearest of those that are behind it or a later one.
        num_rows = tf.shape(distances)[0]
        segments = behind + (most_positives + 1) * tf.range(num_rows)[:, tf.newaxis]
        nearest = tf.math.unsorted_segment_min(
            tf.reshape(negatives, [-1]), tf.reshape(segments, [-1]), num_rows * (most_positives + 1)
        )
        nearest = tf.reshape(nearest, [num_rows, most_positives + 1])[:, tf.newaxis, 1:]
        later = tf.linalg.band_part(tf.ones([most_positives, most_positives]), 0, -1) > 0
        next_negative = tf.reduce_min(tf.where(later, nearest, float("inf")), axis=2)
        is_far = next_negative > sorted_positives + self.margin
        rows = tf.broadcast_to(tf.range(num_rows)[:, tf.newaxis], tf.shape(columns))
        far_positives = tf.scatter_nd(
            tf.stack([rows, columns], axis=-1), tf.cast(is_far, tf.int32), tf.shape(distances)
        )
        return _without(pairs, far_positives > 0, far_negatives)


@tf.keras.utils.register_keras_serializable(package="ccp")
class DistanceWeightedMining(PairMining):
    """All positives, and for each a drawn negative, near ones as likely as far ones.

    Negatives are drawn with probabilities in proportion to 1/q(d) (``log_inverse_density``), with replacement: a
    negative that is drawn twice counts once. Of similarities s the distance is √(2 − 2 s).

    The draws are a function of the seed and of how often a loss has been called with it; that count is a variable.

    Source: Wu et al., "Sampling Matters in Deep Embedding Learning", ICCV 2017, section 4.

    Args:
      cutoff: distances below it count as this one.
      seed: of the draws.
    """

    arguments = ("cutoff", "seed")

    def __init__(self, cutoff: float = 0.5, seed: int = 0, name: str = "distance_weighted_mining"):
        super().__init__(name)
        if not 0 < cutoff < 2**0.5:
            raise ValueError(f"cutoff must be above 0 and below √2; got {cutoff}.")
        self.cutoff, self.seed, self.counter = float(cutoff), int(seed), StepCounter()

    def choose(self, distances, pairs, embedding_size, euclidean) -> Pairs:
        """See ``PairMining``."""
        lengths = distances if euclidean else tf.sqrt(tf.maximum(2.0 * distances, 0.0))
        positives = tf.math.count_nonzero(pairs.positives, axis=1, dtype=tf.int32)
        most_positives = tf.reduce_max(positives)
        log_weights = log_inverse_density(lengths, embedding_size, self.cutoff)
        drawn = draw_by_weight(log_weights, pairs.negatives, most_positives, self.counter.next_seed(self.seed))
        counted = tf.cast(tf.sequence_mask(positives, most_positives), tf.int32)
        rows = tf.broadcast_to(tf.range(tf.shape(distances)[0])[:, tf.newaxis], tf.shape(drawn))
        indices = tf.stack([rows, tf.cast(drawn, tf.int32)], axis=-1)
        times = tf.scatter_nd(indices, counted, tf.shape(distances))
        return _without(pairs, False, tf.logical_and(times == 0, tf.math.is_finite(distances)))


def _without(pairs: Pairs, easy_positives: tf.Tensor | bool, easy_negatives: tf.Tensor) -> Pairs:
    return Pairs(
        tf.logical_and(pairs.positives, tf.logical_not(easy_positives)),
        tf.logical_and(pairs.negatives, tf.logical_not(easy_negatives)),
    )
