"""A weighted sum of losses."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import tensorflow as tf

from ccp.errors import ConfigError
from ccp.losses.whole_batch import WholeBatchLoss


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class SumOfLosses(WholeBatchLoss):
    """Σ weight · loss(batch): several losses of the same embeddings, for example a pair loss and a classifier.

    It trains like any other loss, with ``ccp.CCPModel``, ``ccp.Trainer`` and, if none of its terms has variables,
    ``model.compile``. The variables of all terms are trained and saved. Projections act on the terms that are a
    ``CCPLoss``. ``CCPModel`` and ``Trainer`` log each term, without its weight, as ``loss/NAME``.

    Args:
      losses: the terms, losses of this package.
      weights: one per term, above 0; None for 1 each.
      names: one per term, all different; None for the losses' names, numbered where they are the same.

    Raises:
      TypeError: a term is no loss of this package.
      ConfigError (a ValueError): there is no term, or there are not as many weights or names, or a weight is not above
        0, or a name is there twice.
    """

    losses: Sequence[WholeBatchLoss]
    weights: Sequence[float] | None = None
    names: Sequence[str] | None = None
    name: str = "sum_of_losses"

    def __post_init__(self):
        super().__post_init__()
        self.losses = tuple(self.losses)
        for loss in self.losses:
            if not isinstance(loss, WholeBatchLoss):
                raise TypeError(f"The terms of a sum are losses of this package, made with arguments; got {loss!r}.")
        self.weights = tuple(map(float, [1.0] * len(self.losses) if self.weights is None else self.weights))
        self.names = tuple(numbered([loss.name for loss in self.losses]) if self.names is None else self.names)
        counts = len(self.losses), len(self.weights), len(self.names)
        if not self.losses or len(set(counts)) > 1:
            raise ConfigError(
                "A sum needs at least one loss, and a weight and a name for each; got {} losses, {} weights and {} "
                "names.".format(*counts)
            )
        if not all(0 < weight < math.inf for weight in self.weights):
            raise ConfigError(f"The weights of a sum must be above 0 and finite; got {list(self.weights)}.")
        if len(set(self.names)) < len(self.names):
            raise ConfigError(f"The names of a sum's terms must differ; got {', '.join(self.names)}.")

    @property
    def projected(self) -> tuple[tf.keras.layers.Layer, ...]:
        """The class proxies of all terms that projections re-initialise."""
        return tuple(dict.fromkeys(proxies for loss in self.losses for proxies in loss.projected))

    def before_proxies(self) -> SumOfLosses:
        """The same sum, of what each term is until there are proxies."""
        return SumOfLosses([loss.before_proxies() for loss in self.losses], self.weights, self.names, self.name)

    def terms(self, labels: tf.Tensor, embeddings: tf.Tensor) -> dict[str, tf.Tensor]:
        """By name, each term without its weight, for labels [batch] and embeddings [batch, embedding_size]."""
        return {name: loss(labels, embeddings) for name, loss in zip(self.names, self.losses)}

    def total(self, terms: dict[str, tf.Tensor]) -> tf.Tensor:
        """The weighted sum of what ``terms`` returned: a float32 scalar."""
        return tf.add_n([weight * terms[name] for name, weight in zip(self.names, self.weights)])

    @tf.autograph.experimental.do_not_convert
    def call(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """The weighted sum for labels [batch] and embeddings [batch, embedding_size]: a float32 scalar."""
        return self.total(self.terms(labels, embeddings))


def numbered(names: Sequence[str]) -> list[str]:
    """The names; those that are there several times with ``@`` and their position, from 1."""
    return [f"{name}@{at}" if names.count(name) > 1 else name for at, name in enumerate(names, start=1)]
