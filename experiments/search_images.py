"""The images of a gallery that are nearest to query images."""

from __future__ import annotations

import os
import pathlib
from typing import NamedTuple

import numpy as np

from datasets.files import written_whole
from datasets.image_files import find_images
from evaluate.figures.retrieval import RetrievalRow, draw_retrievals
from evaluate.figures.style import save
from evaluate.file_thumbnails import file_thumbnail
from evaluate.search import nearest_neighbors
from evaluate.search.reranking import reranked_neighbors
from experiments.image_index import folder_class, index_images
from experiments.indexing import Approximation, read_approximate
from models.serving.exported_model import ExportedModel
from models.serving.file_embedding import embed_files
from models.serving.threshold import read_threshold
from models.serving.vote import Vote, vote

_MOST_ROWS, _MOST_DRAWN = 12, 20
# Inches; five answers beside each other and the query are then 160 pixels wide each.
_PICTURE_WIDTH, _COLUMNS = 8.4, 5
_THUMBNAIL = 256


class Found(NamedTuple):
    """The images nearest to a query.

    Attributes:
      query: its file.
      paths: of the nearest images, nearest first.
      distances: Euclidean, between normalised embeddings: from 0 to 2.
      class_name: the query's class; empty if it is not known.
      class_names: the images' classes; empty where not known.
      verdicts: ``same``, ``unsure`` or ``different`` class of each; None if the model has no threshold.
    """

    query: str
    paths: list[str]
    distances: np.ndarray
    class_name: str
    class_names: list[str]
    verdicts: list[str] | None = None

    def is_query(self, place: int) -> bool:
        """Whether a found image is the query itself."""
        return self.paths[place] == os.path.abspath(self.query)

    @property
    def vote(self) -> Vote:
        """The class that most of the found images have, the query itself left out."""
        return vote([name for place, name in enumerate(self.class_names) if not self.is_query(place)])


class SearchResult(NamedTuple):
    """Answers, and the gallery that was searched.

    Attributes:
      answers: one for each query.
      num_images: in the gallery.
      reused: how many of them had been embedded before.
      skipped: (path, reason) of gallery files that could not be read.
      approximation: what found them; None if they are exact.
    """

    answers: list[Found]
    num_images: int
    reused: int
    skipped: list[tuple[str, str]]
    approximation: Approximation | None


def search_images(
    model_dir: str,
    gallery: str,
    query: str,
    count: int = 10,
    index: str | None = None,
    skip_unreadable: bool = False,
    overwrite: bool = False,
    reranking: str = "none",
    exact: bool = False,
) -> SearchResult:
    """Finds the images of a gallery that are nearest to query images.

    The class of a gallery image is the name of its folder right in the gallery. That of a query is known if it is in
    the gallery, too, or in a folder that is called like one of these classes.

    Args:
      model_dir: an exported model.
      gallery: a directory of images, searched in depth, or a pattern.
      query: an image file, or a directory or pattern of them.
      count: how many to find.
      index: the directory that keeps the gallery's embeddings; see ``index_images``.
      skip_unreadable: leave out gallery images that cannot be read; otherwise the first one is an error.
      overwrite: replace an ``index`` that holds something else, or another model's embeddings.
      reranking: the order of what is found; see ``evaluate.search.reranking``; ``none`` is by distance.
      exact: compare with all images, also where ``main.py index`` has made an approximate index of the whole gallery.

    Raises:
      UserError: an image cannot be read, there is none, an embedding is not finite, or ``index`` holds something else.
    """
    files = find_images(gallery)  # Raises if there are none, before the model is loaded.
    model = ExportedModel(model_dir)
    threshold = read_threshold(model.directory)
    remedy = "Pass --query, an image that can be read."
    queries = embed_files(model.signatures, find_images(query), skip_unreadable=False, remedy=remedy)
    found = index_images(model, gallery, files, index, skip_unreadable, overwrite)
    count, is_whole = min(count, len(found.paths)), len(found.paths) == len(found.index.names)
    may_approximate = is_whole and not exact and reranking == "none"
    approximate, approximation = (may_approximate and read_approximate(found.directory)) or (None, None)
    if approximate:
        neighbors = approximate.nearest(queries.embeddings, found.embeddings, count)
    elif reranking == "none":
        neighbors = nearest_neighbors(queries.embeddings, found.embeddings, count)
    else:
        neighbors = reranked_neighbors(reranking, queries.embeddings, found.embeddings, count)
    classes = [folder_class(path, gallery) for path in found.paths]
    known = set(classes)
    answers = [
        Found(
            path,
            [found.paths[place] for place in places],
            distances,
            _query_class(path, gallery, known),
            [classes[place] for place in places],
            None if threshold is None else threshold.verdicts(distances).tolist(),
        )
        for path, places, distances in zip(queries.paths, *neighbors)
    ]
    return SearchResult(answers, len(found.paths), found.reused, found.skipped, approximation)


def draw_answers(result: SearchResult, path: str) -> pathlib.Path:
    """Draws the first twelve queries and their twenty nearest images at most into a PNG file.

    Below each image are its distance, with the verdict of the model's threshold if it has one, its class and its file's
    name; it is marked right or wrong where the query's class is known.

    Raises:
      OutputError: it cannot be written.
    """
    files: dict[str, int] = {}
    rows = [_row(answer, files) for answer in result.answers[:_MOST_ROWS]]
    names = list(files)
    figure = draw_retrievals(
        rows, lambda place: np.asarray(file_thumbnail(names[place], _THUMBNAIL)), _PICTURE_WIDTH, _COLUMNS
    )
    with written_whole(path) as file:
        save(figure, file)
    return pathlib.Path(path)


def _row(answer: Found, files: dict[str, int]) -> RetrievalRow:
    """What is drawn of an answer; ``files`` numbers all that are to be drawn."""
    paths = answer.paths[:_MOST_DRAWN]
    right, captions = [], []
    for place, (path, name) in enumerate(zip(paths, answer.class_names)):
        itself, verdict = answer.is_query(place), f"  {answer.verdicts[place]}" if answer.verdicts else ""
        right.append(None if itself or not answer.class_name else name == answer.class_name)
        shown = "the query itself" if itself else os.path.basename(path)
        captions.append((f"{answer.distances[place]:.4f}{verdict}", name or "–", shown))
    known = f" ({answer.class_name})" if answer.class_name else ""
    drawn = f": the nearest {len(paths)} of {len(answer.paths)}" if len(paths) < len(answer.paths) else ""
    places = [files.setdefault(path, len(files)) for path in (answer.query, *paths)]
    return RetrievalRow(
        f"{os.path.basename(answer.query)}{known}{drawn}", places[0], np.array(places[1:]), right, captions
    )


def _query_class(path: str, gallery: str, classes: set[str]) -> str:
    """The class of a query; empty if it is not known."""
    folders = pathlib.Path(os.path.abspath(path)).parent.parts
    return folder_class(path, gallery) or next((name for name in reversed(folders) if name in classes), "")
