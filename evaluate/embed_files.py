"""Embeddings of image files by an exported model."""

from __future__ import annotations

import glob
import os
import pathlib

import numpy as np
import tensorflow as tf

from ccp.errors import UserError
from models.export import load_exported

_BATCH = 64
_WHEREABOUTS = ("Graph execution error", "Detected at node", "<stack traces", "[[", "{{")


class ImageError(UserError):
    """An image, or the place where images should be, cannot be read."""


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
    paths = _find(images)
    _check_output(output)
    encode = load_exported(model_dir).signatures["encoded"]
    kept, embeddings, skipped = [], [], []

    def leave_out(path: str, reason: str) -> None:
        if not skip_unreadable:
            raise ImageError(f"{path} cannot be read ({reason}). Mend or remove it, or pass --on_error=skip.")
        skipped.append((path, reason))

    for start in range(0, len(paths), _BATCH):
        readable, encoded = [], []
        for path in paths[start : start + _BATCH]:
            try:
                encoded.append(pathlib.Path(path).read_bytes())
                readable.append(path)
            except OSError as error:
                leave_out(path, error.strerror)
        if not readable:
            continue
        try:
            embeddings.append(encode(tf.constant(encoded))["embeddings"].numpy())
            kept += readable
        except tf.errors.InvalidArgumentError:
            for path, contents in zip(readable, encoded):
                try:
                    embeddings.append(encode(tf.constant([contents]))["embeddings"].numpy())
                    kept.append(path)
                except tf.errors.InvalidArgumentError as error:
                    leave_out(path, _reason(error))
    if not kept:
        raise ImageError(f"None of the {len(paths)} files in {images} could be read as an image.")
    _save(output, np.concatenate(embeddings), kept)
    return len(kept), skipped


def _find(images: str) -> list[str]:
    if os.path.isdir(images):
        found = [os.path.join(folder, name) for folder, _, names in os.walk(images) for name in names]
    elif os.path.isfile(images):  # Its name may hold what a pattern would take as its own.
        found = [images]
    else:
        found = [path for path in glob.glob(images, recursive=True) if os.path.isfile(path)]
    if not found:
        raise ImageError(
            f"There are no files in {images!r}; pass --images, a directory or a quoted pattern like 'd/*.png'."
        )
    return sorted(found)


def _check_output(output: str) -> None:
    """Before the work, not after it."""
    folder = os.path.dirname(os.path.abspath(output))
    if os.path.isdir(output) or not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise ImageError(f"{output} cannot be written; pass --output, a file in a directory that you may write to.")


def _save(output: str, embeddings: np.ndarray, paths: list[str]) -> None:
    temporary = output + ".new"
    with open(temporary, "wb") as file:
        np.savez_compressed(file, embeddings=embeddings, paths=np.array(paths))
    os.replace(temporary, output)


def _reason(error: tf.errors.InvalidArgumentError) -> str:
    """What the decoder said, without what TensorFlow says about where it said it."""
    lines = [line.strip() for line in error.message.splitlines()]
    said = [line for line in lines if line and not line.startswith(_WHEREABOUTS)]
    return said[0].rstrip(".") if said else "not an image"
