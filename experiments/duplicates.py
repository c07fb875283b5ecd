"""Images of a set that show the same: equal files, equal pixels, or embeddings close together."""

from __future__ import annotations

import os
import pathlib
from typing import NamedTuple

import numpy as np

from datasets.duplicates import identical_files, identical_pixels
from datasets.files import save_csv, save_text
from datasets.image_files import find_images
from evaluate.report.pairs_page import Pair, render_pairs
from evaluate.search import nearest_neighbors
from experiments.image_index import index_images
from models.serving.exported_model import ExportedModel
from models.serving.file_embedding import ImageError

# An image is compared with as many of its nearest ones; more that are as near are linked through those.
_NEIGHBORS = 10
FILES, PIXELS, NEAR = "same file", "same pixels", "near"


class Duplicates(NamedTuple):
    """What was found.

    Attributes:
      pairs: of different files, each in the first of its kinds; the most alike first.
      num_images: in the set.
      skipped: (path, reason) of images that could not be read.
    """

    pairs: list[Pair]
    num_images: int
    skipped: list[tuple[str, str]]


def find_duplicates(
    images: str,
    model_dir: str | None = None,
    threshold: float = 0.05,
    index: str | None = None,
    skip_unreadable: bool = False,
    overwrite: bool = False,
) -> Duplicates:
    """Finds pairs of images that show the same.

    Of a group of equal files or pixels each one is paired with the first.

    Args:
      images: a directory, searched in depth, or a pattern.
      model_dir: an exported model; None compares files and pixels alone.
      threshold: the largest Euclidean distance of near pairs, between normalised embeddings: from 0 to 2.
      index: the directory that keeps the embeddings; see ``index_images``.
      skip_unreadable: leave out images that cannot be read; otherwise the first one is an error.
      overwrite: replace an ``index`` that holds something else.

    Raises:
      UserError: an image cannot be read, there is none, or ``index`` holds something else.
    """
    files = [os.path.abspath(path) for path in find_images(images)]
    model = ExportedModel(model_dir) if model_dir else None
    same_pixels, unreadable = identical_pixels(files)
    if unreadable and not skip_unreadable:
        file, why = next(iter(unreadable.items()))
        raise ImageError(f"{file} cannot be read ({why}). Fix or remove it, or pass --on_error=skip.")
    groups = [(FILES, [group for group in identical_files(files) if files[group[0]] not in unreadable])]
    groups.append((PIXELS, same_pixels))
    found: dict[tuple[str, str], Pair] = {}
    for kind, of_kind in groups:
        for first, *others in of_kind:
            for other in others:
                found.setdefault((files[first], files[other]), Pair(kind, files[first], files[other], 0.0))
    skipped = dict(unreadable)
    if model:
        embedded = index_images(model, images, files, index, skip_unreadable, overwrite)
        skipped.update(embedded.skipped)
        copies = {files[other] for group in same_pixels for other in group[1:]}  # The first one stands for all.
        for places, distance in _near(embedded.embeddings, threshold).items():
            pair = embedded.paths[places[0]], embedded.paths[places[1]]
            if copies.isdisjoint(pair):
                found.setdefault(pair, Pair(NEAR, *pair, distance))
    order = [FILES, PIXELS, NEAR]
    pairs = sorted(found.values(), key=lambda pair: (order.index(pair.kind), pair.distance, pair.first, pair.second))
    return Duplicates(pairs, len(files), sorted(skipped.items()))


def write_duplicates(duplicates: Duplicates, images: str, output: str) -> list[pathlib.Path]:
    """Writes all pairs as ``duplicates.csv``, and a page that shows them, ``index.html``, into a directory."""
    folder = pathlib.Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        [pair.kind, f"{pair.distance:.6g}", pair.first, pair.second, "yes" if _in_one_folder(pair) else "no"]
        for pair in duplicates.pairs
    ]
    save_csv(folder / "duplicates.csv", ["kind", "distance", "first", "second", "same_folder"], rows)
    save_text(folder / "index.html", render_pairs(duplicates.pairs, images, duplicates.num_images))
    return [folder / "duplicates.csv", folder / "index.html"]


def _near(embeddings: np.ndarray, threshold: float) -> dict[tuple[int, int], float]:
    """Pairs of places, the lower one first, at a distance of at most ``threshold``, with the distance."""
    if len(embeddings) < 2:
        return {}
    found = nearest_neighbors(embeddings, k=_NEIGHBORS)
    rows, columns = np.nonzero(found.distances <= threshold)
    pairs = np.sort([rows, found.indices[rows, columns]], axis=0).T.tolist()
    return dict(zip(map(tuple, pairs), found.distances[rows, columns].tolist()))


def _in_one_folder(pair: Pair) -> bool:
    return os.path.dirname(pair.first) == os.path.dirname(pair.second)
