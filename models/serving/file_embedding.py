"""Embeddings of image files by the signatures of an exported model."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ccp.errors import UserError
from datasets.images.pillow import rgb_from_bytes
from datasets.manifest import DataError
from datasets.progress import progress
from models.serving.network import MASKED

_BATCH = 64
_REMEDY = "Fix or remove it, or pass --on_error=skip."


class ImageError(UserError):
    """An image file cannot be read, or a file that should hold embeddings holds something else."""


class EmbeddedFiles(NamedTuple):
    """Embeddings of image files.

    Attributes:
      paths: of those that were read, in order.
      embeddings: [num_read, embedding_size].
      skipped: (path, reason) of the others.
    """

    paths: list[str]
    embeddings: np.ndarray
    skipped: list[tuple[str, str]]


def embed_files(
    signatures: Mapping[str, Any],
    paths: Sequence[str],
    skip_unreadable: bool,
    remedy: str = _REMEDY,
    advance: Callable[[int], Any] | None = None,
) -> EmbeddedFiles:
    """Embeds files in order.

    Formats that the model does not read, such as WebP, TIFF, GIF and BMP, are converted first.

    Args:
      signatures: of the model.
      paths: of the files.
      skip_unreadable: leave out files that cannot be read; otherwise the first one is an error.
      remedy: the end of that error's message.
      advance: told of the number of files that are done; None shows their progress.

    Raises:
      ImageError: a file cannot be read and is not to be skipped.
    """
    embed_masked = signatures[MASKED]
    embedding_size = embed_masked.structured_outputs["embeddings"].shape[-1]
    read: list[str] = []
    embeddings = [np.empty((0, embedding_size), np.float32)]
    skipped: list[tuple[str, str]] = []
    if not paths:
        return EmbeddedFiles(read, embeddings[0], skipped)
    shown = contextlib.nullcontext(advance) if advance else progress("embedding", len(paths), "images")
    with shown as advance:
        for start in range(0, len(paths), _BATCH):
            batch = paths[start : start + _BATCH]
            for path, result in zip(batch, _results(embed_masked, batch)):
                if isinstance(result, np.ndarray):
                    read.append(path)
                    embeddings.append(result[np.newaxis])
                elif skip_unreadable:
                    skipped.append((path, result))
                else:
                    raise ImageError(f"{path} cannot be read ({result}). {remedy}")
            advance(len(batch))
    return EmbeddedFiles(read, np.concatenate(embeddings), skipped)


def embed_contents(embed_masked: Any, contents: Sequence[bytes]) -> list[np.ndarray | str]:
    """Embeds the contents of image files; see ``embed_files``.

    Args:
      embed_masked: the signature ``encoded_masked``.
      contents: of the files.

    Returns:
      Each file's embedding [embedding_size], or why it has none.
    """
    results = _embed(embed_masked, contents)
    for place, data in enumerate(contents):
        if isinstance(results[place], str):
            with contextlib.suppress(DataError):
                png = tf.io.encode_png(rgb_from_bytes(data)).numpy()
                results[place] = _embed(embed_masked, [png])[0]
    return results


def _results(embed_masked: Any, paths: Sequence[str]) -> list[np.ndarray | str]:
    """Each file's embedding, or why it has none."""
    results: dict[str, np.ndarray | str] = {}
    contents: dict[str, bytes] = {}
    for path in paths:
        try:
            contents[path] = pathlib.Path(path).read_bytes()
        except OSError as error:
            results[path] = str(error.strerror)
    results.update(zip(contents, embed_contents(embed_masked, list(contents.values()))))
    return [results[path] for path in paths]


def _embed(embed_masked: Any, files: Sequence[bytes]) -> list[np.ndarray | str]:
    answer = embed_masked(encoded_images=tf.constant(files, tf.string, [len(files)]))
    answers = zip(*(answer[name].numpy() for name in ("embeddings", "ok", "reasons")))
    return [embedding if ok else reason.decode() for embedding, ok, reason in answers]
