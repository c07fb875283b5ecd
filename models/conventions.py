"""The intensities that networks in common use expect. Free of TensorFlow."""

from __future__ import annotations

from typing import NamedTuple


class Convention(NamedTuple):
    """See ``InputConvention``. One mean per channel, so that grey images are repeated for the weights' channels."""

    mean: tuple[float, ...]
    scale: float | tuple[float, ...]
    blue_first: bool = False


IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

BYTES = Convention((0.0,) * 3, 255.0)
UNIT = Convention((0.0,) * 3, 1.0)
SIGNED = Convention((0.5,) * 3, 2.0)
IMAGENET = Convention(IMAGENET_MEAN, tuple(1.0 / deviation for deviation in _IMAGENET_DEVIATION))
CAFFE = Convention((123.68 / 255, 116.779 / 255, 103.939 / 255), 255.0, blue_first=True)

UNKNOWN_RANGE = "backbone"
# By the values of ``--input_range``.
INPUT_RANGES = {"0_255": BYTES, "0_1": UNIT, "-1_1": SIGNED, "imagenet": IMAGENET, "caffe": CAFFE}
