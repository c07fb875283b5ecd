"""New proxies from embeddings."""

from __future__ import annotations

import tensorflow as tf

from ccp.k_center import greedy_k_center


@tf.keras.utils.register_keras_serializable(package="ccp")
class ProxyReinitializer(tf.keras.layers.Layer):
    """Candidates and current proxies in, new proxies out (CCP, algorithm 1).

    The new proxies of a class are the greedy k-center of embeddings of newly drawn samples, with the
    current proxies as the initial centres: they cover what the current ones leave uncovered.

    Args:
      proxies_per_class: how many to return for each class (K).
      normalize: distances between unit vectors.
    """

    def __init__(self, proxies_per_class: int, normalize: bool = False, name: str = "proxy_reinitializer", **kwargs):
        kwargs["dtype"] = "float32"
        super().__init__(name=name, trainable=False, **kwargs)
        self.proxies_per_class, self.normalize = int(proxies_per_class), bool(normalize)

    def call(self, candidates: tf.Tensor, current_proxies: tf.Tensor | None = None) -> tf.Tensor:
        """New proxies, [num_classes, proxies_per_class, embedding_size].

        Args:
          candidates: [num_classes, num_candidates, embedding_size] embeddings.
          current_proxies: [num_classes, any number, embedding_size]; None, at the start of training, takes
            the origin as the one initial centre.
        """
        if current_proxies is None:
            current_proxies = tf.zeros_like(candidates[:, :1])
        return greedy_k_center(candidates, current_proxies, self.proxies_per_class, self.normalize)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {"name": self.name, "proxies_per_class": self.proxies_per_class, "normalize": self.normalize}


def pool_size(candidates_per_class: int, proxies_per_class: int) -> int:
    """Samples of each class to embed: ``candidates_per_class``, or K times as many if that is fewer than K."""
    enough = candidates_per_class >= proxies_per_class
    return candidates_per_class if enough else candidates_per_class * proxies_per_class
