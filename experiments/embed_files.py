"""Embeddings of image files by an exported model, kept in a file and computed only once."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from datasets.files import OutputError, check_file, written_whole
from models.serving.exported_model import ExportedModel
from models.serving.file_embedding import ImageError, embed_files

_log = logging.getLogger("ccp")


class EmbeddedImages(NamedTuple):
    """Images with their embeddings.

    Attributes:
      paths: [num_images] absolute paths of the files, sorted.
      embeddings: [num_images, embedding_size], normalised.
      skipped: (path, reason) of files that could not be read.
      reused: how many embeddings were in the file already.
    """

    paths: list[str]
    embeddings: np.ndarray
    skipped: list[tuple[str, str]]
    reused: int


class _Kept(NamedTuple):
    """An image's size and time of change, and its embedding."""

    stamp: tuple[int, int]
    embedding: np.ndarray


def embed_images(
    model: ExportedModel,
    files: Sequence[str],
    output: str,
    skip_unreadable: bool,
    *,
    flag: str = "--output",
    keep_others: bool = False,
    overwrite: bool = False,
) -> EmbeddedImages:
    """Embeds image files and keeps the embeddings in a file.

    The file holds ``paths`` [num_images], ``embeddings`` [num_images, embedding_size], ``stamps`` [num_images, 2] (size
    and time of change of each image) and ``model`` (the fingerprint of the model). If it exists, embeddings of files
    that have not changed since are reused; those of files that no longer exist are dropped.

    Args:
      model: the model.
      files: the image files.
      output: the ``.npz`` file.
      skip_unreadable: leave out images that cannot be read; otherwise the first one is an error.
      flag: the one that names ``output``, for messages.
      keep_others: the file may hold other images, too, whose embeddings stay in it.
      overwrite: replace a file that holds something else; otherwise it is an error.

    Raises:
      ImageError: one cannot be read and is not to be skipped.
      OutputError: ``output`` cannot be written, or holds something else: no embeddings, those by another model, or,
        without ``keep_others``, those of other images.
    """
    stamps = {os.path.abspath(path): _stamp(path) for path in files}
    check_file(output, flag)
    try:
        in_file = _read(output, model.fingerprint)
        others = {path: kept for path, kept in in_file.items() if path not in stamps and os.path.exists(path)}
        if others and not keep_others:
            raise OutputError(f"{output} also holds embeddings of {len(others)} other images, as {min(others)}")
    except OutputError as error:
        if not overwrite:
            raise OutputError(f"{error}. Pass another {flag}, or --overwrite.") from None
        _log.warning("%s; it is overwritten.", error)
        in_file, others = {}, {}
    known = {path: kept for path, kept in in_file.items() if stamps.get(path) == kept.stamp}
    new = [path for path in stamps if path not in known]
    embedded = embed_files(model.signatures, new, skip_unreadable)
    known.update({path: _Kept(stamps[path], vector) for path, vector in zip(embedded.paths, embedded.embeddings)})
    if not known:
        raise ImageError(f"None of the {len(stamps)} files, as {min(stamps)}, could be read as an image.")
    contents = {**others, **known}
    if embedded.paths or contents.keys() != in_file.keys():
        _write(output, contents, model.fingerprint)
    paths = sorted(known)
    reused = len(stamps) - len(new)
    return EmbeddedImages(paths, np.stack([known[path].embedding for path in paths]), embedded.skipped, reused)


def _read(output: str, fingerprint: str) -> dict[str, _Kept]:
    """By path, what a file holds; nothing if there is none, or an empty one.

    Raises:
      OutputError: it holds something else than embeddings by this model.
    """
    if not os.path.isfile(output) or not os.path.getsize(output):
        return {}
    try:
        with np.load(output) as file:
            made_by = str(file["model"])
            rows = zip(file["paths"].tolist(), file["stamps"].tolist(), file["embeddings"])
            found = {path: _Kept((size, time), vector) for path, (size, time), vector in rows}
    except Exception:  # Damaged archives and other files raise many kinds.
        raise OutputError(f"{output} holds something else than what main.py embed writes, or is damaged") from None
    if made_by != fingerprint:
        raise OutputError(f"{output} holds embeddings by another model, or by another version of it")
    return found


def _write(output: str, contents: Mapping[str, _Kept], fingerprint: str) -> None:
    paths = sorted(contents)
    with written_whole(output) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file,
            paths=np.array(paths),
            embeddings=np.stack([contents[path].embedding for path in paths]),
            stamps=np.array([contents[path].stamp for path in paths], np.int64),
            model=np.array(fingerprint),
        )


def _stamp(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns
