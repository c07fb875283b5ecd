"""A small exported model with a gallery, made once for all tests."""

from __future__ import annotations

import functools
import pathlib
import tempfile

from models.serving.export import export
from models.serving.gallery import Gallery
from tests.support import served

IDS = tuple(f"{number % 5}/{number}.png" for number in range(12))
LABELS = tuple(name.split("/")[0] for name in IDS)
_folders: list[tempfile.TemporaryDirectory] = []  # Kept, and deleted at the end.


@functools.cache
def exported() -> pathlib.Path:
    """The directory of the export: ``served.network()`` with the first 12 digits as its gallery."""
    _folders.append(tempfile.TemporaryDirectory())
    directory = pathlib.Path(_folders[-1].name) / "model"
    gallery = Gallery(IDS, LABELS, served.expected(served.digit_images(12)))
    export(served.network(), served.FORMAT, str(directory), served.INFO, gallery)
    return directory
