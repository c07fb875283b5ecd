"""A gallery of plain colours to browse, whose model is the mean colour."""

from __future__ import annotations

import contextlib
import pathlib
import threading
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from experiments.browse import BrowsedGallery, BrowseServer
from experiments.browse.gallery import ImageSet
from models.serving.threshold import Threshold
from tests.support import pictures

# By name, in the order of their numbers. Distances are those of colours from 0 to 1.
COLOURS = {
    "green/0.png": (0, 255, 0),
    "green/1.png": (0, 204, 0),
    "red/0.png": (255, 0, 0),
    "red/1.png": (204, 0, 0),
    "red/2.png": (204, 51, 0),
    "white.png": (255, 255, 255),
}
THRESHOLD = Threshold(0.25, 0.22, 0.3, 0.001)


def mean_colour(encoded_images: tf.Tensor) -> dict[str, tf.Tensor]:
    """In place of a model's signature ``encoded_masked``."""
    means, reasons = [], []
    for file in encoded_images:
        try:
            means.append(np.mean(tf.io.decode_png(file, channels=3), axis=(0, 1)) / 255)
            reasons.append("")
        except tf.errors.InvalidArgumentError:
            means.append(np.zeros(3))
            reasons.append("The file is no PNG image")
    return {
        "embeddings": tf.constant(np.array(means), tf.float32),
        "ok": tf.constant([not reason for reason in reasons]),
        "reasons": tf.constant(reasons),
    }


def png(colour: tuple[int, int, int]) -> bytes:
    """An image of one colour."""
    return pictures.png_of(np.full((8, 8, 3), colour, np.uint8))


def gallery_in(folder: pathlib.Path, threshold: Threshold | None = THRESHOLD) -> BrowsedGallery:
    """Writes the images into a folder and opens them."""
    for name, colour in COLOURS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(colour))
    return opened(folder, threshold)


def opened(folder: pathlib.Path, threshold: Threshold | None = THRESHOLD) -> BrowsedGallery:
    """A folder that holds the images."""
    classes = [name.rpartition("/")[0] for name in COLOURS]
    embeddings = np.array(list(COLOURS.values()), np.float32) / 255
    images = ImageSet(str(folder), [str(folder / name) for name in COLOURS], classes, embeddings)
    return BrowsedGallery(images, mean_colour, threshold, {"Model": "colours", "Test scores": "P@1 100.00 %"})


@contextlib.contextmanager
def serving(gallery: BrowsedGallery) -> Iterator[BrowseServer]:
    """A server of the gallery at a free port, in a thread."""
    with BrowseServer(0) as server:
        server.gallery = gallery
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
