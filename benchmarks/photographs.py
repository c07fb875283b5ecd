"""Photographs of natural size for benchmarks, made from those that come with scikit-learn."""

from __future__ import annotations

import pathlib

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

HEIGHT, WIDTH = 375, 500
_QUALITY = 92  # About 80 kB each, as the files of CUB-200-2011 have on average.


def write_photographs(folder: pathlib.Path, count: int) -> list[str]:
    """Writes ``count`` JPEGs of 500 × 375, different parts of two photographs, and returns their names."""
    photographs = [Image.fromarray(image) for image in load_sample_images().images]
    random = np.random.default_rng(0)
    names = []
    for i in range(count):
        photograph = photographs[i % len(photographs)]
        left = int(random.integers(0, photograph.width - WIDTH + 1))
        top = int(random.integers(0, photograph.height - HEIGHT + 1))
        picture = photograph.crop((left, top, left + WIDTH, top + HEIGHT))
        names.append(f"{i}.jpg")
        picture.save(folder / names[-1], quality=_QUALITY)
    return names
