"""Pictures for tests: a photograph in any file format and mode, and where Omniglot's zips are, if they are."""

from __future__ import annotations

import functools
import io
import os
import pathlib
import tempfile
import unittest

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

_REPOSITORY = pathlib.Path(__file__).parents[2]


@functools.cache
def photograph(mode: str = "RGB") -> Image.Image:
    """A temple under a blue sky, 427 pixels high and 640 wide."""
    colour = Image.fromarray(load_sample_images().images[0])
    if mode == "PA":  # A palette with transparency.
        return colour.convert("RGBA").quantize(16)
    return colour.convert(mode)


def file_of(image: Image.Image, file_format: str, **options) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def png_of(pixels: np.ndarray) -> bytes:
    """A PNG of [height, width, 1 or 3] uint8 pixels."""
    return file_of(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels), "PNG")


def folder_for(test: unittest.TestCase) -> pathlib.Path:
    """An empty folder that goes with the test."""
    folder = tempfile.TemporaryDirectory()
    test.addCleanup(folder.cleanup)
    return pathlib.Path(folder.name)


def omniglot_dir() -> pathlib.Path:
    """The folder of both zips; skips the test where there is none."""
    folder = pathlib.Path(os.environ.get("OMNIGLOT_DIR", _REPOSITORY.parent / "shared" / "omniglot"))
    if not folder.is_dir():
        raise unittest.SkipTest(f"Omniglot's zips are not in {folder}; set OMNIGLOT_DIR to the folder that holds them.")
    return folder
