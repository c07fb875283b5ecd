"""Non-isotropy regularisation."""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from ccp.distances import lipschitz_normalize
from ccp.losses.pair_loss import PairLoss, prepare
from ccp.losses.whole_batch import WholeBatchLoss
from ccp.methods.normalizing_flow import ConditionalFlow
from ccp.references.class_proxies import ClassProxies
from ccp.settings import setting

# Beyond it the exponential continues linearly, so that neither it nor its gradient overflows.
_LARGEST_EXPONENT = 20.0


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class NIRLoss(WholeBatchLoss):
    """NIR: embeddings have to be a unique, invertible function of their proxy and of a normal residual.

    A proxy loss leaves open how a class spreads around its proxy, and makes it isotropic. Here a conditional
    normalizing flow (``ConditionalFlow``) maps each normalised embedding, given the proxy of its class, to z, and the
    loss is the mean of exp(‖z‖²/2 − log |det J|), plus align_weight · pair_loss against the proxies. The flow is
    trained along. With several proxies of a class their mean is the condition.

    Source: Roth, Vinyals and Akata, "Non-isotropy Regularization for Proxy-based Deep Metric Learning", CVPR 2022.

    At hand: the authors' code, from which values are recorded. Its weights are 0.0075 for CUB and 0.01 for Cars196,
    with ProxyAnchor.

    Departs: the flow and the proxies have the same learning rate; the authors' have 50 and 4000 times the network's.
    Beyond exp(20) the exponential continues linearly.

    Args:
      pair_loss: any ``PairLoss`` that works against references.
      proxies: the class proxies.
      seed: of the flow's random weights.
    """

    pair_loss: PairLoss
    proxies: ClassProxies
    align_weight: float = setting(0.0075, "weight of the loss against proxies beside the flow (ω)", at_least=0)
    flow_blocks: int = setting(5, "coupling blocks of the flow", at_least=1)
    flow_depth: int = setting(8, "layers of each network in the flow", at_least=2)
    flow_width: int = setting(128, "width of their hidden layers", at_least=1)
    seed: int = 0
    name: str = "nir"

    def __post_init__(self):
        super().__post_init__()
        size = self.proxies.embedding_size
        self.flow = ConditionalFlow(size, self.flow_blocks, self.flow_depth, self.flow_width, self.seed)

    @tf.autograph.experimental.do_not_convert
    def call(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """The loss of labels [batch] and embeddings [batch, embedding_size]: a float32 scalar."""
        labels, embeddings = prepare(labels, embeddings)
        labels = self.proxies.checked(labels, embeddings)
        proxy_labels, points = self.proxies.references()
        # Through the reshaped points, whose gradient is dense, as the trainer's transforms of it need.
        by_class = tf.reshape(lipschitz_normalize(points), self.proxies.points.shape)
        conditions = tf.gather(tf.reduce_mean(by_class, axis=1), labels)
        residuals, log_det = self.flow.transform(lipschitz_normalize(embeddings), conditions)
        exponents = tf.reduce_sum(tf.square(residuals), axis=1) / 2.0 - log_det
        aligned = self.pair_loss.against(labels, embeddings, proxy_labels, points)
        return tf.reduce_mean(_exp(exponents)) + self.align_weight * aligned


def _exp(exponents: tf.Tensor) -> tf.Tensor:
    beyond = tf.maximum(exponents - _LARGEST_EXPONENT, 0.0)
    return tf.exp(tf.minimum(exponents, _LARGEST_EXPONENT)) + math.exp(_LARGEST_EXPONENT) * beyond
