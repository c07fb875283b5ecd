"""Which images of a gallery are nearest to others."""

from __future__ import annotations

import hashlib
import os
import pathlib
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from ccp.errors import UserError
from datasets.files import written_whole
from datasets.image_files import find_images
from evaluate.figures.retrieval import RetrievalRow, draw_retrievals
from evaluate.figures.style import save
from evaluate.search import nearest_neighbors
from evaluate.search.vectors import Vectors
from experiments.file_embedder import FileEmbedder
from experiments.gallery import open_gallery

_MOST_ROWS = 12
_THUMBNAIL = 128


class Found(NamedTuple):
    """What is nearest to a query.

    Attributes:
      query: its file.
      paths: of the nearest images, nearest first.
      distances: Euclidean, between normalised embeddings: from 0 to 2.
    """

    query: str
    paths: list[str]
    distances: np.ndarray


class SearchResult(NamedTuple):
    """The answers, and what they were searched in.

    Attributes:
      answers: for each query.
      num_images: in the gallery.
      reused: how many of these had been embedded before.
      skipped: (path, reason) of files that could not be read.
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
    engine: str = "exact",
    skip_unreadable: bool = False,
) -> SearchResult:
    """Finds the images of a gallery that are nearest to query images.

    Args:
      model_dir: an exported model.
      gallery: a directory of images, searched in depth, or a pattern.
      query: an image file, or a directory or pattern of them.
      count: how many to find.
      index: the ``.npz`` file that the gallery's embeddings are kept in; None for one beside the gallery.
      engine: ``exact`` compares with every image in float64; ``faiss`` lets the library of that name choose
        (IndexFlatL2, in float32) where it is installed. The distances are those of the embeddings with both.
      skip_unreadable: leave gallery images out that cannot be read; otherwise the first one ends it.

    Raises:
      UserError: an image cannot be read, there is none, an embedding is not finite, or FAISS is not installed.
    """
    nearest = _with_faiss() if engine == "faiss" else _exactly
    find_images(gallery)  # Whether there are any: before the work.
    embed = FileEmbedder(model_dir)
    queries = embed(find_images(query), skip_unreadable=False, remedy="Pass --query, an image that can be read.")
    index = index or _index_of(gallery)
    found = open_gallery(embed, model_dir, gallery, index, skip_unreadable)
    answers = []
    places = nearest(queries.embeddings, found.embeddings, min(count, len(found.paths)))
    for path, query, own in zip(queries.paths, queries.embeddings, places):
        distances = np.linalg.norm(found.embeddings[own].astype(np.float64) - query, axis=1)
        order = np.lexsort((own, distances))
        answers.append(Found(path, [found.paths[place] for place in own[order]], distances[order]))
    return SearchResult(answers, len(found.paths), found.reused, found.skipped)


def draw_answers(result: SearchResult, path: str) -> pathlib.Path:
    """Draws queries with what they found, twelve at most, into a PNG file.

    Raises:
      OutputError: it cannot be written.
    """
    answers = result.answers[:_MOST_ROWS]
    files = list(dict.fromkeys([name for answer in answers for name in (answer.query, *answer.paths)]))
    places = {name: place for place, name in enumerate(files)}
    rows = [
        RetrievalRow(pathlib.Path(a.query).name, places[a.query], np.array([places[p] for p in a.paths]), None)
        for a in answers
    ]
    figure = draw_retrievals(rows, lambda place: _thumbnail(files[place]))
    with written_whole(path) as file:
        save(figure, file)
    return pathlib.Path(path)


def _index_of(gallery: str) -> str:
    """Beside the gallery; a pattern has one of its own, as it is a part of its directory."""
    place = os.path.abspath(gallery)
    if not os.path.isdir(place):
        pattern = hashlib.sha256(os.fsencode(place)).hexdigest()[:8]
        place = os.path.join(place.split("*")[0].rpartition(os.sep)[0], pattern)
    return f"{place}.embeddings.npz"


def _exactly(queries: np.ndarray, gallery: np.ndarray, count: int) -> np.ndarray:
    """Places of the nearest, [num_queries, count]; ties go to the first."""
    return nearest_neighbors(queries, gallery, count).indices


def _with_faiss():
    try:
        import faiss
    except ModuleNotFoundError:
        raise UserError(
            "--engine=faiss needs the library FAISS, which is not installed: '.venv/bin/python -m pip install "
            "faiss-cpu', or leave --engine out for the exact search."
        ) from None

    def nearest(queries: np.ndarray, gallery: np.ndarray, count: int) -> np.ndarray:
        for embeddings, what in ((queries, "query"), (gallery, "gallery")):
            Vectors(embeddings, what)  # Of what is not finite it would find image − 1.
        index = faiss.IndexFlatL2(gallery.shape[1])
        index.add(np.ascontiguousarray(gallery, np.float32))
        # Its distances are dropped: by norms and products in float32, copies of an image lie up to 0.001 apart.
        return index.search(np.ascontiguousarray(queries, np.float32), count)[1]

    return nearest


def _thumbnail(path: str) -> np.ndarray:
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image).convert("RGB")
        image.thumbnail((_THUMBNAIL, _THUMBNAIL))
        return np.asarray(image)
