"""What a network takes in, and how training images vary. Free of TensorFlow."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class ImageFormat:
    """What a network takes in.

    Attributes:
      size: height and width of its input, pixels.
      resize: the shorter side before the centre crop, pixels.
      channels: 1 or 3.
    """

    size: int
    resize: int
    channels: int


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How training images vary.

    Attributes:
      min_area: smallest fraction of the image's area that a crop takes; the largest is the whole.
      aspect: the crop's width over its height is drawn between 1/aspect and aspect.
      flip: mirrored half the time.
    """

    min_area: float = 0.16
    aspect: float = 4 / 3
    flip: bool = True
