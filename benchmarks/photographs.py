"""Photographs for benchmarks, made from those that come with scikit-learn: of natural size, and as of a telephone."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

HEIGHT, WIDTH = 375, 500
_QUALITY = 92  # About 80 kB each, as the files of CUB-200-2011 have on average.

# A telephone's 4,000 × 3,000. Enlarged, pictures are smooth; with noise as of a sensor they take 3 MB, as real ones do.
_TIMES = 8
_NOISE, _TELEPHONE_QUALITY = 5.0, 90


def write_photographs(folder: pathlib.Path, count: int) -> list[str]:
    """Writes ``count`` JPEGs of 500 × 375, different parts of two photographs, and returns their names."""
    return _write(folder, count, lambda picture, _: picture, _QUALITY)


def write_telephone_photographs(folder: pathlib.Path, count: int) -> list[str]:
    """Writes ``count`` JPEGs of 4,000 × 3,000, the same pictures enlarged, with noise, and returns their names."""

    def enlarged(picture: Image.Image, random: np.random.Generator) -> Image.Image:
        large = picture.resize((_TIMES * WIDTH, _TIMES * HEIGHT), Image.BICUBIC)
        noise = random.normal(0, _NOISE, (large.height, large.width, 1)).astype(np.float32)
        return Image.fromarray((np.asarray(large) + noise).clip(0, 255).astype(np.uint8))

    return _write(folder, count, enlarged, _TELEPHONE_QUALITY)


def _write(folder: pathlib.Path, count: int, change: Callable, quality: int) -> list[str]:
    photographs = [Image.fromarray(image) for image in load_sample_images().images]
    random = np.random.default_rng(0)
    names = []
    for i in range(count):
        photograph = photographs[i % len(photographs)]
        left = int(random.integers(0, photograph.width - WIDTH + 1))
        top = int(random.integers(0, photograph.height - HEIGHT + 1))
        picture = photograph.crop((left, top, left + WIDTH, top + HEIGHT))
        names.append(f"{i}.jpg")
        change(picture, random).save(folder / names[-1], quality=quality)
    return names
