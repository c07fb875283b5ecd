"""Hierarchical proxy-based loss."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.distances import lipschitz_normalize
from ccp.errors import ConfigError
from ccp.k_center import greedy_k_center
from ccp.keras_api import REPLICATED
from ccp.losses.pair_loss import PairLoss, prepare
from ccp.losses.step_counter import StepCounter
from ccp.losses.whole_batch import WholeBatchLoss
from ccp.methods.k_means import cluster_means, k_means, nearest_clusters
from ccp.references.class_proxies import ClassProxies
from ccp.settings import setting

# Steps of k-means at each clustering.
_LLOYD_STEPS = 10
_CLASSES_PER_CLUSTER = 8
# Under the root: the mean of proxies that cancel out is not stretched, nor is its gradient, beyond 1000.
_SMALLEST_SQUARED_NORM = 1e-6


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class HierarchicalProxyLoss(WholeBatchLoss):
    """HPL: pair_loss on fine proxies + coarse_weight · pair_loss on coarse ones.

    The fine proxies are the class proxies. Classes are clustered by their proxies, with k-means, into coarse classes;
    each has one coarse proxy, and an example's coarse label is the cluster of its class. With ``ProxyAnchorLoss``
    this is HPL-PA.

    - The first call clusters, starting from a greedy k-center of the classes; after that every
      ``clustering_period``-th call does, starting from the current clusters. No cluster is empty, nothing is random.
    - The centre of a class is the mean of its normalised proxies. A coarse proxy is the mean of its classes' current
      centres, put on the unit sphere (means of unit vectors are short, and would score low whatever their direction).
      Its gradient goes to the fine proxies, so that it follows its classes between clusterings.

    A pair loss with variables uses them on both levels.

    Source: Yang et al., "Hierarchical Proxy-based Loss for Deep Metric Learning", WACV 2022.

    Departs: not verified against the paper, of which only the abstract and summaries were available: whether its coarse
    proxies are trained separately once k-means has placed them, how often it clusters, and the number of coarse classes
    per data set.

    Args:
      pair_loss: any ``PairLoss`` that works against references.
      proxies: the class proxies, the fine ones.

    Raises:
      ConfigError (a ValueError): there are fewer than 2 coarse classes, or more than classes.
    """

    pair_loss: PairLoss
    proxies: ClassProxies
    coarse_classes: int = setting(
        0, "number of coarse classes (clusters of classes); 0: an eighth as many as classes", at_least=0
    )
    coarse_weight: float = setting(0.1, "weight of the batch against the coarse proxies", at_least=0)
    clustering_period: int = setting(250, "steps from one clustering of the classes to the next", at_least=1)
    name: str = "hierarchical_proxy"

    def __post_init__(self):
        super().__post_init__()
        num_classes = self.proxies.num_classes
        num_coarse = self.coarse_classes or max(2, num_classes // _CLASSES_PER_CLUSTER)
        if not 2 <= num_coarse <= num_classes:
            raise ConfigError(f"coarse_classes must be from 2 to the {num_classes} training classes; got {num_coarse}.")
        self.coarse = CoarseClasses(num_classes, num_coarse)
        self.counter = StepCounter()

    @tf.autograph.experimental.do_not_convert
    def call(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """The loss of labels [batch] and embeddings [batch, embedding_size] on both levels: a float32 scalar."""
        labels, embeddings = prepare(labels, embeddings)
        labels = self.proxies.checked(labels, embeddings)
        centers = tf.reduce_mean(lipschitz_normalize(self.proxies.points), axis=1)
        step = self.counter.count()
        tf.cond(
            tf.equal(step % self.clustering_period, 0),
            lambda: self.coarse.cluster(tf.stop_gradient(centers), first=tf.equal(step, 0)),
            lambda: tf.identity(self.coarse.cluster_of_class),
        )
        coarse_labels, coarse_proxies = self.coarse.references(centers)
        fine = self.pair_loss.against(labels, embeddings, *self.proxies.references())
        own = tf.gather(self.coarse.cluster_of_class, labels)
        return fine + self.coarse_weight * self.pair_loss.against(own, embeddings, coarse_labels, coarse_proxies)


class CoarseClasses(tf.keras.layers.Layer):
    """Which coarse class each class belongs to.

    Attributes:
      cluster_of_class: the variable, [num_classes] int64.

    Args:
      num_classes: number of classes.
      num_coarse: number of coarse classes, from 2 to num_classes.
    """

    def __init__(self, num_classes: int, num_coarse: int, name: str = "coarse_classes"):
        super().__init__(name=name, trainable=False, dtype="float32")
        self.num_coarse = num_coarse
        self.cluster_of_class = self.add_weight(
            name="cluster_of_class",
            shape=(num_classes,),
            dtype=tf.int64,
            initializer="zeros",
            trainable=False,
            **REPLICATED,
        )

    def cluster(self, centers: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
        """Clusters the classes again; returns the new ``cluster_of_class``.

        Args:
          centers: [num_classes, embedding_size] of the classes.
          first: bool scalar, whether there are no clusters yet to start from.
        """

        def from_k_center():
            middle = tf.reduce_mean(centers, axis=0)
            spread = greedy_k_center(centers[tf.newaxis], middle[tf.newaxis, tf.newaxis], self.num_coarse)
            return nearest_clusters(centers, spread[0])

        start = tf.cond(first, from_k_center, lambda: tf.identity(self.cluster_of_class))
        cluster_of_class = k_means(centers, start, self.num_coarse, _LLOYD_STEPS)
        self.cluster_of_class.assign(cluster_of_class)
        return cluster_of_class

    def references(self, centers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Coarse labels [num_coarse] and proxies [num_coarse, embedding_size], from the classes' centres."""
        means = cluster_means(centers, self.cluster_of_class, self.num_coarse)
        proxies = tf.math.l2_normalize(means, axis=-1, epsilon=_SMALLEST_SQUARED_NORM)
        return tf.range(self.num_coarse, dtype=tf.int64), proxies
