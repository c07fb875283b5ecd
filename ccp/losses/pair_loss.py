"""The base of all pair losses: distances → pairs → terms → reduction."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import tensorflow as tf

from ccp import distances
from ccp.losses.whole_batch import WholeBatchLoss
from ccp.pairs import Pairs, as_labels, exclude_copies, pairs_between, pairs_within


@dataclasses.dataclass(init=False, repr=False, eq=False)
class PairLoss(WholeBatchLoss):
    """A loss over pairs of anchors with references.

    Called as ``loss(labels [batch], embeddings [batch, embedding_size])`` the references are the batch itself;
    ``loss.against(…)`` takes another reference set: class proxies, or a memory of past embeddings. Embeddings and
    references are normalised by ``lipschitz_normalize``, and everything is computed in float32.

    A subclass names its ``compare`` function, which normalises, and turns the matrix of scores and the two masks into
    a scalar in ``reduce``. With a field ``mining``, that chooses which of the pairs count. A loss without variables
    works in ``model.compile(loss=…)`` as it is. A loss with a field ``num_classes`` or ``seed`` is given the training
    set's number of classes, or the training's seed.
    """

    compare = staticmethod(distances.normalized_euclidean)
    compares_similarities = False  # Whether ``compare`` gives these, and not distances.
    excludes_own_copies = True
    mining = cast(Any, None)  # A field of the losses over pairs, and none of this class.

    @tf.autograph.experimental.do_not_convert
    def call(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """The loss of a batch against itself.

        Args:
          labels: [batch] integers.
          embeddings: [batch, embedding_size].

        Returns:
          A float32 scalar.
        """
        labels, embeddings = prepare(labels, embeddings)
        return self.compute(embeddings, None, labels, pairs_within(labels))

    @tf.autograph.experimental.do_not_convert
    def against(self, labels, embeddings, reference_labels, reference_embeddings, own_copies=None) -> tf.Tensor:
        """The loss of a batch against another reference set.

        Args:
          labels: [batch] integers.
          embeddings: [batch, embedding_size].
          reference_labels: [references] integers.
          reference_embeddings: [references, embedding_size].
          own_copies: [batch], the index of the reference that is the example itself; None if none is. An example is
            never its own pair.

        Returns:
          A float32 scalar.
        """
        labels, embeddings = prepare(labels, embeddings)
        reference_labels, references = prepare(reference_labels, reference_embeddings)
        pairs = pairs_between(labels, reference_labels)
        if own_copies is not None and self.excludes_own_copies:
            pairs = exclude_copies(pairs, own_copies)
        return self.compute(embeddings, references, reference_labels, pairs)

    def compute(self, anchors, references, reference_labels, pairs: Pairs) -> tf.Tensor:
        """The loss of checked anchors; a loss that needs more than the matrix of scores overrides this.

        Args:
          anchors: [anchors, embedding_size] float32, not normalised: ``compare`` does that.
          references: [references, embedding_size] likewise, or None for the anchors themselves.
          reference_labels: [references].
          pairs: masks [anchors, references].
        """
        del reference_labels  # Most losses need the masks alone.
        scores = self.compare(anchors, references)
        if self.mining is not None:
            apart = tf.stop_gradient(1.0 - scores if self.compares_similarities else scores)
            pairs = self.mining.choose(apart, pairs, tf.shape(anchors)[1], euclidean=not self.compares_similarities)
        return self.reduce(scores, pairs)

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Terms and reduction: [anchors, references] scores and masks to a scalar."""
        raise NotImplementedError(f"{type(self).__name__} must define reduce(scores, pairs).")


def prepare(labels: tf.Tensor, embeddings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Checked labels [rows] and float32 embeddings [rows, embedding_size].

    Raises:
      ValueError: embeddings are not a matrix, or are not as many as the labels.
      TypeError: labels are not integers.
    """
    embeddings = tf.convert_to_tensor(embeddings)
    if embeddings.shape.rank not in (None, 2):
        raise ValueError(
            f"Embeddings must be of shape [batch, embedding_size]; got {embeddings.shape}. "
            "End the network with pooling and a Dense layer."
        )
    return as_labels(labels, embeddings.shape[0]), tf.cast(embeddings, tf.float32)
