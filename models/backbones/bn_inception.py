"""BN-Inception (Inception v2): the network of the paper's experiments.

As published for Caffe and ported to PyTorch, whose weights the field uses: every convolution has a bias and is
followed by batch norm and ReLU, padding is symmetric, and strided max pools round sizes up. TensorFlow's ``same``
differs wherever a stride is 2.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from ccp.errors import ConfigError
from models.settings import NetworkSettings

_EPSILON = 1e-5
_MOMENTUM = 0.9  # Of the old statistics; PyTorch counts the new ones: 0.1.
_MAX, _AVERAGE = "max", "average"


class _Block(NamedTuple):
    """Channels of one inception block's branches.

    Attributes:
      name: suffix of ``inception_``.
      single: the 1 × 1 branch; 0 in blocks that halve the map, which have none.
      reduce: the 1 × 1 convolution before the single 3 × 3 convolution, and that one.
      double: the 1 × 1 convolution before the two 3 × 3 convolutions, and those.
      pool: kind of pooling in the last branch.
      projection: the 1 × 1 convolution after it; 0 in blocks that halve the map, which have none.
    """

    name: str
    single: int
    reduce: tuple[int, int]
    double: tuple[int, int]
    pool: str
    projection: int

    @property
    def stride(self) -> int:
        return 1 if self.single else 2


_BLOCKS = (
    _Block("3a", 64, (64, 64), (64, 96), _AVERAGE, 32),
    _Block("3b", 64, (64, 96), (64, 96), _AVERAGE, 64),
    _Block("3c", 0, (128, 160), (64, 96), _MAX, 0),
    _Block("4a", 224, (64, 96), (96, 128), _AVERAGE, 128),
    _Block("4b", 192, (96, 128), (96, 128), _AVERAGE, 128),
    _Block("4c", 160, (128, 160), (128, 160), _AVERAGE, 128),
    _Block("4d", 96, (128, 192), (160, 192), _AVERAGE, 128),
    _Block("4e", 0, (128, 192), (192, 256), _MAX, 0),
    _Block("5a", 352, (192, 320), (160, 224), _AVERAGE, 128),
    _Block("5b", 352, (192, 320), (192, 224), _MAX, 128),
)


def bn_inception(inputs: tf.Tensor, settings: NetworkSettings | None = None) -> tf.Tensor:
    """The convolutional part of BN-Inception (Ioffe and Szegedy, ICML 2015).

    Layers have the names of the published weights' tensors: ``conv1_7x7_s2``, ``conv1_7x7_s2_bn``,
    ``inception_3a_1x1``, ….

    Args:
      inputs: a Keras tensor [batch, height, width, 3], in the range and channel order of the weights. Height and width
        may be unknown.
      settings: not used.

    Returns:
      [batch, height / 32, width / 32, 1024], at least zero: the output of ``inception_5b``. Fractions are rounded up
      or down on the way: 224 and 227 give 7.

    Raises:
      ConfigError: a block that halves the map would get an odd size, for which its branches differ in shape.
    """
    features = _pad(inputs, 3, "conv1_7x7_s2_pad")
    features = _convolve(features, 64, 7, "conv1_7x7_s2", stride=2, padding="valid")
    features = _pool_rounding_up(features, "pool1_3x3_s2")
    features = _convolve(features, 64, 1, "conv2_3x3_reduce")
    features = _convolve(features, 192, 3, "conv2_3x3")
    features = _pool_rounding_up(features, "pool2_3x3_s2")
    for block in _BLOCKS:
        features = _inception(features, block)
    return features


def _inception(features: tf.Tensor, block: _Block) -> tf.Tensor:
    """The branches, concatenated along the channels in the order of the published weights."""
    name = f"inception_{block.name}"
    if block.stride == 2:
        _check_even(features, name)
    branches = []
    if block.single:
        branches.append(_convolve(features, block.single, 1, f"{name}_1x1"))
    branch = _convolve(features, block.reduce[0], 1, f"{name}_3x3_reduce")
    branches.append(_convolve_3x3(branch, block.reduce[1], f"{name}_3x3", block.stride))
    branch = _convolve(features, block.double[0], 1, f"{name}_double_3x3_reduce")
    branch = _convolve(branch, block.double[1], 3, f"{name}_double_3x3_1")
    branches.append(_convolve_3x3(branch, block.double[1], f"{name}_double_3x3_2", block.stride))
    branches.append(_pool_branch(features, block, f"{name}_pool"))
    return tf.keras.layers.Concatenate(name=f"{name}_output")(branches)


def _pool_branch(features: tf.Tensor, block: _Block, name: str) -> tf.Tensor:
    if block.stride == 2:
        return _pool_rounding_up(features, name)
    if block.pool == _MAX:
        pooled = tf.keras.layers.MaxPool2D(3, 1, padding="same", name=name)(features)
    else:
        # TensorFlow's mean ignores padding; Caffe's counts its zeros.
        pooled = tf.keras.layers.AveragePooling2D(3, 1, name=name)(_pad(features, 1, f"{name}_pad"))
    return _convolve(pooled, block.projection, 1, f"{name}_proj")


def _convolve(
    features: tf.Tensor, channels: int, size: int, name: str, stride: int = 1, padding: str = "same"
) -> tf.Tensor:
    """Convolution, batch norm, ReLU; ``same`` is symmetric padding where the stride is 1."""
    features = tf.keras.layers.Conv2D(channels, size, stride, padding=padding, name=name)(features)
    norm = tf.keras.layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=f"{name}_bn")
    return tf.keras.layers.ReLU(name=f"{name}_relu")(norm(features))


def _convolve_3x3(features: tf.Tensor, channels: int, name: str, stride: int) -> tf.Tensor:
    if stride == 1:
        return _convolve(features, channels, 3, name)
    return _convolve(_pad(features, 1, f"{name}_pad"), channels, 3, name, stride, padding="valid")


def _pool_rounding_up(features: tf.Tensor, name: str) -> tf.Tensor:
    """3 × 3 max pooling, stride 2, first window at the corner; the last window may exceed the map by a pixel.

    Features are at least zero (they come from a ReLU), so zeros beyond the border change no maximum.
    """
    parities = {None if size is None else size % 2 for size in features.shape[1:3]}
    if parities == {0}:  # ``same`` pads even sizes by the one missing pixel, at the end.
        return tf.keras.layers.MaxPool2D(3, 2, padding="same", name=name)(features)
    if parities != {1}:  # Windows fit odd sizes without padding; an added pixel stays unused.
        features = tf.keras.layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(features)
    return tf.keras.layers.MaxPool2D(3, 2, name=name)(features)


def _pad(features: tf.Tensor, pixels: int, name: str) -> tf.Tensor:
    return tf.keras.layers.ZeroPadding2D(pixels, name=name)(features)


def _check_even(features: tf.Tensor, name: str) -> None:
    sizes = [size for size in features.shape[1:3] if size is not None]
    if any(size % 2 for size in sizes):
        raise ConfigError(
            f"BN-Inception needs maps of even height and width before {name}, and has {' × '.join(map(str, sizes))} "
            "there; use an image size that is a multiple of 32, or 227."
        )
