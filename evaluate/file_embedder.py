"""Embeddings of image files by an exported model."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ccp.errors import UserError
from ccp.progress_bar import shown
from datasets.images.decoding import reason
from datasets.images.pillow import rgb_from_bytes
from datasets.manifest import DataError
from models.export import load_exported

_BATCH = 64
_REMEDY = "Mend or remove it, or pass --on_error=skip."


class ImageError(UserError):
    """An image, or the place where images should be, cannot be read."""


class EmbeddedFiles(NamedTuple):
    """What became of files.

    Attributes:
      paths: of those that were read, in order.
      embeddings: [num_read, embedding_size].
      skipped: (path, reason) of the others.
    """

    paths: list[str]
    embeddings: np.ndarray
    skipped: list[tuple[str, str]]


class FileEmbedder:
    """Embeds image files.

    Args:
      model_dir: an exported model.

    Raises:
      ExportError: there is none.
    """

    def __init__(self, model_dir: str):
        self._encode = load_exported(model_dir).signatures["encoded"]
        self.embedding_size = self._encode.structured_outputs["embeddings"].shape[-1]

    def __call__(self, paths: Sequence[str], skip_unreadable: bool, remedy: str = _REMEDY) -> EmbeddedFiles:
        """Embeds files in order.

        Args:
          paths: of the files.
          skip_unreadable: leave those out that cannot be read; otherwise the first one ends it.
          remedy: what to tell the user then.

        Raises:
          ImageError: one cannot be read and is not to be skipped.
        """
        kept: list[str] = []
        embeddings = [np.empty((0, self.embedding_size), np.float32)]
        skipped: list[tuple[str, str]] = []
        with shown("embedding", len(paths), unit="images") as advance:
            for start in range(0, len(paths), _BATCH):
                batch = paths[start : start + _BATCH]
                contents = {path: _contents(path) for path in batch}
                for path, found in self._embed(contents):
                    if isinstance(found, np.ndarray):
                        kept.append(path)
                        embeddings.append(found[np.newaxis])
                    elif skip_unreadable:
                        skipped.append((path, found))
                    else:
                        raise ImageError(f"{path} cannot be read ({found}). {remedy}")
                advance(len(batch))
        return EmbeddedFiles(kept, np.concatenate(embeddings), skipped)

    def _embed(self, files: dict[str, bytes | OSError]) -> list[tuple[str, np.ndarray | str]]:
        """Each file's embedding, or why it has none: all at once if all can be read, otherwise one by one."""
        if not any(isinstance(contents, OSError) for contents in files.values()):
            try:
                return list(zip(files, self._encode(tf.constant(list(files.values())))["embeddings"].numpy()))
            except tf.errors.InvalidArgumentError:
                pass  # Found out below which it is.
        return [(path, self._embed_one(contents)) for path, contents in files.items()]

    def _embed_one(self, contents: bytes | OSError) -> np.ndarray | str:
        if isinstance(contents, OSError):
            return str(contents.strerror)
        try:
            return self._encode(tf.constant([contents]))["embeddings"].numpy()[0]
        except tf.errors.InvalidArgumentError as error:
            why = reason(error)
        try:  # WebP, TIFF and palette BMP, which the model does not decode by itself.
            png = tf.io.encode_png(rgb_from_bytes(contents))
        except DataError:
            return why
        return self._encode(png[tf.newaxis])["embeddings"].numpy()[0]


def _contents(path: str) -> bytes | OSError:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        return error
