"""Class proxies: learnable points that stand for the classes."""

from __future__ import annotations

import tensorflow as tf

from ccp.references.embedding_size import check_embedding_size


@tf.keras.utils.register_keras_serializable(package="ccp")
class ClassProxies(tf.keras.layers.Layer):
    """Several learnable points per class, which a batch is compared with.

    Attributes:
      points: the variable, [num_classes, proxies_per_class, embedding_size] float32.

    Args:
      num_classes: number of classes, labelled 0 … num_classes − 1.
      proxies_per_class: points per class (K).
      embedding_size: as the network's.
      seed: of the initial points, which are random on the unit sphere; CCP's trainer replaces them by a k-center of
        embeddings before the first step.
    """

    def __init__(
        self,
        num_classes: int,
        proxies_per_class: int,
        embedding_size: int,
        seed: int = 0,
        name: str = "class_proxies",
    ):
        super().__init__(name=name, dtype="float32")  # Under a mixed-precision policy too: losses compute in float32.
        for what, number in (("num_classes", num_classes), ("proxies_per_class", proxies_per_class)):
            if number < 1:
                raise ValueError(f"{what} must be at least 1; got {number}.")
        self.num_classes, self.proxies_per_class = int(num_classes), int(proxies_per_class)
        self.embedding_size, self.seed = int(embedding_size), int(seed)
        shape = (self.num_classes, self.proxies_per_class, self.embedding_size)
        directions = tf.random.stateless_normal(shape, seed=[self.seed, 0])
        self.points = self.add_weight(
            name="points", shape=shape, initializer=lambda *_, **__: tf.math.l2_normalize(directions, axis=-1)
        )

    def references(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Labels [num_classes · proxies_per_class] int64, and points [likewise, embedding_size], class by class."""
        labels = tf.repeat(tf.range(self.num_classes, dtype=tf.int64), self.proxies_per_class)
        return labels, tf.reshape(self.points, [-1, self.embedding_size])

    def references_of(self, classes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As ``references``, of some classes [sampled] alone; the gradient is that of their points alone."""
        labels = tf.repeat(tf.cast(classes, tf.int64), self.proxies_per_class)
        return labels, tf.reshape(tf.gather(self.points, classes), [-1, self.embedding_size])

    def checked(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """The labels [batch] of embeddings [batch, embedding_size], all of classes with proxies.

        Raises:
          ConfigError: the embeddings have another size.
          TypeError: the labels are strings.
          InvalidArgumentError: there are others, which would count as negatives of all proxies. (Not under XLA, which
            drops checks.)
        """
        check_embedding_size(self, embeddings)
        if not labels.dtype.is_integer:
            raise TypeError(f"Proxies are for numbered classes; got {labels.dtype.name} labels. Number them from 0.")
        message = (
            f"There are proxies of {self.num_classes} classes, for the labels 0 to {self.num_classes - 1}. Number the "
            "classes from 0, or make proxies for all of them. The labels of this batch:"
        )
        has_proxies = tf.logical_and(labels >= 0, labels < self.num_classes)
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(has_proxies), [message, labels])]):
            return tf.identity(labels)

    def get_config(self) -> dict:
        """The constructor's arguments; the points are not part of it."""
        names = ("name", "num_classes", "proxies_per_class", "embedding_size", "seed")
        return {name: getattr(self, name) for name in names}
