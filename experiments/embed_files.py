"""Embeddings of image files by an exported model, written to a file."""

from __future__ import annotations

import glob
import os

import numpy as np

from datasets.own_images.image_search import LEFT_BY_SYSTEMS
from experiments.file_embedder import FileEmbedder, ImageError
from experiments.npz import save_npz


def embed_files(model_dir: str, images: str, output: str, skip_unreadable: bool) -> tuple[int, list[tuple[str, str]]]:
    """Embeds image files and writes ``embeddings`` [num_images, embedding_size] and ``paths`` [num_images].

    Args:
      model_dir: an exported model.
      images: a directory, searched in depth, or a pattern.
      output: the ``.npz`` file.
      skip_unreadable: leave images out that cannot be read; otherwise the first one ends it.

    Returns:
      How many were embedded, and (path, reason) of those that were skipped.

    Raises:
      ImageError: there are no files, one cannot be read and is not to be skipped, or ``output`` has no place.
    """
    paths = find_files(images)
    check_output(output)
    kept, embeddings, skipped = FileEmbedder(model_dir)(paths, skip_unreadable)
    if not kept:
        raise ImageError(f"None of the {len(paths)} files in {images} could be read as an image.")
    save_npz(output, embeddings=embeddings, paths=np.array(kept))
    return len(kept), skipped


def find_files(images: str) -> list[str]:
    """The files of a directory, searched in depth and without hidden ones, or of a pattern, sorted.

    Raises:
      ImageError: there are none.
    """
    if os.path.isdir(images):
        found = [
            os.path.join(folder, name)
            for folder, _, names in os.walk(images)
            for name in names
            if not name.startswith(".") and name.lower() not in LEFT_BY_SYSTEMS
        ]
    elif os.path.isfile(images):  # Its name may hold what a pattern would take as its own.
        found = [images]
    else:
        found = [path for path in glob.glob(images, recursive=True) if os.path.isfile(path)]
    if not found:
        raise ImageError(f"There are no files in {images!r}; pass a directory, or a quoted pattern like 'd/*.png'.")
    return sorted(found)


def check_output(output: str, flag: str = "--output") -> None:
    """To be called before the work, not after it.

    Raises:
      ImageError: the file could not be written.
    """
    folder = os.path.dirname(os.path.abspath(output))
    if os.path.isdir(output) or not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise ImageError(f"{output} cannot be written; pass {flag}, a file in a directory that you may write to.")
