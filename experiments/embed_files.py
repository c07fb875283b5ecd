"""Embeddings of image files by an exported model, written to a file."""

from __future__ import annotations

import os

import numpy as np

from datasets.image_files import find_images
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
    paths = find_images(images)
    check_output(output)
    kept, embeddings, skipped = FileEmbedder(model_dir)(paths, skip_unreadable)
    if not kept:
        raise ImageError(f"None of the {len(paths)} files in {images} could be read as an image.")
    save_npz(output, embeddings=embeddings, paths=np.array(kept))
    return len(kept), skipped


def check_output(output: str, flag: str = "--output") -> None:
    """To be called before the work, not after it.

    Raises:
      ImageError: the file could not be written.
    """
    place = output if os.path.exists(output) else os.path.dirname(os.path.abspath(output))
    if os.path.isdir(output) or not os.path.exists(place) or not os.access(place, os.W_OK):
        raise ImageError(f"{output} cannot be written; pass {flag}, a file in a directory that you may write to.")
