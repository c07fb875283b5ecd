"""A gallery of image files with their embeddings, kept beside it."""

from __future__ import annotations

import hashlib
import os
import pathlib
from typing import NamedTuple

import numpy as np

from datasets.image_files import find_images
from experiments.embed_files import check_output
from experiments.file_embedder import FileEmbedder, ImageError
from experiments.npz import NpzError, read_npz, save_npz
from models.serving.versions import version_directory

_ARCHIVE = b"PK"


class Gallery(NamedTuple):
    """Images to be searched.

    Attributes:
      paths: [num_images] of the files.
      embeddings: [num_images, embedding_size], normalised.
      skipped: (path, reason) of files that could not be read now.
      reused: how many embeddings were there already.
    """

    paths: list[str]
    embeddings: np.ndarray
    skipped: list[tuple[str, str]]
    reused: int


def open_gallery(embed: FileEmbedder, model_dir: str, images: str, index: str, skip_unreadable: bool) -> Gallery:
    """Embeds what is new in a gallery, and keeps all embeddings for the next time.

    A file's embedding is used again as long as the file, by size and time of change, and the model are the same.

    Args:
      embed: the model.
      model_dir: where it lies.
      images: a directory, searched in depth, or a pattern.
      index: the ``.npz`` file that embeddings are kept in.
      skip_unreadable: leave files out that cannot be read; otherwise the first one ends it.

    Raises:
      ImageError: there are no files, one cannot be read and is not to be skipped, or ``index`` is something else.
    """
    stamps = {os.path.abspath(path): _stamp(path) for path in find_images(images)}
    stamps.pop(os.path.abspath(index), None)
    model = _fingerprint(version_directory(model_dir))
    known = {path: kept for path, kept in _load(index, model).items() if stamps.get(path) == kept[0]}
    new = [path for path in stamps if path not in known]
    check_output(index, "--index")
    _check_index(index)
    embedded = embed(new, skip_unreadable)
    known.update({path: (stamps[path], vector) for path, vector in zip(embedded.paths, embedded.embeddings)})
    if not known:
        raise ImageError(f"None of the {len(stamps)} files in {images} could be read as an image.")
    paths = sorted(known)
    embeddings = np.stack([known[path][1] for path in paths])
    if new:
        kept_stamps = np.array([known[path][0] for path in paths], np.int64)
        save_npz(index, paths=np.array(paths), embeddings=embeddings, stamps=kept_stamps, model=np.array(model))
    return Gallery(paths, embeddings, embedded.skipped, len(stamps) - len(new))


def _load(index: str, model: str) -> dict[str, tuple[tuple[int, int], np.ndarray]]:
    """By path, the file's stamp and embedding; nothing if they are another model's, or damaged."""
    if not os.path.exists(index):
        return {}
    try:
        made_by, paths, stamps, embeddings = read_npz(index, "model", "paths", "stamps", "embeddings")
        if str(made_by) != model:
            return {}
        rows = zip(paths.tolist(), stamps.tolist(), embeddings)
        return {path: ((size, time), vector) for path, (size, time), vector in rows}
    except (OSError, NpzError, TypeError, ValueError):  # The last two: arrays of other shapes.
        return {}


def _check_index(index: str) -> None:
    """A damaged index is made again; what never was one is the user's."""
    if os.path.exists(index):
        with open(index, "rb") as file:
            if file.read(len(_ARCHIVE)) not in (_ARCHIVE, b""):
                raise ImageError(f"{index} holds something else than embeddings; pass --index, another file.")


def _stamp(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def _fingerprint(model_dir: pathlib.Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(model_dir.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(model_dir)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
