"""docs/images/augmentations.jpg: a photograph under each augmentation.

``python -m docs.site.augmentations`` draws it anew.
"""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from sklearn.datasets import load_sample_images

from datasets.files import written_whole
from datasets.images.image import DecodedImage
from datasets.input.formats import Augmentation, ImageFormat
from datasets.input.preprocessing import training_image

PICTURE = pathlib.Path(__file__).parent.parent / "images" / "augmentations.jpg"
_DRAWS, _SIDE = 7, 112
_WHOLE = {"min_crop_area": 1.0, "max_crop_aspect": 1.0, "flip": False}
_ROWS: tuple[tuple[str, dict[str, float]], ...] = (
    ("random crop and flip\n(the default)", {}),
    ("--rotation=20", {**_WHOLE, "rotation": 20.0}),
    ("--brightness=0.5", {**_WHOLE, "brightness": 0.5}),
    ("--contrast=0.7", {**_WHOLE, "contrast": 0.7}),
    ("--saturation=0.8", {**_WHOLE, "saturation": 0.8}),
    ("--hue=0.1", {**_WHOLE, "hue": 0.1}),
    ("--grey=0.5", {**_WHOLE, "grey": 0.5}),
    ("--blur=0.5", {**_WHOLE, "blur": 0.5}),
    ("--randaugment=3", {**_WHOLE, "randaugment": 3.0}),
    ("--randaugment=9", {**_WHOLE, "randaugment": 9.0}),
)


def draw() -> Figure:
    """A row for each augmentation, a column for each seed."""
    photograph = load_sample_images().images[0][:400, 120:520]  # A temple.
    figure = Figure(figsize=(7.4, 0.86 * len(_ROWS)), layout="constrained")
    grid = figure.subplots(len(_ROWS), _DRAWS + 1, gridspec_kw={"width_ratios": [1.8, *[1] * _DRAWS]})
    for (name, settings), (title, *axes) in zip(_ROWS, grid):
        title.text(0, 0.5, name, va="center", fontsize=9)
        title.set_axis_off()
        for seed, one in enumerate(axes):
            image = training_image(
                DecodedImage(tf.constant(photograph)),
                tf.constant([0, seed], tf.int64),
                ImageFormat(_SIDE, _SIDE, 3),
                Augmentation(**settings),
            )
            one.imshow(np.rint(image).astype(np.uint8))
            one.set_axis_off()
    return figure


if __name__ == "__main__":
    with written_whole(PICTURE) as file:
        draw().savefig(file, format="jpeg", dpi=130, pil_kwargs={"quality": 85})
