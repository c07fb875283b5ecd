"""Backbone, pooling and embedding layer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from ccp.registry import imported
from datasets.input.preprocessing import ImageFormat
from models.input_convention import InputConvention
from models.pooling import pool
from models.registry import BACKBONES
from models.settings import NetworkSettings

EMBEDDING_LAYER = "embedding"
_POLICIES = {"none": "float32", "float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}


def image_format(config: NetworkSettings, channels: int) -> ImageFormat:
    """What the network that ``config`` describes takes in."""
    backbone = BACKBONES[config.backbone]
    size = config.image_size or backbone.size
    return ImageFormat(size, config.resize_size or round(size * backbone.resize), channels)


def build_embedding_model(config: NetworkSettings, channels: int, seed: int) -> tf.keras.Model:
    """Images [batch, size, size, channels], from 0 to 255, to embeddings [batch, embedding_size], not normalised.

    The input convention, the backbone, pooling, and a dense layer without bias, from random weights. Normalisation
    (``lipschitz_normalize``) is the losses', the evaluation's and the exported model's.

    Args:
      config: backbone, head and sizes.
      channels: of the images.
      seed: of the initial weights.
    """
    tf.keras.utils.set_random_seed(seed)
    backbone, size = BACKBONES[config.backbone], image_format(config, channels).size
    with _policy(_POLICIES[config.mixed_precision]):
        images = tf.keras.Input((size, size, channels), name="images")
        mean = backbone.mean * channels if len(backbone.mean) == 1 else backbone.mean
        convention = InputConvention(mean, backbone.scale, backbone.blue_first, name="input_convention")
        features = imported(backbone.builder)(convention(images), config)
        pooled = pool(features, config.pooling)
        # float32 under a mixed-precision policy too: losses and retrieval need the full precision.
        head = tf.keras.layers.Dense(config.embedding_size, use_bias=False, dtype="float32", name=EMBEDDING_LAYER)
        model = tf.keras.Model(images, head(pooled), name="embedding_network")
    if config.freeze_bn:
        for layer in model.submodules:
            if isinstance(layer, tf.keras.layers.BatchNormalization):
                layer.trainable = False  # Which makes Keras run it in inference mode, too.
                if tf.config.list_physical_devices("GPU"):
                    # There the fused kernel of inference mode has no deterministic gradient, and would refuse.
                    layer.fused = False
    return model


@contextlib.contextmanager
def _policy(name: str) -> Iterator[None]:
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
