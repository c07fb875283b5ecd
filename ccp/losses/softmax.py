"""A softmax classifier."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.losses.pair_loss import PairLoss
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class SoftmaxLoss(PairLoss):
    """Softmax cross-entropy of a linear classifier, whose weights and biases the loss learns.

    The classifier takes the network's output as it is, not normalised. It is no part of the network: after training
    it is left out. Meant as one term of a sum; see ``SumOfLosses``.

    Source: the usual classifier; label smoothing of Szegedy et al., "Rethinking the Inception Architecture for Computer
    Vision", CVPR 2016, section 7.

    Departs: nothing known.

    Args:
      num_classes: classes, labelled 0 … num_classes − 1.
      embedding_size: as the network's.
      seed: of the weights at the start.
    """

    num_classes: int
    embedding_size: int
    label_smoothing: float = setting(0.0, "share of the target that is spread over all classes", at_least=0, below=1)
    seed: int = 0
    name: str = "softmax"

    def __post_init__(self):
        super().__post_init__()
        self.classifier = LinearClassifier(self.num_classes, self.embedding_size, self.seed)

    def against(self, labels, embeddings, reference_labels, reference_embeddings, own_copies=None) -> tf.Tensor:
        """Always raises a ValueError: a classifier compares with nothing."""
        raise ValueError(
            f"{type(self).__name__} classifies and takes no references; add it to another loss: "
            "ccp.SumOfLosses([loss, softmax])."
        )

    def compute(self, anchors, references, reference_labels, pairs: Pairs) -> tf.Tensor:
        """The mean cross-entropy of anchors [batch, embedding_size]."""
        log_shares = tf.nn.log_softmax(self.classifier.logits(anchors), axis=1)
        own = tf.gather(log_shares, self.classifier.checked(reference_labels), batch_dims=1)
        everywhere = tf.reduce_mean(log_shares, axis=1)
        return -tf.reduce_mean((1.0 - self.label_smoothing) * own + self.label_smoothing * everywhere)


class LinearClassifier(tf.keras.layers.Layer):
    """What the loss learns.

    Attributes:
      kernel: [embedding_size, num_classes] float32, of Glorot's uniform distribution at the start.
      bias: [num_classes] float32, 0 at the start.

    Args:
      num_classes: at least 1.
      embedding_size: as the network's.
      seed: of the kernel at the start.
    """

    def __init__(self, num_classes: int, embedding_size: int, seed: int, name: str = "linear_classifier"):
        super().__init__(name=name, dtype="float32")  # Under a mixed-precision policy too: losses compute in float32.
        if num_classes < 1:
            raise ValueError(f"num_classes must be at least 1; got {num_classes}.")
        self.num_classes = num_classes
        start = tf.keras.initializers.GlorotUniform(seed)
        self.kernel = self.add_weight(name="kernel", shape=(embedding_size, num_classes), initializer=start)
        self.bias = self.add_weight(name="bias", shape=(num_classes,), initializer="zeros")

    def logits(self, embeddings: tf.Tensor) -> tf.Tensor:
        """[batch, embedding_size] to [batch, num_classes]."""
        return embeddings @ tf.convert_to_tensor(self.kernel) + self.bias

    def checked(self, labels: tf.Tensor) -> tf.Tensor:
        """The labels [batch], all of known classes.

        Raises:
          TypeError: the labels are strings.
          InvalidArgumentError: there are others. (Not under XLA, which drops checks.)
        """
        if not labels.dtype.is_integer:
            raise TypeError(f"A classifier needs numbered classes; got {labels.dtype.name} labels. Number them from 0.")
        message = f"The classifier has {self.num_classes} classes, for the labels 0 to {self.num_classes - 1}; got:"
        known = tf.reduce_all(tf.logical_and(labels >= 0, labels < self.num_classes))
        with tf.control_dependencies([tf.debugging.Assert(known, [message, labels])]):
            return tf.identity(labels)
