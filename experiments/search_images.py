"""The images of a gallery that are nearest to query images."""

from __future__ import annotations

import hashlib
import os
import pathlib
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from datasets.files import written_whole
from datasets.image_files import find_images
from evaluate.figures.retrieval import RetrievalRow, draw_retrievals
from evaluate.figures.style import save
from evaluate.search import nearest_neighbors
from experiments.embed_files import embed_images
from models.serving.exported_model import ExportedModel
from models.serving.file_embedding import embed_files

_MOST_ROWS = 12
_THUMBNAIL = 128


class Found(NamedTuple):
    """The images nearest to a query.

    Attributes:
      query: its file.
      paths: of the nearest images, nearest first.
      distances: Euclidean, between normalised embeddings: from 0 to 2.
    """

    query: str
    paths: list[str]
    distances: np.ndarray


class SearchResult(NamedTuple):
    """Answers, and the gallery that was searched.

    Attributes:
      answers: one for each query.
      num_images: in the gallery.
      reused: how many of them had been embedded before.
      skipped: (path, reason) of gallery files that could not be read.
    """

    answers: list[Found]
    num_images: int
    reused: int
    skipped: list[tuple[str, str]]


def search_images(
    model_dir: str,
    gallery: str,
    query: str,
    count: int = 10,
    index: str | None = None,
    skip_unreadable: bool = False,
) -> SearchResult:
    """Finds the images of a gallery that are nearest to query images.

    Args:
      model_dir: an exported model.
      gallery: a directory of images, searched in depth, or a pattern.
      query: an image file, or a directory or pattern of them.
      count: how many to find.
      index: the ``.npz`` file that keeps the gallery's embeddings, as ``main.py embed`` writes it; None for one beside
        the gallery.
      skip_unreadable: leave out gallery images that cannot be read; otherwise the first one is an error.

    Raises:
      UserError: an image cannot be read, there is none, or an embedding is not finite.
    """
    find_images(gallery)  # Raises if there are none, before the model is loaded.
    model = ExportedModel(model_dir)
    remedy = "Pass --query, an image that can be read."
    queries = embed_files(model.signatures, find_images(query), skip_unreadable=False, remedy=remedy)
    found = embed_images(model, gallery, index or _default_index(gallery), skip_unreadable, "--index")
    neighbors = nearest_neighbors(queries.embeddings, found.embeddings, min(count, len(found.paths)))
    answers = [
        Found(path, [found.paths[index] for index in indices], distances)
        for path, indices, distances in zip(queries.paths, *neighbors)
    ]
    return SearchResult(answers, len(found.paths), found.reused, found.skipped)


def draw_answers(result: SearchResult, path: str) -> pathlib.Path:
    """Draws the first twelve queries and their nearest images into a PNG file.

    Raises:
      OutputError: it cannot be written.
    """
    answers = result.answers[:_MOST_ROWS]
    files = list(dict.fromkeys([name for answer in answers for name in (answer.query, *answer.paths)]))
    places = {name: place for place, name in enumerate(files)}
    rows = [
        RetrievalRow(pathlib.Path(query).name, places[query], np.array([places[path] for path in paths]), None)
        for query, paths, _ in answers
    ]
    figure = draw_retrievals(rows, lambda place: _thumbnail(files[place]))
    with written_whole(path) as file:
        save(figure, file)
    return pathlib.Path(path)


def _default_index(gallery: str) -> str:
    """Beside the gallery; each pattern has a separate one, as it is a part of its directory."""
    place = os.path.abspath(gallery)
    if not os.path.isdir(place):
        pattern = hashlib.sha256(os.fsencode(place)).hexdigest()[:8]
        place = os.path.join(place.split("*")[0].rpartition(os.sep)[0], pattern)
    return f"{place}.embeddings.npz"


def _thumbnail(path: str) -> np.ndarray:
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image).convert("RGB")
        image.thumbnail((_THUMBNAIL, _THUMBNAIL))
        return np.asarray(image)
