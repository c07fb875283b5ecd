"""Several networks served as one."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ccp.distances import lipschitz_normalize
from models.serving.network import Network


class JoinedNetworks:
    """Normalised embeddings of several networks side by side; what serves them normalises once more.

    As "concatenated" in "A Metric Learning Reality Check" (Musgrave et al., ECCV 2020).

    Attributes:
      variables: those of all networks.

    Args:
      networks: of the same input.
    """

    def __init__(self, networks: Sequence[Network]):
        self._networks = list(networks)
        self.variables = [variable for network in networks for variable in network.variables]

    def __call__(self, images: tf.Tensor, training: bool) -> tf.Tensor:
        """[batch, sum of embedding sizes] float32 of preprocessed images."""
        embeddings = [lipschitz_normalize(network(images, training=training)) for network in self._networks]
        return tf.concat(embeddings, axis=1)
