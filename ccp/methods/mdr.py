"""Multi-level distance regularization."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from ccp import distances
from ccp.keras_api import replicated_zeros
from ccp.losses.pair_loss import prepare
from ccp.losses.whole_batch import WholeBatchLoss
from ccp.settings import setting

# Deviations up to here, of distances of mean 1, are rounding: of a single pair's distance seen from both sides.
_ROUNDING = 1e-5


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class MDRLoss(WholeBatchLoss):
    """MDR: pair_loss(batch) + distance_weight · MDR(embeddings) + level_weight · Σ level².

    MDR pulls the distance of each pair of different examples, whatever their classes, towards the nearest of a few
    learnable levels, which disturbs the pair loss: the mean over pairs of min over levels of |d̄ − level|.

    - As in the paper (section 3.1, learning without the L2 norm), distances are between the network's outputs, divided
      by the batch's mean distance, and this mean is differentiated: only proportions of distances matter.
    - d̄ = (d − mean) / deviation. The paper's running mean is then 1 at every step and is left out. The deviation
      is a running one: ``momentum`` · old + (1 − ``momentum``) · the batch's. It starts as the first batch's,
      includes the current batch, and is not differentiated.
    - The levels are trained with the network and pulled to 0 by ``level_weight``, as in the authors' code.

    A batch without two different distances leaves the deviation unchanged; before the first deviation every d̄ is 0.

    The authors' weights are 0.6 for CUB, 0.2 for Cars196, 0.1 for SOP and In-Shop.

    Source: Kim and Park, "Multi-level Distance Regularization for Deep Metric Learning", AAAI 2021; the authors' code
    where the paper is silent.

    Departs: the pair loss normalises embeddings as it does in evaluation, where the paper's divides them by the mean
    distance. The authors' mean and deviation include the zeros of the diagonal, and the original CCP code also pulls
    these zeros to a level; here they are left out.

    Args:
      pair_loss: any ``PairLoss``, called on the batch; also a ``ReferenceLoss``.
      levels: where the levels start, in deviations from the mean.
      momentum: share of the running deviation that a step keeps, from 0 to below 1.
      level_weight: weight of the squared levels, at least 0.
    """

    pair_loss: WholeBatchLoss
    distance_weight: float = setting(0.1, "weight of the multi-level distance regularisation (λ)", at_least=0)
    levels: Sequence[float] = (-3.0, 0.0, 3.0)
    momentum: float = 0.9
    level_weight: float = 0.01
    name: str = "mdr"

    def __post_init__(self):
        super().__post_init__()
        self.levels = tuple(float(level) for level in self.levels)
        if not self.levels or not 0 <= self.momentum < 1 or not self.level_weight >= 0:
            raise ValueError(
                "There must be at least one level, momentum must be from 0 to below 1 and level_weight at least 0; got "
                f"levels {list(self.levels)}, momentum {self.momentum} and level_weight {self.level_weight}."
            )
        self.regularizer = DistanceLevels(self.levels, self.momentum)

    @tf.autograph.experimental.do_not_convert
    def call(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """The regularised loss of labels [batch] and embeddings [batch, embedding_size]: a float32 scalar."""
        labels, embeddings = prepare(labels, embeddings)
        total = self.pair_loss.call(labels, embeddings) + self.distance_weight * self.regularizer.regularize(embeddings)
        return total + self.level_weight * tf.reduce_sum(tf.square(self.regularizer.levels))


class DistanceLevels(tf.keras.layers.Layer):
    """The regulariser of ``MDRLoss`` and its variables.

    Attributes:
      levels: [levels] float32, trained.
      deviation: [] float32, the running deviation of distances of mean 1; 0 before the first.

    Args:
      levels: where they start, at least one.
      momentum: of the running deviation.
    """

    def __init__(self, levels: Sequence[float], momentum: float, name: str = "distance_levels"):
        super().__init__(name=name, dtype="float32")  # Under a mixed-precision policy too.
        self.momentum = momentum
        start = tf.constant_initializer(levels)
        self.levels = self.add_weight(name="levels", shape=(len(levels),), initializer=start)
        self.deviation = replicated_zeros(self, "deviation", ())

    def regularize(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Mean distance of the pairs of embeddings [batch, embedding_size] to their levels; updates the deviation."""
        lengths = distances.pairwise_euclidean(embeddings)  # Of each pair twice, and 0 on the diagonal.
        batch = tf.shape(lengths)[0]
        pairs = tf.cast(batch * (batch - 1), tf.float32)

        def mean(matrix):
            return tf.math.divide_no_nan(tf.reduce_sum(tf.linalg.set_diag(matrix, tf.zeros([batch]))), pairs)

        average = mean(lengths)
        from_mean = tf.math.divide_no_nan(lengths - average, average)
        deviation = self._updated_deviation(tf.sqrt(mean(tf.square(from_mean))))
        normalized = tf.math.divide_no_nan(from_mean, deviation)
        to_levels = tf.abs(normalized[:, :, tf.newaxis] - self.levels)
        return mean(tf.reduce_min(to_levels, axis=-1))

    def _updated_deviation(self, batch_deviation: tf.Tensor) -> tf.Tensor:
        """The running deviation after the batch's; no gradient goes through."""
        kept = self.momentum * self.deviation + (1.0 - self.momentum) * batch_deviation
        updated = tf.where(self.deviation > 0.0, kept, batch_deviation)
        updated = tf.where(batch_deviation > _ROUNDING, updated, self.deviation)
        updated = tf.stop_gradient(updated)
        self.deviation.assign(updated)
        return updated
