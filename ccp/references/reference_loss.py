"""A pair loss over several weighted sources of references."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ccp.losses.pair_loss import PairLoss
from ccp.losses.whole_batch import WholeBatchLoss


@tf.keras.saving.register_keras_serializable(package="ccp")
class ReferenceLoss(WholeBatchLoss):
    """batch_weight · pair_loss(batch) + Σ weight · pair_loss(batch against a source of references).

    The one place where training methods differ: plain, proxy-based, cross-batch memory, CCP and their
    combinations are this sum with other sources and weights. A source offers

    - ``references() -> (labels [references], embeddings [references, embedding_size])``;
    - ``observe(labels, embeddings)``, which sees each batch before the source is used;
    - ``own_copies(batch) -> [batch]``: which references are the examples of the batch just observed, or None;
    - ``ready() -> bool tensor``: a source that is not ready adds nothing.

    Calling the loss is a training step as far as the sources go: a memory takes the batch in. The sources hold
    variables, which Keras' ``fit`` would leave untrained and feed with validation batches: use ``ccp.Trainer``.

    Args:
      pair_loss: any ``PairLoss``.
      sources: (source, weight) pairs.
      batch_weight: weight of the batch against itself; at 0 that term is not computed.
    """

    def __init__(
        self,
        pair_loss: PairLoss,
        sources: Sequence[tuple[tf.keras.layers.Layer, float]] = (),
        batch_weight: float = 0.0,
        name: str = "references",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if batch_weight < 0 or any(weight < 0 for _, weight in sources):
            raise ValueError(f"Weights must be at least 0; got {batch_weight} and {[w for _, w in sources]}.")
        if batch_weight == 0 and not sources:
            raise ValueError("A loss needs the batch (batch_weight above 0) or at least one source of references.")
        self.pair_loss = pair_loss
        self.weighted_sources = tuple((source, float(weight)) for source, weight in sources)
        self.batch_weight = float(batch_weight)

    @property
    def sources(self) -> tuple[tf.keras.layers.Layer, ...]:
        """The sources, without their weights."""
        return tuple(source for source, _ in self.weighted_sources)

    @property
    def layers(self) -> tuple[tf.keras.layers.Layer, ...]:
        """The sources, and the pair loss's own layers."""
        return self.sources + self.pair_loss.layers

    @tf.autograph.experimental.do_not_convert
    def call(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """The weighted sum for labels [batch] and embeddings [batch, embedding_size]: a float32 scalar."""
        total = self.batch_weight * self.pair_loss.call(labels, embeddings) if self.batch_weight else 0.0
        for source, weight in self.weighted_sources:
            source.observe(labels, embeddings)
            total += weight * self._against(source, labels, embeddings)
        return total

    def _against(self, source, labels, embeddings):
        def compared():
            own_copies = source.own_copies(tf.shape(embeddings)[0])
            return self.pair_loss.against(labels, embeddings, *source.references(), own_copies)

        ready = source.ready()
        if ready is True:  # Known without running the graph: no branch is built.
            return compared()
        return tf.cond(ready, compared, lambda: tf.constant(0.0))

    def get_config(self) -> dict:
        """The pair loss, the sources' own configurations and the weights; the sources' variables are not part of it."""
        return {
            "name": self.name,
            "pair_loss": tf.keras.losses.serialize(self.pair_loss),
            "sources": [[tf.keras.layers.serialize(s), weight] for s, weight in self.weighted_sources],
            "batch_weight": self.batch_weight,
        }

    @classmethod
    def from_config(cls, config: dict) -> ReferenceLoss:
        """Builds the loss with fresh variables; load a checkpoint to fill them."""
        config = dict(config)
        config["pair_loss"] = tf.keras.losses.deserialize(config["pair_loss"])
        config["sources"] = [(tf.keras.layers.deserialize(s), weight) for s, weight in config["sources"]]
        return cls(**config)
