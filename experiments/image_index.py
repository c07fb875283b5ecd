"""The index of a set of images: where it is, and how it is brought up to date."""

from __future__ import annotations

import glob
import itertools
import logging
import os
import pathlib
import time
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ccp.wording import counted
from datasets.files import OutputError, check_directory
from datasets.progress import progress
from experiments.index_files import ImageIndex, class_of, read_index, write_index
from models.serving.exported_model import ExportedModel
from models.serving.file_embedding import ImageError, embed_files

# The index is written after a number of files if some time has passed. Which images are embedded together decides the
# last bits, so it depends on the number alone.
_FILES, _SECONDS = 2048, 60.0

_log = logging.getLogger("ccp")


class IndexedImages(NamedTuple):
    """Images with their embeddings.

    Attributes:
      paths: [num_images] absolute paths of the files, sorted.
      embeddings: [num_images, embedding_size], normalised.
      skipped: (path, reason) of files that could not be read.
      reused: how many embeddings were in the index already.
      index: what the index holds now: perhaps other images, too.
      directory: where it is.
    """

    paths: list[str]
    embeddings: np.ndarray
    skipped: list[tuple[str, str]]
    reused: int
    index: ImageIndex
    directory: str


class _Entry(NamedTuple):
    """An image's size and time of change, and its embedding."""

    stamp: tuple[int, int]
    embedding: np.ndarray


def index_images(
    model: ExportedModel,
    images: str,
    files: Sequence[str],
    index: str | None,
    skip_unreadable: bool,
    overwrite: bool,
    *,
    flag: str = "--index",
    keep_others: bool = True,
) -> IndexedImages:
    """Brings an index up to date: embeds images that are new or have changed, and drops those that are gone.

    If it is killed, the same call embeds the rest, to the same bits.

    Args:
      model: the model.
      images: a directory, searched in depth, or a pattern.
      files: what ``find_images`` finds there.
      index: the directory of the index; None for the one beside the images, which is overwritten if it is another
        model's.
      skip_unreadable: leave out images that cannot be read; otherwise the first one is an error.
      overwrite: replace an ``index`` that is damaged, another model's, or of other images.
      flag: the one that names ``index``, for messages.
      keep_others: the index may hold other images of the same gallery, too, whose embeddings stay in it.

    Raises:
      ImageError: an image cannot be read and is not to be skipped.
      OutputError: ``index`` cannot be written, is damaged, another model's, of another gallery, or, without
        ``keep_others``, of other images as well.
    """
    gallery = top_directory(images)
    directory = index or f"{gallery}.index"
    check_directory(os.path.dirname(os.path.abspath(directory)), flag)
    paths = sorted(os.path.abspath(path) for path in files)
    try:
        held = _held(directory, gallery, model.fingerprint)
        names = {os.path.relpath(path, held.gallery): path for path in paths}
        others = _existing(set(held.names) - names.keys(), held.gallery)
        if others and not keep_others:
            raise OutputError(
                f"{directory} also holds embeddings of {counted(len(others), 'other image')}, as {min(others)}"
            )
    except OutputError as error:
        if os.path.isfile(directory):
            raise OutputError(f"{error}. Pass another {flag}.") from None
        if not (overwrite or index is None):
            raise OutputError(f"{error}. Pass another {flag}, or --overwrite.") from None
        _log.warning("%s; it is overwritten.", error)
        held, others = _empty(gallery, model.fingerprint), set()
        names = {os.path.relpath(path, gallery): path for path in paths}
    stamps = {name: _stamp(path) for name, path in names.items()}
    entries = {
        name: _Entry(tuple(stamp), vector)
        for name, stamp, vector in zip(held.names, held.stamps.tolist(), held.embeddings)
        if name in others or tuple(stamp) == stamps.get(name)
    }
    reused = len(entries) - len(others)
    contents = _Contents(directory, held, entries)
    skipped = contents.embed(model, names, stamps, skip_unreadable)
    known = [name for name in names if name in entries]
    if not known:
        raise ImageError(f"Of {counted(len(paths), 'file')}, as {paths[0]}, none could be read as an image.")
    written = contents.write()
    embeddings = np.stack([entries[name].embedding for name in known])
    return IndexedImages([names[name] for name in known], embeddings, skipped, reused, written, directory)


