"""What a network takes in, and how training images vary. Free of TensorFlow."""

from __future__ import annotations

import dataclasses

from ccp.settings import check, setting


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
    """How training images vary."""

    min_crop_area: float = setting(
        0.16, "smallest fraction of a training image's area that a random crop takes", above=0, at_most=1
    )
    max_crop_aspect: float = setting(4 / 3, "largest ratio of a random crop's sides", at_least=1)
    flip: bool = setting(True, "mirror training images half the time")
    rotation: float = setting(
        0.0, "turn training images by up to so many degrees, to either side", at_least=0, at_most=180
    )
    brightness: float = setting(
        0.0, "multiply the brightness of training images by 1 − b to 1 + b (b)", at_least=0, at_most=1
    )
    contrast: float = setting(0.0, "likewise their contrast", at_least=0, at_most=1)
    saturation: float = setting(0.0, "likewise the saturation of their colours", at_least=0, at_most=1)
    hue: float = setting(
        0.0, "turn their hues by up to this fraction of the colour circle, either way", at_least=0, at_most=0.5
    )
    grey: float = setting(0.0, "share of the training images that lose their colours", at_least=0, at_most=1)
    blur: float = setting(
        0.0,
        "share of the training images that are blurred, by a Gaussian of 0.1 to 2 pixels of an image of 224",
        at_least=0,
        at_most=1,
    )
    randaugment: float = setting(
        0.0,
        "RandAugment: two of 14 operations on each training image, at this strength (M); 0: none",
        at_least=0,
        at_most=10,
    )

    def __post_init__(self):
        check(self)

    @property
    def changes_pixels(self) -> bool:
        """Whether anything is done to an image after it is cropped, mirrored and resized."""
        usual = ("min_crop_area", "max_crop_aspect", "flip")
        return any(value for name, value in vars(self).items() if name not in usual)
