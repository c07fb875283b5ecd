"""An index on disk: the embeddings of a gallery's images, in a directory of files that other programs read, too."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ccp.errors import UserError
from datasets.files import OutputError, locked, save_json, save_text, written_whole

EMBEDDINGS, IMAGES, DESCRIPTION = "embeddings.npy", "images.jsonl", "index.json"
# Made from the others by main.py index, and deleted when those change.
PARQUET, FAISS, FAISS_DESCRIPTION = "images.parquet", "index.faiss", "faiss.json"
_DERIVED = (PARQUET, FAISS_DESCRIPTION, FAISS)
_FORMAT = 1


class BusyError(UserError):
    """Another process is writing the index."""


class ImageIndex(NamedTuple):
    """Embeddings of the images of a gallery.

    Attributes:
      gallery: the directory that the images are in, absolute.
      model: fingerprint of the exported model.
      names: [num_images] the files, relative to the gallery, sorted.
      stamps: [num_images, 2] int64 size in bytes and time of change in nanoseconds of each file.
      embeddings: [num_images, embedding_size] float32, normalised.
      digest: of its files; empty before they are written.
    """

    gallery: str
    model: str
    names: list[str]
    stamps: np.ndarray
    embeddings: np.ndarray
    digest: str = ""

    @property
    def paths(self) -> list[str]:
        """[num_images] absolute paths."""
        return [os.path.join(self.gallery, name) for name in self.names]

    @property
    def labels(self) -> list[str]:
        """[num_images] classes."""
        return [class_of(name) for name in self.names]


def class_of(name: str) -> str:
    """The class of an image: the first folder of its path relative to the gallery; empty if there is none."""
    parts = pathlib.PurePath(name).parts
    return parts[0] if len(parts) > 1 and parts[0] != os.pardir else ""


def read_index(directory: str | os.PathLike) -> ImageIndex | None:
    """The index in a directory; None if there is no such directory, or an empty one.

    Raises:
      OutputError: the directory holds something else, or a file is damaged.
      BusyError: another process is writing it.
    """
    folder = pathlib.Path(directory)
    if not os.path.lexists(folder) or (folder.is_dir() and not _visible(folder)):
        return None
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file, and an index is a directory")
    if not (folder / DESCRIPTION).is_file():
        raise OutputError(f"{folder} holds something else than an index (there is no {DESCRIPTION})")
    description = _description(folder)
    if not _is_whole(folder, description):
        with _writing(folder):  # It may have been killed between its last steps.
            description = _description(folder)
            _publish(folder, description)
    try:
        embeddings = np.load(folder / EMBEDDINGS)
        rows = [json.loads(line) for line in (folder / IMAGES).read_text().splitlines()]
        names, stamps = [row["name"] for row in rows], [(row["size"], row["mtime_ns"]) for row in rows]
        gallery, model = description["gallery"], description["model"]
        if embeddings.ndim != 2 or len(embeddings) != len(names):
            raise ValueError(f"{len(names)} names and embeddings {list(embeddings.shape)}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, error) from None
    stamps = np.array(stamps, np.int64).reshape(-1, 2)
    return ImageIndex(gallery, model, names, stamps, embeddings, _digest_of_all(description))


def write_index(directory: str | os.PathLike, index: ImageIndex) -> ImageIndex:
    """Writes an index whole or not at all, even if the process is killed. What was derived from another one is deleted.

    Returns:
      The index with its digest.

    Raises:
      OutputError: it cannot be written.
      BusyError: another process is writing it.
    """
    folder = pathlib.Path(directory)
    with _writing(folder):
        for name in _DERIVED:
            with contextlib.suppress(FileNotFoundError):
                (folder / name).unlink()
        with written_whole(_unpublished(folder / EMBEDDINGS)) as temporary, open(temporary, "wb") as file:
            np.save(file, index.embeddings)
        rows = (
            {"name": name, "label": label, "size": int(size), "mtime_ns": int(time)}
            for name, label, (size, time) in zip(index.names, index.labels, index.stamps)
        )
        save_text(_unpublished(folder / IMAGES), "".join(json.dumps(row) + "\n" for row in rows))
        description = {
            "format": _FORMAT,
            "gallery": index.gallery,
            "num_images": len(index.names),
            "embedding_size": index.embeddings.shape[1],
            "model": index.model,
            "sha256": {name: _digest(_unpublished(folder / name)) for name in (EMBEDDINGS, IMAGES)},
        }
        save_json(folder / DESCRIPTION, description)  # From here on, the index is the new one.
        _publish(folder, description)
    return index._replace(digest=_digest_of_all(description))


@contextlib.contextmanager
def derived_file(directory: str | os.PathLike, name: str, index: ImageIndex) -> Iterator[pathlib.Path]:
    """A temporary file to write into, which becomes a file of an index on disk; see ``written_whole``.

    Raises:
      OutputError: it cannot be written.
      BusyError: the index on disk is not ``index`` any more, or is being written.
    """
    folder = pathlib.Path(directory)
    with _writing(folder):
        if _digest_of_all(_description(folder)) != index.digest:
            raise BusyError(f"{folder} has been changed by another process meanwhile; run the command again.")
        with written_whole(folder / name) as temporary:
            yield temporary


def _description(folder: pathlib.Path) -> dict[str, Any]:
    """What ``index.json`` holds."""
    try:
        description = json.loads((folder / DESCRIPTION).read_text())
        known = description["format"], set(description["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, error) from None
    if known != (_FORMAT, {EMBEDDINGS, IMAGES}):
        raise OutputError(f"{folder} is an index of another format ({known[0]}, not {_FORMAT})")
    return description


def _digest_of_all(description: dict[str, Any]) -> str:
    """Of embeddings and names: renamed images have the same embeddings."""
    return "".join(description["sha256"][name] for name in (EMBEDDINGS, IMAGES))


def _publish(folder: pathlib.Path, description: dict[str, Any]) -> None:
    """Gives the files that the description is of their names.

    Raises:
      OutputError: one of them is damaged.
    """
    for name, digest in description["sha256"].items():
        new = _unpublished(folder / name)
        if _digest(new) == digest:
            os.replace(new, folder / name)
    for name, digest in description["sha256"].items():
        if _digest(folder / name) != digest:
            raise _damaged(folder, f"{name} is not as it was written")


def _unpublished(path: pathlib.Path) -> pathlib.Path:
    """Where a file is until the description is written that it belongs to."""
    return path.with_name(f".{path.name}.new")


def _is_whole(folder: pathlib.Path, description: dict[str, Any]) -> bool:
    return all(_digest(folder / name) == digest for name, digest in description["sha256"].items())


def _digest(path: pathlib.Path) -> str:
    """Of a file; empty if there is none."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except FileNotFoundError:
        return ""
    return digest.hexdigest()


@contextlib.contextmanager
def _writing(folder: pathlib.Path) -> Iterator[None]:
    """While this process alone writes into an index, which is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ".lock"):
            yield
    except BlockingIOError:
        raise BusyError(f"{folder} is being written by another process; run the command again afterwards.") from None
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error}).") from error


def _visible(folder: pathlib.Path) -> list[str]:
    return [name for name in os.listdir(folder) if not name.startswith(".")]


def _damaged(folder: pathlib.Path, reason: object) -> OutputError:
    return OutputError(f"{folder} holds a damaged index ({reason})")