class _Contents:
    """What an index is to hold.

    Args:
      directory: of the index.
      held: what it holds.
      entries: by name, what it is to hold.
    """

    def __init__(self, directory: str, held: ImageIndex, entries: dict[str, _Entry]):
        self._directory, self._held, self._entries = directory, held, entries

    def embed(
        self,
        model: ExportedModel,
        names: Mapping[str, str],
        stamps: Mapping[str, tuple[int, int]],
        skip_unreadable: bool,
    ) -> list[tuple[str, str]]:
        """Embeds the files, by name, that have no entry, and writes the index from time to time.

        Returns:
          (path, reason) of those that could not be read.
        """
        ordered, skipped, last = list(names), [], time.monotonic()
        blocks = [ordered[start : start + _FILES] for start in range(0, len(ordered), _FILES)]
        new = [block for block in ([n for n in names if n not in self._entries] for names in blocks) if block]
        if not new:
            return skipped
        with progress("embedding", sum(map(len, new)), "images") as advance:
            for block in new:
                by_path = {names[name]: name for name in block}
                found = embed_files(model.signatures, list(by_path), skip_unreadable, advance=advance)
                for path, embedding in zip(found.paths, found.embeddings):
                    self._entries[by_path[path]] = _Entry(stamps[by_path[path]], embedding)
                skipped += found.skipped
                if time.monotonic() - last > _SECONDS:
                    self.write()
                    last = time.monotonic()
        return skipped

    def write(self) -> ImageIndex:
        """Writes the index unless it holds the same already, and returns it."""
        names = sorted(self._entries)
        stamps = np.array([self._entries[name].stamp for name in names], np.int64).reshape(-1, 2)
        if names != self._held.names or not np.array_equal(stamps, self._held.stamps) or not self._held.digest:
            embeddings = np.stack([self._entries[name].embedding for name in names])
            self._held = self._held._replace(names=names, stamps=stamps, embeddings=embeddings)
            self._held = write_index(self._directory, self._held)
        return self._held


def top_directory(images: str) -> str:
    """The directory of a set of images, also where that is a pattern."""
    place = os.path.abspath(images)
    if os.path.isdir(place):
        return place
    return os.path.join(*itertools.takewhile(lambda part: not glob.has_magic(part), pathlib.Path(place).parent.parts))


def folder_class(path: str, images: str) -> str:
    """The class of an image: the folder right in the directory of a set that it is in; empty if there is none."""
    return class_of(os.path.relpath(path, top_directory(images)))


def _held(directory: str, gallery: str, fingerprint: str) -> ImageIndex:
    """What an index holds, with the place where its images are now.

    Raises:
      OutputError: it is damaged, another model's, or another gallery's.
    """
    held = read_index(directory)
    if held is None:
        return _empty(gallery, fingerprint)
    if held.model != fingerprint:
        raise OutputError(f"{directory} holds embeddings by another model, or by another version of it")
    if os.path.commonpath([held.gallery, gallery]) == held.gallery:
        return held
    if os.path.isdir(held.gallery):
        raise OutputError(f"{directory} holds embeddings of the images in {held.gallery}, not of those in {gallery}")
    _log.info("%s is gone; the images of %s are now looked for in %s.", held.gallery, directory, gallery)
    return held._replace(gallery=gallery, digest="")


def _empty(gallery: str, fingerprint: str) -> ImageIndex:
    return ImageIndex(gallery, fingerprint, [], np.empty((0, 2), np.int64), np.empty((0, 0), np.float32))


def _existing(names: Collection[str], gallery: str) -> set[str]:
    return {name for name in names if os.path.exists(os.path.join(gallery, name))}


def _stamp(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns
