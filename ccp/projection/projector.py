"""What a projection does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ccp.distribution.replicas import Replicas
from ccp.projection.proxy_reinitializer import ProxyReinitializer, pool_size
from ccp.projection.settings import ProjectionSettings
from ccp.projection.snapshot import Snapshot
from ccp.references.class_proxies import ClassProxies
from ccp.references.embedding_size import check_embedding_size

# From the number of the projection, 0 at the start, and a number of candidates per class to the embeddings of newly
# drawn samples, [num_classes, candidates_per_class, embedding_size].
Candidates = Callable[[int, int], tf.Tensor]


class Projection(NamedTuple):
    """What a projection did.

    Attributes:
      index: 0 for the start, then 1, 2, …
      proximal_weight: λ from now on.
      previous_proxies: [num_classes, proxies_per_class, embedding_size] the problem's best; None at the start.
      proxies: [num_classes, proxies_per_class, embedding_size] the new ones.
    """

    index: int
    proximal_weight: float
    previous_proxies: tf.Tensor | None
    proxies: tf.Tensor


class Projector(tf.Module):
    """Re-initialises proxies and moves the proximal anchor.

    Attributes:
      proxies: the class proxies of the loss.
      anchor: what the proximal term ties the network's weights to.
      weight: λ, a float32 scalar: λ₀ · decay^t after the t-th projection, and 0 before the first.
      settings: size of the pool, λ₀ and its decay.

    Args:
      proxies: the class proxies of the loss.
      weights: the network's trainable variables.
      candidates: draws and embeds the pool that new proxies are chosen from; see ``Candidates``.
      settings: size of the pool, λ₀ and its decay.
      replicas: of several processes that train together, all take the chief's new proxies; None is one device.
    """

    def __init__(
        self,
        proxies: ClassProxies,
        weights: Sequence[tf.Variable],
        candidates: Candidates,
        settings: ProjectionSettings = ProjectionSettings(),
        replicas: Replicas | None = None,
    ):
        super().__init__(name="projector")
        self.proxies = proxies
        self.anchor = Snapshot(weights, name="anchor")
        self.weight = tf.Variable(0.0, trainable=False, name="proximal_weight")
        self.settings, self._candidates, self._replicas = settings, candidates, replicas or Replicas()

    def start(self) -> Projection:
        """The first proxies: the k-center of a pool, with the origin as the initial centre. λ stays 0."""
        self.proxies.points.assign(self._new_proxies(0))
        return Projection(0, 0.0, None, tf.identity(self.proxies.points))

    def project(self, index: int, best: Snapshot) -> Projection:
        """Makes the ``index``-th projection, 1 for the first.

        The network's weights and the optimizer's moments stay as they are; only the anchor, λ and the proxies change.

        Args:
          index: its number.
          best: the weights and proxies of the current problem that had the best score.
        """
        self.anchor.take_from(best)
        self.weight.assign(self.settings.proximal_weight * self.settings.proximal_decay**index)
        previous = tf.identity(best.of(self.proxies.points))
        self.proxies.points.assign(self._new_proxies(index, previous))
        return Projection(index, float(tf.convert_to_tensor(self.weight)), previous, tf.identity(self.proxies.points))

    def _new_proxies(self, index: int, previous: tf.Tensor | None = None) -> tf.Tensor | np.ndarray:
        proxies_per_class = self.proxies.proxies_per_class
        pool = self._candidates(index, pool_size(self.settings.pool_size, proxies_per_class))
        check_embedding_size(self.proxies, pool)
        reinitialize = ProxyReinitializer(proxies_per_class, self.settings.normalize_candidates)
        # The chief's: on different machines a tie may go to another candidate.
        return self._replicas.broadcast_from_chief(reinitialize(pool, previous))
