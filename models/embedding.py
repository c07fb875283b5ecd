"""Backbone, pooling and embedding layer."""

from __future__ import annotations

import tensorflow as tf

from ccp.config import ModelConfig
from datasets.preprocessing import ImageFormat
from models.backbones import conv4, conv4_format


def image_format(config: ModelConfig, channels: int) -> ImageFormat:
    """What the network that ``config`` describes takes in."""
    return conv4_format(config.image_size, channels)


def build_embedding_model(config: ModelConfig, channels: int, seed: int) -> tf.keras.Model:
    """Images [batch, size, size, channels], from 0 to 255, to embeddings [batch, embedding_size], not normalised.

    Global average pooling and a dense layer without bias. Normalisation (``lipschitz_normalize``) is the
    losses', the evaluation's and the exported model's.

    Args:
      config: backbone and sizes.
      channels: of the images.
      seed: of the initial weights.
    """
    tf.keras.utils.set_random_seed(seed)
    backbone = conv4(image_format(config, channels), config.width)
    features = tf.keras.layers.GlobalAveragePooling2D(name="pooling")(backbone.output)
    # float32 under a mixed-precision policy too: losses and retrieval need the full precision.
    embeddings = tf.keras.layers.Dense(config.embedding_size, use_bias=False, dtype="float32", name="embedding")(
        features
    )
    return tf.keras.Model(backbone.input, embeddings, name="embedding_network")
