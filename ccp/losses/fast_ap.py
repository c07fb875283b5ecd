"""FastAP."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import mean_over
from ccp.pairs import Pairs
from ccp.settings import setting

_LARGEST = 4.0  # Squared distance in the unit ball.


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class FastAPLoss(PairLoss):
    """FastAP: 1 less the average precision of histograms of squared distances.

    Squared distances, 0 to 4, are counted in ``num_bins`` + 1 bins around multiples of 4 / ``num_bins``; each counts in
    the two nearest, by linear interpolation. With h⁺ positives and h references in a bin, and H⁺ and H up to it,
    average precision is Σ h⁺ H⁺ / H over the number of positives. Mean over the anchors with positives.

    Source: Cakir et al., "Deep Metric Learning to Rank", CVPR 2019.

    Departs: vectors inside the unit ball are not stretched to length 1.
    """

    num_bins: int = setting(10, "number of intervals of the histogram of distances (L)", at_least=1)
    name: str = "fast_ap"

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Mean over anchors of 1 − AP, from [anchors, references] Euclidean distances."""
        position = tf.square(scores) * (self.num_bins / _LARGEST)
        bins = tf.clip_by_value(tf.cast(position, tf.int32), 0, self.num_bins - 1)
        upper_share = position - tf.cast(bins, tf.float32)
        positives = self._histogram(bins, upper_share, pairs.positives)
        found = tf.cumsum(positives, axis=1)
        ranks = found + tf.cumsum(self._histogram(bins, upper_share, pairs.negatives), axis=1)
        # A bin without references holds no positives. Only 0 is replaced: a NaN has to stay one.
        precisions = found / tf.where(tf.equal(ranks, 0.0), 1.0, ranks)
        num_positives = tf.math.count_nonzero(pairs.positives, axis=1, dtype=tf.float32)
        has_positives = num_positives > 0
        average = tf.reduce_sum(positives * precisions, axis=1) / tf.where(has_positives, num_positives, 1.0)
        return mean_over(1.0 - average, has_positives)

    def _histogram(self, bins: tf.Tensor, upper_share: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """[anchors, num_bins + 1] counts of the masked pairs, each split between its bin and the next."""
        num_anchors, size = tf.shape(bins)[0], self.num_bins + 1
        cells = bins + size * tf.range(num_anchors)[:, tf.newaxis]

        def summed(shares, cells):
            counts = tf.math.unsorted_segment_sum(tf.where(mask, shares, 0.0), cells, num_anchors * size)
            return tf.reshape(counts, [num_anchors, size])

        return summed(1.0 - upper_share, cells) + summed(upper_share, cells + 1)
