"""Hierarchical proxy-based loss."""

from __future__ import annotations

import tensorflow as tf

from ccp.distances import lipschitz_normalize
from ccp.distribution.replicas import REPLICATED
from ccp.losses.pair_loss import PairLoss, prepare
from ccp.losses.step_counter import StepCounter
from ccp.methods.k_means import cluster_means, k_means, nearest_clusters
from ccp.methods.method_loss import MethodLoss
from ccp.projection.k_center import greedy_k_center
from ccp.references.class_proxies import ClassProxies

# Of k-means, at each clustering; after the first one they start from the clusters that are there.
_LLOYD_STEPS = 10
# Under the root: the mean of proxies that cancel out is not stretched, nor is its gradient, beyond 1000.
_SMALLEST_SQUARED_NORM = 1e-6


@tf.keras.saving.register_keras_serializable(package="ccp")
class HierarchicalProxyLoss(MethodLoss):
    """pair_loss on fine proxies + coarse_weight · pair_loss on coarse ones (HPL, Yang et al., WACV 2022).

    The fine proxies are the class proxies. Classes are clustered by their proxies, with k-means, into coarse classes;
    each has one coarse proxy, and an example's coarse label is the cluster of its class. With ``ProxyAnchorLoss``
    this is HPL-PA.

    - The first call clusters, from a greedy k-center of the classes, and then every ``period``-th call, from the
      clusters that are there. No cluster is empty, and nothing is random.
    - A class is placed at the mean of its normalised proxies, and a coarse proxy is the mean of its classes' places
      as they are now, put on the unit sphere (means of unit vectors are short, and would be scored low whatever
      their direction). It has no variable of its own: its gradient goes to the fine proxies, which keeps the coarse
      ones over the classes they stand for between clusterings.

    Unsure against the paper, of which only the abstract was at hand: whether its coarse proxies are trained
    apart from the fine ones once k-means has placed them, how often it clusters, and how many coarse classes it takes
    for each data set.

    A pair loss with variables of its own uses them on both levels.

    Args:
      pair_loss: any ``PairLoss`` that works against references.
      proxies: the class proxies, the fine ones.
      num_coarse: coarse classes, from 2 to the number of classes.
      coarse_weight: of the coarse term, at least 0.
      period: calls from one clustering to the next, at least 1.
    """

    def __init__(
        self,
        pair_loss: PairLoss,
        proxies: ClassProxies,
        num_coarse: int,
        coarse_weight: float = 0.1,
        period: int = 250,
        name: str = "hierarchical_proxy",
        **kwargs,
    ):
        super().__init__(pair_loss, proxies, name=name, **kwargs)
        if coarse_weight < 0 or period < 1:
            raise ValueError(
                f"coarse_weight must be at least 0 and period at least 1; got {coarse_weight} and {period}."
            )
        self.coarse_weight, self.period = float(coarse_weight), int(period)
        self.coarse = CoarseClasses(proxies.num_classes, num_coarse)
        self.counter = StepCounter()

    @tf.autograph.experimental.do_not_convert
    def call(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """The loss of labels [batch] and embeddings [batch, embedding_size] on both levels: a float32 scalar."""
        labels, embeddings = prepare(labels, embeddings)
        places = tf.reduce_mean(lipschitz_normalize(self.proxies.points), axis=1)
        step = self.counter.count()
        tf.cond(
            tf.equal(step % self.period, 0),
            lambda: self.coarse.cluster(tf.stop_gradient(places), first=tf.equal(step, 0)),
            lambda: self.coarse.of_class.read_value(),
        )
        coarse_labels, coarse_proxies = self.coarse.references(places)
        fine = self.pair_loss.against(labels, embeddings, *self.proxies.references())
        own = tf.gather(self.coarse.of_class, labels)
        return fine + self.coarse_weight * self.pair_loss.against(own, embeddings, coarse_labels, coarse_proxies)

    def get_config(self) -> dict:
        """The constructor's arguments; the clustering is not part of it."""
        return {
            **super().get_config(),
            "num_coarse": self.coarse.num_coarse,
            "coarse_weight": self.coarse_weight,
            "period": self.period,
        }


class CoarseClasses(tf.keras.layers.Layer):
    """Which coarse class each class belongs to.

    Attributes:
      of_class: the variable, [num_classes] int64.

    Args:
      num_classes: classes.
      num_coarse: coarse classes, from 2 to num_classes.
    """

    def __init__(self, num_classes: int, num_coarse: int, name: str = "coarse_classes"):
        super().__init__(name=name, trainable=False, dtype="float32")
        if not 2 <= num_coarse <= num_classes:
            raise ValueError(f"num_coarse must be from 2 to the number of classes, {num_classes}; got {num_coarse}.")
        self.num_coarse = int(num_coarse)
        self.of_class = self.add_weight(
            name="of_class",
            shape=(num_classes,),
            dtype=tf.int64,
            initializer="zeros",
            trainable=False,
            **REPLICATED,
        )

    def cluster(self, places: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
        """Clusters the classes at ``places`` [num_classes, embedding_size] anew; returns ``of_class`` as it then is.

        Args:
          places: of the classes.
          first: whether there is no clustering yet to start from, a bool scalar.
        """

        def afresh():
            middle = tf.reduce_mean(places, axis=0)
            spread = greedy_k_center(places[tf.newaxis], middle[tf.newaxis, tf.newaxis], self.num_coarse)
            return nearest_clusters(places, spread[0])

        start = tf.cond(first, afresh, lambda: tf.identity(self.of_class))
        of_class = k_means(places, start, self.num_coarse, _LLOYD_STEPS)
        self.of_class.assign(of_class)
        return of_class

    def references(self, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Coarse labels [num_coarse] and proxies [num_coarse, embedding_size] of classes at ``places``."""
        means = cluster_means(places, self.of_class, self.num_coarse)
        proxies = tf.math.l2_normalize(means, axis=-1, epsilon=_SMALLEST_SQUARED_NORM)
        return tf.range(self.num_coarse, dtype=tf.int64), proxies
