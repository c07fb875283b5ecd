"""The embedding network: input convention, backbone, pooling and embedding layer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from ccp.keras_api import is_fused, layers_of
from ccp.registry import imported
from datasets.input.formats import ImageFormat
from models.input_convention import InputConvention
from models.pooling import pool
from models.registry import Backbone, find_backbone
from models.settings import NetworkSettings

EMBEDDING_LAYER = "embedding"
_POLICIES = {"none": "float32", "float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}


def image_format(settings: NetworkSettings, channels: int) -> ImageFormat:
    """The images that the network takes."""
    backbone = _described(settings)
    return ImageFormat(backbone.size, settings.resize_size or round(backbone.size * backbone.resize), channels)


def build_embedding_model(settings: NetworkSettings, channels: int, seed: int) -> tf.keras.Model:
    """A network with random weights that embeds images; its output is not normalised.

    Losses, evaluation and the exported model apply ``lipschitz_normalize`` themselves.

    Args:
      settings: backbone, pooling and sizes.
      channels: of the images.
      seed: of the random weights.

    Returns:
      Images [batch, size, size, channels] with intensities from 0 to 255 → embeddings [batch, embedding_size] float32.
    """
    tf.keras.utils.set_random_seed(seed)
    backbone = _described(settings)
    with _policy(_POLICIES[settings.mixed_precision]):
        images = tf.keras.Input((backbone.size, backbone.size, channels), name="images")
        inputs = InputConvention(backbone.mean, backbone.scale, backbone.blue_first, name="input_convention")(images)
        features = imported(backbone.builder)(inputs, settings)
        features = pool(features, settings.pooling, settings.pooling_prototypes, settings.pooling_share)
        # float32 under a mixed-precision policy too: losses and retrieval need the full precision.
        head = tf.keras.layers.Dense(settings.embedding_size, use_bias=False, dtype="float32", name=EMBEDDING_LAYER)
        model = tf.keras.Model(images, head(features), name="embedding_network")
    if settings.freeze_bn:
        for layer in layers_of(model):
            if isinstance(layer, tf.keras.layers.BatchNormalization):
                layer.trainable = False  # Keras then also runs it in inference mode.
                if is_fused(layer) and tf.config.list_physical_devices("GPU"):
                    # The gradient of the GPU's fused inference kernel is not deterministic, which we do not allow.
                    layer.fused = False
    return model


def pooled_features(model: tf.keras.Model) -> tf.keras.Model:
    """The network below the embedding layer: images to pooled features [batch, channels] float32."""
    features = model.get_layer(EMBEDDING_LAYER).input
    output = tf.keras.layers.Activation("linear", dtype="float32", name="pooled_features")(features)
    return tf.keras.Model(model.input, output, name="pooled_features_network")


def _described(settings: NetworkSettings) -> Backbone:
    """The backbone's entry, with the size that is asked for, and what only the network itself knows."""
    backbone = find_backbone(settings.backbone)
    if backbone.describe:
        backbone = imported(backbone.describe)(backbone, settings)
    return backbone._replace(size=settings.image_size or backbone.size)


@contextlib.contextmanager
def _policy(name: str) -> Iterator[None]:
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
