"""What a projection does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

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
    """What a projection did; the proxies of several losses are side by side.

    Attributes:
      index: 0 for the start, then 1, 2, …
      proximal_weight: λ from now on.
      previous_proxies: [num_classes, proxies_per_class, embedding_size] the problem's best; None at the start.
      proxies: [num_classes, proxies_per_class, embedding_size] the new ones.
    """

    index: int  # type: ignore[assignment]  # A tuple's method, which is not used.
    proximal_weight: float
    previous_proxies: tf.Tensor | None
    proxies: tf.Tensor


class Projector(tf.Module):
    """Re-initialises proxies and moves the proximal anchor.

    Attributes:
      proxies: the class proxies of the loss, or of each of several.
      anchor: what the proximal term ties the network's weights to.
      weight: λ, a float32 scalar: λ₀ · decay^t after the t-th projection, and 0 before the first.
      settings: size of the pool, λ₀ and its decay.

    Args:
      proxies: the class proxies of the loss, or of several losses, which then share each pool of candidates.
      weights: the network's trainable variables.
      candidates: draws and embeds the pool that new proxies are chosen from; see ``Candidates``.
      settings: size of the pool, λ₀ and its decay.
      replicas: of several processes that train together, all take the chief's new proxies; None is one device.

    Raises:
      ValueError: several losses have proxies of different numbers of classes.
    """

    def __init__(
        self,
        proxies: ClassProxies | Sequence[ClassProxies],
        weights: Sequence[tf.Variable],
        candidates: Candidates,
        settings: ProjectionSettings = ProjectionSettings(),
        replicas: Replicas | None = None,
    ):
        super().__init__(name="projector")
        self.proxies = (proxies,) if isinstance(proxies, ClassProxies) else tuple(proxies)
        sizes = {proxies.num_classes for proxies in self.proxies}
        if len(sizes) > 1:
            raise ValueError(f"All proxies that projections re-initialise need the same classes; got {sorted(sizes)}.")
        self.anchor = Snapshot(weights, name="anchor")
        self.weight = tf.Variable(0.0, trainable=False, name="proximal_weight")
        self.settings, self._candidates, self._replicas = settings, candidates, replicas or Replicas()

    def start(self) -> Projection:
        """The first proxies: the k-center of a pool, with the origin as the initial centre. λ stays 0."""
        return Projection(0, 0.0, None, self._replace(0, [None] * len(self.proxies)))

    def project(self, index: int, best: Snapshot) -> Projection:
        """Makes the ``index``-th projection, 1 for the first.

        The network's weights and the optimizer's moments stay as they are; only the anchor, λ and the proxies change.

        Args:
          index: its number.
          best: the weights and proxies of the current problem that had the best score.
        """
        self.anchor.take_from(best)
        self.weight.assign(self.settings.proximal_weight * self.settings.proximal_decay**index)
        previous = [tf.identity(best.of(proxies.points)) for proxies in self.proxies]
        weight = float(tf.convert_to_tensor(self.weight))
        return Projection(index, weight, tf.concat(previous, axis=1), self._replace(index, previous))

    def _replace(self, index: int, previous: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Assigns new proxies in place of the previous ones; returns them side by side."""
        sizes = [pool_size(self.settings.pool_size, proxies.proxies_per_class) for proxies in self.proxies]
        pool = self._candidates(index, max(sizes))
        for proxies, size, before in zip(self.proxies, sizes, previous):
            check_embedding_size(proxies, pool)
            reinitialize = ProxyReinitializer(proxies.proxies_per_class, self.settings.normalize_candidates)
            # The chief's: on different machines a tie may go to another candidate.
            proxies.points.assign(self._replicas.broadcast_from_chief(reinitialize(pool[:, :size], before)))
        return tf.concat([tf.convert_to_tensor(proxies.points) for proxies in self.proxies], axis=1)
