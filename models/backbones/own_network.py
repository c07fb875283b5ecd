"""A user's own network from a ``.keras`` file."""

from __future__ import annotations

import tensorflow as tf

from ccp.errors import ConfigError, first_line
from models.backbones.random_drops import switch_off_drops
from models.backbones.safe_file import check_weights, file_digest, input_shape, read_network
from models.conventions import CAFFE, IMAGENET, INPUT_RANGES, UNKNOWN_RANGE
from models.registry import Backbone
from models.settings import NetworkSettings


def describe(entry: Backbone, settings: NetworkSettings) -> Backbone:
    """The registry's entry, with the size of the file's network and the convention of ``settings.input_range``.

    Raises:
      ConfigError: the file cannot be loaded safely or has changed, or ``input_range`` or ``image_size`` is missing or
        does not fit.
    """
    path = settings.backbone
    height, width, channels = input_shape(read_network(path), path)
    if settings.backbone_digest not in ("", file_digest(path)):
        raise ConfigError(
            f"{path} has changed since the run was started (its SHA-256 is not {settings.backbone_digest[:12]}…). Put "
            "the same file back, or start another run."
        )
    if settings.input_range == UNKNOWN_RANGE:
        raise ConfigError(
            f"Which intensities does the network in {path} take? Pass --input_range: 0_255 (as when it starts with a "
            "Rescaling or Normalization layer), 0_1, -1_1, imagenet (ImageNet's mean and deviation), or caffe."
        )
    if height != width or (height and settings.image_size not in (0, height)):
        raise ConfigError(
            f"The network in {path} takes images of {height} × {width} pixels; "
            + (f"pass --image_size={height}, or leave it out." if height == width else "square ones are needed.")
        )
    if not height and not settings.image_size:
        raise ConfigError(f"The network in {path} takes images of any size; pass --image_size.")
    convention = INPUT_RANGES[settings.input_range]
    if channels == 1:  # The colours' means and scales are of no use to it.
        if convention in (IMAGENET, CAFFE):
            raise ConfigError(f"The network in {path} takes grey images; pass --input_range=0_255, 0_1 or -1_1.")
        convention = convention._replace(mean=convention.mean[0])
    elif channels not in (3, None):
        raise ConfigError(f"A backbone takes images of 1 or 3 channels; the network in {path} takes {channels}.")
    size = height or settings.image_size
    return entry._replace(size=size, **convention._asdict())


def own_network(inputs: tf.Tensor, settings: NetworkSettings) -> tf.Tensor:
    """The network of a ``.keras`` file, with its weights; without them where ``settings.weights`` is ``none``.

    Nothing is dropped at random; see ``switch_off_drops``.

    Args:
      inputs: [batch, size, size, channels], in the convention of ``settings.input_range``.
      settings: ``backbone`` is the file.

    Returns:
      The network's output: features [batch, height, width, channels], tokens [batch, tokens, channels], or
      [batch, channels].

    Raises:
      ConfigError: the file cannot be loaded, or the network does not fit the images.
    """
    path = settings.backbone
    if settings.mixed_precision != "none":
        raise ConfigError(
            f"--mixed_precision does not reach the layers of {path}, which have their own precision; leave it out."
        )
    read_network(path)
    check_weights(path)
    try:
        network = tf.keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds, for damage and for what another version has written.
        raise ConfigError(
            f"Keras cannot load {path} ({first_line(error)}). Save the network again, with the version of Keras that "
            "is installed here."
        ) from error
    if len(network.outputs) != 1 or len(network.outputs[0].shape) not in (2, 3, 4):
        raise ConfigError(
            f"A backbone has one output, [batch, height, width, channels] or [batch, channels]; {path} has "
            f"{', '.join(str(output.shape) for output in network.outputs)}."
        )
    if inputs.shape[-1] != network.inputs[0].shape[-1]:
        raise ConfigError(
            f"The network in {path} takes images of {network.inputs[0].shape[-1]} channels; got {inputs.shape[-1]}."
        )
    if settings.weights == "none":
        network = tf.keras.models.clone_model(network)
    switch_off_drops(network)
    return tf.keras.Model(network.inputs, network.outputs[0], name="own_network")(inputs)
