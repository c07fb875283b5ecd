"""Embeddings of image files by an exported model."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ccp.errors import UserError
from datasets.images.pillow import rgb_from_bytes
from datasets.manifest import DataError
from datasets.progress import progress
from models.serving.export import load_exported
from models.serving.signatures import MASKED

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

    Attributes:
      embedding_size: of the embeddings.

    Args:
      model: the directory of an exported model, or the signatures of one.

    Raises:
      ExportError: there is none.
    """

    def __init__(self, model: str | Mapping[str, Any]):
        signatures = load_exported(model).signatures if isinstance(model, str) else model
        self._embed_masked = signatures[MASKED]
        self.embedding_size = self._embed_masked.structured_outputs["embeddings"].shape[-1]

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
        with progress("embedding", len(paths), "images") as advance:
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
        """Each file's embedding, or why it has none."""
        read = {path: contents for path, contents in files.items() if not isinstance(contents, OSError)}
        found: dict[str, np.ndarray | str] = dict(zip(read, self._embed_read(list(read.values()))))
        for path, contents in read.items():
            if isinstance(found[path], str):  # WebP, TIFF and palette BMP, which the model does not decode by itself.
                with contextlib.suppress(DataError):
                    png = tf.io.encode_png(rgb_from_bytes(contents)).numpy()
                    found[path] = self._embed_read([png])[0]
        return [(path, str(files[path].strerror) if path not in found else found[path]) for path in files]

    def _embed_read(self, files: list[bytes]) -> list[np.ndarray | str]:
        answer = self._embed_masked(encoded_images=tf.constant(files, tf.string, [len(files)]))
        answers = zip(*(answer[name].numpy() for name in ("embeddings", "ok", "reasons")))
        return [embedding if good else why.decode() for embedding, good, why in answers]


def _contents(path: str) -> bytes | OSError:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        return error
