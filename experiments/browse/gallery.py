"""The gallery that the page searches: its answers as values for JSON, and its images as thumbnails."""

from __future__ import annotations

import functools
import io
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ccp.errors import UserError
from datasets.images.headers import MAX_PIXELS
from datasets.images.pillow import FORMATS
from datasets.manifest import DataError
from evaluate.figures.plane import principal_plane
from evaluate.file_thumbnails import file_thumbnail
from evaluate.search.gallery_search import GallerySearch
from models.serving.file_embedding import embed_contents
from models.serving.threshold import Threshold
from models.serving.vote import vote

MOST_ANSWERS = 100
_THUMBNAIL, _MOST_THUMBNAILS = 320, 2000  # Pixels; and how many are kept in memory, about 20 KB each.
_CRISP = 128  # Up to so many pixels, images are sent without loss.
_MAP_SAMPLE = 10_000  # Images from which the plane of the map is computed.


class UnreadableError(UserError):
    """An image that was sent cannot be read."""


class ImageSet(NamedTuple):
    """The images of a gallery.

    Attributes:
      directory: of the gallery; files outside are never shown.
      paths: [num_images] absolute paths of the files.
      class_names: [num_images] empty where unknown.
      embeddings: [num_images, embedding_size].
      skipped: (path, reason) of files that could not be read.
    """

    directory: str
    paths: Sequence[str]
    class_names: Sequence[str]
    embeddings: np.ndarray
    skipped: Sequence[tuple[str, str]] = ()


class BrowsedGallery:
    """A gallery with the model that embeds what is searched for. Its methods may be called by several threads.

    Args:
      images: of the gallery.
      embed_masked: the model's signature ``encoded_masked``.
      threshold: when two images are of one class; None if it is not known.
      about: of the model, as topics with texts.

    Raises:
      EvaluationError: an embedding is not finite.
    """

    def __init__(
        self, images: ImageSet, embed_masked: Any, threshold: Threshold | None, about: Mapping[str, str]
    ) -> None:
        self.images, self._threshold, self._embed_masked = images, threshold, embed_masked
        self._search = GallerySearch(images.embeddings)
        sampled = np.linspace(0, len(images.paths) - 1, min(_MAP_SAMPLE, len(images.paths))).astype(np.int64)
        self._plane = principal_plane(images.embeddings[np.unique(sampled)])
        flat = self._plane.flat(images.embeddings)
        lowest, highest = flat.min(axis=0), flat.max(axis=0)
        self._extent = float((highest - lowest).max()) or 1.0  # The same scale in both directions.
        self._corner = (lowest + highest - self._extent) / 2
        self._directory = os.path.realpath(images.directory)
        self._embedding = threading.Lock()  # Of large photographs, several at once might take all memory.
        self.thumbnail = functools.lru_cache(_MOST_THUMBNAILS)(self._thumbnail)
        known = set(images.class_names) - {""}
        self.about = {
            "model": dict(about),
            "gallery": images.directory,
            "images": len(images.paths),
            "classes": len(known),
            "threshold": threshold and threshold._asdict(),
            "most": min(MOST_ANSWERS, len(images.paths)),
        }

    def near(self, number: int) -> dict[str, Any]:
        """The images nearest to an image of the gallery, without itself; see ``search``."""
        embedding = self.images.embeddings[number]
        found = self._search.nearest(embedding, MOST_ANSWERS + 1)
        is_other = found.indices[0] != number
        others = found.indices[0][is_other][:MOST_ANSWERS], found.distances[0][is_other][:MOST_ANSWERS]
        return {"query": self._described(number), **self._answer(embedding, *others)}

    def search(self, contents: bytes) -> dict[str, Any]:
        """The images nearest to an image file.

        Returns:
          ``answers``, nearest first, each with ``image`` (its number), ``name``, ``class``, ``distance`` and, if there
          is a threshold, ``verdict``; ``votes``, the class and share of the first answer, the first two, and so on; and
          ``place``, where the query is in the map.

        Raises:
          UnreadableError: it cannot be read as an image.
        """
        with self._embedding:
            (embedding,) = embed_contents(self._embed_masked, [contents])
        if isinstance(embedding, str):
            raise UnreadableError(
                f"This file cannot be read as an image: it is damaged, has more than {MAX_PIXELS:,} pixels, or is none "
                f"of {', '.join(FORMATS)}."
            )
        found = self._search.nearest(embedding, MOST_ANSWERS)
        return self._answer(embedding, found.indices[0], found.distances[0])

    @functools.cached_property
    def map(self) -> dict[str, Any]:
        """The gallery in the plane of its two principal components.

        Returns:
          ``x`` and ``y``, from 0 to 1000, and ``class``, the place in ``classes``, of every image.
        """
        classes = sorted(set(self.images.class_names))
        numbers = {name: number for number, name in enumerate(classes)}
        x, y = self._in_map(self.images.embeddings).T
        return {
            "x": x.tolist(),
            "y": y.tolist(),
            "class": [numbers[name] for name in self.images.class_names],
            "classes": classes,
        }

    def _thumbnail(self, number: int) -> tuple[str, bytes]:
        """The type and the contents of an image of the gallery, made small.

        Raises:
          DataError: it cannot be read, or is a link to a file outside the gallery.
        """
        path = os.path.realpath(self.images.paths[number])
        if os.path.commonpath([path, self._directory]) != self._directory:
            raise DataError(f"{self.images.paths[number]} leads out of the gallery")
        try:
            image = file_thumbnail(path, _THUMBNAIL)
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror})") from error
        kind = "PNG" if max(image.size) <= _CRISP else "JPEG"
        buffer = io.BytesIO()
        image.save(buffer, kind, quality=85)
        return f"image/{kind.lower()}", buffer.getvalue()

    def _answer(self, embedding: np.ndarray, numbers: np.ndarray, distances: np.ndarray) -> dict[str, Any]:
        answers = [
            {**self._described(number), "distance": round(distance, 4)}
            for number, distance in zip(numbers.tolist(), distances.tolist())
        ]
        if self._threshold is not None:
            for answer, verdict in zip(answers, self._threshold.verdicts(distances).tolist()):
                answer["verdict"] = verdict
        names = [answer["class"] for answer in answers]
        votes = [vote(names[:count])._asdict() for count in range(1, len(names) + 1)]
        return {"answers": answers, "votes": votes, "place": self._in_map(embedding[np.newaxis])[0].tolist()}

    def _described(self, number: int) -> dict[str, Any]:
        name = os.path.relpath(self.images.paths[number], self.images.directory)
        return {"image": number, "name": name, "class": self.images.class_names[number]}

    def _in_map(self, embeddings: np.ndarray) -> np.ndarray:
        """[number, 2] whole numbers from 0 to 1000."""
        places = 1000 * (self._plane.flat(embeddings) - self._corner) / self._extent
        return np.clip(np.rint(places), 0, 1000).astype(np.int64)
