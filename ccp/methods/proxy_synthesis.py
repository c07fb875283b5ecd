"""Proxy Synthesis: synthetic classes between the real ones."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from ccp.distances import lipschitz_normalize
from ccp.losses.mixing import draw_share, on_sphere
from ccp.losses.pair_loss import PairLoss, prepare
from ccp.losses.step_counter import StepCounter
from ccp.losses.whole_batch import WholeBatchLoss
from ccp.references.class_proxies import ClassProxies
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class ProxySynthesisLoss(WholeBatchLoss):
    """Proxy Synthesis: pair_loss of real and synthetic classes against their proxies.

    A synthetic class is between two real ones: its embeddings are mixtures λ a + (1 − λ) b of embeddings of the two,
    its proxies the same mixtures of their proxies, with λ ~ Beta(α, α) drawn once per batch, as in the authors' code.
    Synthetic classes join the real ones, as classes num_classes, num_classes + 1, …: each class is a negative of all
    others. A batch of a single class has no synthetic classes.

    As in the paper, vectors are normalised before they are mixed (here: ``lipschitz_normalize``) and mixtures are put
    on the unit sphere: a mixture inside would score low whatever its direction.

    Source: Gu, Ko and Kim, "Proxy Synthesis: Learning with Synthetic Classes for Deep Metric Learning", AAAI 2021; the
    authors' code where the paper is silent.

    Departs: the paper takes one example per class and mixes each with the previous one. Here each class of the batch
    gets a partner class (the next one in a random circle of the batch's classes), and each example is mixed
    with a random one of the partner class. All mixtures of one class with its partner are one synthetic class; one
    class per mixture would make negatives of classes whose proxies are the same. With several proxies per class the
    k-th of one class is mixed with the k-th of the other.

    Args:
      pair_loss: any ``PairLoss`` that works against references.
      proxies: the class proxies.
      seed: of the draws, together with the number of the call.
    """

    pair_loss: PairLoss
    proxies: ClassProxies
    synthesis_alpha: float = setting(0.4, "parameter of the Beta distribution that mixes two classes (α)", above=0)
    synthesis_ratio: float = setting(1.0, "synthetic examples over the batch's real ones (μ)", above=0, at_most=1)
    seed: int = 0
    name: str = "proxy_synthesis"

    def __post_init__(self):
        super().__post_init__()
        self.counter = StepCounter()

    @tf.autograph.experimental.do_not_convert
    def call(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """The loss of labels [batch] and embeddings [batch, embedding_size], real and mixed: a float32 scalar."""
        labels, embeddings = prepare(labels, embeddings)
        labels = self.proxies.checked(labels, embeddings)
        seed = self.counter.next_seed(self.seed)
        drawn = draw_mixtures(labels, self.synthesis_alpha, self.synthesis_ratio, seed)
        mixed = mix(tf.gather(embeddings, drawn.first), tf.gather(embeddings, drawn.second), drawn.share)

        classes, index = tf.unique(tf.gather(labels, drawn.first), tf.int64)
        partners = tf.math.unsorted_segment_max(tf.gather(labels, drawn.second), index, tf.size(classes))
        between = mix(tf.gather(self.proxies.points, classes), tf.gather(self.proxies.points, partners), drawn.share)

        synthetic = self.proxies.num_classes + tf.range(tf.size(classes, tf.int64), dtype=tf.int64)
        proxy_labels, points = self.proxies.references()
        return self.pair_loss.against(
            tf.concat([labels, tf.gather(synthetic, index)], axis=0),
            tf.concat([embeddings, mixed], axis=0),
            tf.concat([proxy_labels, tf.repeat(synthetic, self.proxies.proxies_per_class)], axis=0),
            tf.concat([points, tf.reshape(between, [-1, self.proxies.embedding_size])], axis=0),
        )


class Mixtures(NamedTuple):
    """Which examples are mixed, and how.

    Attributes:
      first: [mixtures] int64, positions in the batch, none twice.
      second: [mixtures] int64, positions of their partners; all partners of a class are of one other class.
      share: [] float32, the share of the first in the mixture (λ).
    """

    first: tf.Tensor
    second: tf.Tensor
    share: tf.Tensor


def draw_mixtures(labels: tf.Tensor, alpha: float, ratio: float, seed: tf.Tensor) -> Mixtures:
    """Draws round(ratio · batch) mixtures, or none if there is one class only.

    Args:
      labels: [batch] int64.
      alpha: of the Beta distribution.
      ratio: of mixtures to examples.
      seed: [2] integers; the draws are a function of it.
    """
    seeds = tf.random.experimental.stateless_split(tf.cast(seed, tf.int64), 4)  # Another type would draw otherwise.
    circle_seed, first_seed, second_seed, share_seed = tf.unstack(seeds)
    batch = tf.shape(labels)[0]
    classes, index = tf.unique(labels, tf.int64)
    num_classes = tf.size(classes)

    circle = tf.argsort(tf.random.stateless_uniform([num_classes], circle_seed))
    partner_of = tf.scatter_nd(circle[:, tf.newaxis], tf.roll(circle, shift=-1, axis=0), [num_classes])
    wanted = tf.gather(classes, tf.gather(partner_of, index))
    eligible = wanted[:, tf.newaxis] == labels
    second = tf.argmax(tf.where(eligible, tf.random.stateless_uniform([batch, batch], second_seed), -1.0), axis=1)

    count = tf.cast(tf.round(ratio * tf.cast(batch, tf.float64)), tf.int32) * tf.cast(num_classes > 1, tf.int32)
    first = tf.argsort(tf.random.stateless_uniform([batch], first_seed))[:count]
    return Mixtures(tf.cast(first, tf.int64), tf.gather(second, first), draw_share(alpha, share_seed))


def mix(first: tf.Tensor, second: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Normalised mixtures of normalised vectors.

    Args:
      first: [..., embedding_size].
      second: likewise.
      share: [] float32, the weight of the first; that of the second is 1 − share.

    Returns:
      [..., embedding_size] float32, on the unit sphere.
    """
    mixed = share * lipschitz_normalize(first) + (1.0 - share) * lipschitz_normalize(second)
    return on_sphere(mixed)
