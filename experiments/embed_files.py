"""Embeddings of image files by an exported model, kept in a file and computed only once."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from datasets.files import check_file, written_whole
from datasets.image_files import find_images
from models.serving.exported_model import ExportedModel
from models.serving.file_embedding import ImageError, embed_files


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


def embed_images(
    model: ExportedModel, images: str, output: str, skip_unreadable: bool, flag: str = "--output"
) -> EmbeddedImages:
    """Embeds image files and keeps the embeddings in a file.

    The file holds ``paths`` [num_images], ``embeddings`` [num_images, embedding_size], ``stamps`` [num_images, 2] (size
    and time of change of each image) and ``model`` (the fingerprint of the model). If it exists, embeddings of files
    that have not changed since are reused.

    Args:
      model: the model.
      images: a directory, searched in depth, or a pattern.
      output: the ``.npz`` file.
      skip_unreadable: leave out images that cannot be read; otherwise the first one is an error.
      flag: the one that names ``output``, for messages.

    Raises:
      DataError: there are no images.
      ImageError: one cannot be read and is not to be skipped.
      OutputError: ``output`` cannot be written.
    """
    stamps = {os.path.abspath(path): _stamp(path) for path in find_images(images)}
    check_file(output, flag)
    known = {path: kept for path, kept in _load(output, model.fingerprint).items() if stamps.get(path) == kept[0]}
    new = [path for path in stamps if path not in known]
    embedded = embed_files(model.signatures, new, skip_unreadable)
    known.update({path: (stamps[path], vector) for path, vector in zip(embedded.paths, embedded.embeddings)})
    if not known:
        raise ImageError(f"None of the {len(stamps)} files in {images} could be read as an image.")
    paths = sorted(known)
    embeddings = np.stack([known[path][1] for path in paths])
    with written_whole(output) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file,
            paths=np.array(paths),
            embeddings=embeddings,
            stamps=np.array([known[path][0] for path in paths], np.int64),
            model=np.array(model.fingerprint),
        )
    return EmbeddedImages(paths, embeddings, embedded.skipped, len(stamps) - len(new))


def _load(output: str, fingerprint: str) -> dict[str, tuple[tuple[int, int], np.ndarray]]:
    """By path, the stamp and embedding; nothing if the file is damaged or another model's."""
    if not os.path.isfile(output):
        return {}
    try:
        with np.load(output) as file:
            if str(file["model"]) != fingerprint:
                return {}
            rows = zip(file["paths"].tolist(), file["stamps"].tolist(), file["embeddings"])
            return {path: ((size, time), vector) for path, (size, time), vector in rows}
    except Exception:  # Damaged archives raise many kinds; the embeddings can be computed again.
        return {}


def _stamp(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns
