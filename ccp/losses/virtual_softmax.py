"""Virtual softmax."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import log_sum_exp, mean_over
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class VirtualSoftmaxLoss(PairLoss):
    """Virtual softmax: a virtual class along the anchor competes with the own class.

    Against one proxy w per class: −log of the softmax mass, at ``scale``, on the proxy of the anchor's class y. The
    softmax is over the proxies of all classes and a virtual one, ‖w_y‖ x/‖x‖, which has the length of the own proxy and
    the direction of the anchor x: its product with x, ‖w_y‖ ‖x‖, is the largest that the own proxy could have. The
    loss is thus at least log 2, and anchors that are well classified are still pulled.

    With several references per class, or a batch against itself, the own mass is the sum over references of the
    own class, and each of them adds a virtual one of its length. Anchors without such references have no term.

    Source: Chen, Deng and Shen, "Virtual Class Enhanced Discriminative Embedding Learning", NeurIPS 2018, equation 3.

    Departs: the paper's proxies and embeddings have any length; here both are normalised (``lipschitz_normalize``), and
    ``scale`` takes the place of their lengths. Outside the unit ball the virtual logit is the scale itself. The default
    scale is one over the temperature of ProxyNCA++, the loss that the original CCP code adds the virtual class to.
    """

    scale: float = setting(10.0, "scale of the similarities", above=0)
    name: str = "virtual_softmax"

    def compute(self, anchors, references, reference_labels, pairs: Pairs) -> tf.Tensor:
        """Cross-entropy over each anchor's [references] logits and the virtual ones of its class."""
        del reference_labels
        logits = self.scale * distances.normalized_similarity(anchors, references)
        lengths = _normalized_lengths(anchors)
        reference_lengths = lengths if references is None else _normalized_lengths(references)
        virtual = self.scale * lengths[:, tf.newaxis] * reference_lengths
        counted = tf.concat([tf.logical_or(pairs.positives, pairs.negatives), pairs.positives], axis=1)
        everything = log_sum_exp(tf.concat([logits, virtual], axis=1), counted)
        return mean_over(everything - log_sum_exp(logits, pairs.positives), tf.reduce_any(pairs.positives, axis=1))


def _normalized_lengths(vectors: tf.Tensor) -> tf.Tensor:
    """Lengths of ``lipschitz_normalize``d vectors: [rows]; the gradient at the zero vector is 0."""
    squared = tf.reduce_sum(tf.square(vectors), axis=1)
    # Clipped under the root: lengths of 1 then have no gradient, as they should.
    return distances.square_root(tf.minimum(squared, 1.0))
