"""An ensemble as one network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf

from ccp.distances import lipschitz_normalize


class Network(Protocol):
    """Images [batch, size, size, channels] from 0 to 255 to embeddings [batch, embedding_size], not normalised."""

    variables: Sequence[tf.Variable]

    def __call__(self, images: tf.Tensor, training: bool) -> tf.Tensor:
        """The embeddings."""


class JoinedNetworks:
    """The normalised embeddings of several networks, concatenated.

    The exported model normalises the result again: "concatenated" in "A Metric Learning Reality Check" (Musgrave et
    al., ECCV 2020).

    Attributes:
      variables: those of all networks.

    Args:
      networks: all take the same images.
    """

    def __init__(self, networks: Sequence[Network]):
        self._networks = list(networks)
        self.variables = [variable for network in networks for variable in network.variables]

    def __call__(self, images: tf.Tensor, training: bool) -> tf.Tensor:
        """[batch, sum of the embedding sizes] float32."""
        embeddings = [lipschitz_normalize(network(images, training=training)) for network in self._networks]
        return tf.concat(embeddings, axis=1)
