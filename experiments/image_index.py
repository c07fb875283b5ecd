"""A file of embeddings that belongs to a set of images: where it is, and how it is kept up to date."""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
import pathlib
from collections.abc import Sequence

from experiments.embed_files import EmbeddedImages, embed_images
from models.serving.exported_model import ExportedModel


def index_images(
    model: ExportedModel,
    images: str,
    files: Sequence[str],
    index: str | None,
    skip_unreadable: bool,
    overwrite: bool,
) -> EmbeddedImages:
    """Embeds the images that the index does not hold yet; see ``embed_images``.

    Args:
      model: the model.
      images: a directory, searched in depth, or a pattern.
      files: what ``find_images`` finds there.
      index: the ``.npz`` file, as ``main.py embed`` writes it, maybe with embeddings of other images; None for one
        beside the images, which is overwritten if it is another model's.
      skip_unreadable: leave out images that cannot be read; otherwise the first one is an error.
      overwrite: replace an ``index`` that holds something else, or another model's embeddings.
    """
    return embed_images(
        model,
        files,
        index or _default_index(images),
        skip_unreadable,
        flag="--index",
        keep_others=True,
        overwrite=overwrite or index is None,
    )


def top_directory(images: str) -> str:
    """The directory of a set of images, also where that is a pattern."""
    place = os.path.abspath(images)
    if os.path.isdir(place):
        return place
    return os.path.join(*itertools.takewhile(lambda part: not glob.has_magic(part), pathlib.Path(place).parent.parts))


def folder_class(path: str, images: str) -> str:
    """The class of an image: the folder right in the directory of a set that it is in; empty if there is none."""
    parts = pathlib.PurePath(os.path.relpath(path, top_directory(images))).parts
    return parts[0] if len(parts) > 1 and parts[0] != os.pardir else ""


def _default_index(images: str) -> str:
    """Beside the images; each pattern has a separate one, as it is a part of its directory."""
    place = os.path.abspath(images)
    if not os.path.isdir(place):
        place = os.path.join(top_directory(images), hashlib.sha256(os.fsencode(place)).hexdigest()[:8])
    return f"{place}.embeddings.npz"
