"""Image backbones of KerasHub by preset: ViT, DINOv2, the image encoders of CLIP and SigLIP, and others."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import tensorflow as tf

from ccp.errors import ConfigError, first_line
from models.backbones.random_drops import switch_off_drops
from models.conventions import INPUT_RANGES, UNKNOWN_RANGE
from models.registry import HUB, Backbone
from models.settings import NetworkSettings


def describe(entry: Backbone, settings: NetworkSettings) -> Backbone:
    """The registry's entry, with the size and the convention of the preset's image converter.

    ``settings.input_range`` and ``settings.image_size`` go before it, and are needed for a preset that has none.

    Raises:
      ConfigError: KerasHub is not installed, the preset cannot be had, or does not say what images it takes.
    """
    preset, keras_hub = settings.backbone[len(HUB) :], _keras_hub()
    is_told = settings.input_range != UNKNOWN_RANGE and settings.image_size
    try:
        converter = None if is_told else keras_hub.layers.ImageConverter.from_preset(preset)
    except Exception as error:  # KerasHub raises what its sources raise.
        raise ConfigError(
            f"{_unavailable(preset, error)} A preset without a converter of images needs "
            "--input_range and --image_size."
        ) from error
    size = settings.image_size or converter.image_size[0]
    if settings.input_range != UNKNOWN_RANGE:
        return entry._replace(size=size, **INPUT_RANGES[settings.input_range]._asdict())
    # The converter's x · scale + offset, for x from 0 to 255, is (x / 255 − mean) · (255 · scale).
    scale = 255.0 * np.broadcast_to(1.0 if converter.scale is None else converter.scale, 3)
    offset = np.broadcast_to(0.0 if converter.offset is None else converter.offset, 3)
    return entry._replace(size=size, mean=tuple(map(float, -offset / scale)), scale=tuple(map(float, scale)))


def hub_network(inputs: tf.Tensor, settings: NetworkSettings) -> tf.Tensor:
    """A backbone of KerasHub with its weights; without them where ``settings.weights`` is ``none``.

    Of a network of images and text, the image encoder. Nothing is dropped at random; see ``switch_off_drops``.

    Args:
      inputs: [batch, size, size, 3], in the preset's convention.
      settings: ``backbone`` is ``hub/`` and a preset, or a directory with one.

    Returns:
      Tokens [batch, tokens, channels], features [batch, height, width, channels], or [batch, channels].

    Raises:
      ConfigError: KerasHub is not installed, the preset cannot be had, or it is of another size or not for images.
    """
    preset, keras_hub = settings.backbone[len(HUB) :], _keras_hub()
    if settings.mixed_precision != "none":
        raise ConfigError(f"--mixed_precision does not reach the layers of {settings.backbone}; leave it out.")
    size, load_weights = inputs.shape[1], settings.weights != "none"
    try:
        # Only if it is asked for: most presets are for one size.
        more = {"image_shape": (size, size, 3)} if settings.image_size else {}
        network = keras_hub.models.Backbone.from_preset(preset, load_weights=load_weights, **more)
    except Exception as error:
        hint = f" It may not be for images of {size} pixels: leave --image_size out." if settings.image_size else ""
        raise ConfigError(f"{_unavailable(preset, error)}{hint}") from error
    network = getattr(network, "vision_encoder", network)
    taken = [tuple(tensor.shape[1:]) for tensor in network.inputs]
    if len(taken) != 1 or len(taken[0]) != 3 or not isinstance(network.output, type(network.inputs[0])):
        raise ConfigError(f"{settings.backbone} does not turn one image into one output; choose an image backbone.")
    if taken[0] not in ((size, size, 3), (None, None, 3)):
        raise ConfigError(f"{settings.backbone} takes images of {taken[0][0]} pixels; pass --image_size={taken[0][0]}.")
    switch_off_drops(network)
    return tf.keras.Model(network.inputs, network.output, name="hub_network")(inputs)


def _keras_hub() -> ModuleType:
    try:
        import keras_hub
    except Exception as error:  # Where Keras is too old for it, not an ImportError alone.
        raise ConfigError(
            f"--backbone={HUB}… needs KerasHub, which cannot be imported ({first_line(error)}): "
            "pip install -r requirements/hub.txt, on Python 3.12 or later with Keras 3."
        ) from error
    return keras_hub


def _unavailable(preset: str, error: Exception) -> str:
    return (
        f"KerasHub cannot load the preset {preset} ({first_line(error)}). Check its name; without a network, get its "
        f"directory elsewhere and pass --backbone={HUB}DIRECTORY."
    )
