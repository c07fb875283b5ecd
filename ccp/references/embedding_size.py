"""The embedding size of what a batch is compared with."""

from __future__ import annotations

import tensorflow as tf

from ccp.errors import ConfigError


def check_embedding_size(references: tf.keras.layers.Layer, embeddings: tf.Tensor) -> None:
    """Refuses embeddings [..., size] that do not fit class proxies or a memory.

    Raises:
      ConfigError: their size is not that of the references.
    """
    size = embeddings.shape[-1]
    if size not in (None, references.embedding_size):
        kind = type(references).__name__
        raise ConfigError(
            f"{kind} must have the network's embedding size: the network gives {size} dimensions, and {kind} was made "
            f"with embedding_size={references.embedding_size}. Make it with embedding_size={size}."
        )
