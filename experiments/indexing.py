"""The index of a gallery with what is derived from it: a Parquet file and an approximate index by FAISS."""

from __future__ import annotations

import importlib.util
import logging
import os
import pathlib
from typing import NamedTuple

import numpy as np

from ccp.errors import first_line
from datasets.files import OutputError, read_json, save_json
from datasets.image_files import find_images
from evaluate.search.approximate import FLAT, ApproximateIndex, build_approximate, is_available, load_approximate
from experiments.image_index import IndexedImages, index_images
from experiments.index_files import FAISS, FAISS_DESCRIPTION, PARQUET, ImageIndex, derived_file
from models.serving.exported_model import ExportedModel

_log = logging.getLogger("ccp")


class Approximation(NamedTuple):
    """An approximate index beside the exact one.

    Attributes:
      kind: as faiss describes it.
      recall: the share of the ten nearest images that it finds.
    """

    kind: str
    recall: float

    def __str__(self) -> str:
        return f"FAISS {self.kind}, which finds {100 * self.recall:.1f}% of the ten nearest"


def index_gallery(
    model_dir: str, gallery: str, output: str, skip_unreadable: bool = False, overwrite: bool = False
) -> tuple[IndexedImages, Approximation | None]:
    """Brings the index of a gallery up to date, and what is derived from it where the packages for it are installed.

    Args:
      model_dir: an exported model.
      gallery: a directory of images, searched in depth, or a pattern.
      output: the directory of the index.
      skip_unreadable: leave out images that cannot be read; otherwise the first one is an error.
      overwrite: replace an ``output`` that is damaged, another model's, or of other images.

    Returns:
      The images, and the approximate index; None where faiss is not installed.

    Raises:
      UserError: see ``index_images``.
    """
    files = find_images(gallery)  # Raises if there are none, before the model is loaded.
    model = ExportedModel(model_dir)
    done = index_images(model, gallery, files, output, skip_unreadable, overwrite, flag="--output", keep_others=False)
    folder = pathlib.Path(output)
    if importlib.util.find_spec("pyarrow") is not None and not (folder / PARQUET).exists():
        try:
            _write_parquet(folder, done.index)
        except ImportError as error:  # Recent ones need NumPy 2.
            _log.warning("%s is left out: %s", PARQUET, first_line(error))
    if not is_available():
        return done, None
    if not (folder / FAISS_DESCRIPTION).exists():
        approximate = build_approximate(done.index.embeddings)
        with derived_file(folder, FAISS, done.index) as file:
            approximate.save(file)
        description = {"kind": approximate.kind, "recall_at_10": approximate.recall(done.index.embeddings)}
        with derived_file(folder, FAISS_DESCRIPTION, done.index) as file:
            save_json(file, description)
    description = read_json(folder / FAISS_DESCRIPTION)
    return done, Approximation(description["kind"], description["recall_at_10"])


def read_approximate(directory: str) -> tuple[ApproximateIndex, Approximation] | None:
    """The approximate index beside an exact one; None if there is none that is faster, or faiss is not installed.

    Raises:
      OutputError: it is damaged.
    """
    folder = pathlib.Path(directory)
    if not is_available() or not (folder / FAISS_DESCRIPTION).exists():
        return None
    try:
        description = read_json(folder / FAISS_DESCRIPTION)
        kind, recall = description["kind"], description["recall_at_10"]
        if kind == FLAT:
            return None
        return load_approximate(folder / FAISS, kind), Approximation(kind, recall)
    except (OutputError, KeyError, TypeError, RuntimeError):  # The last one is faiss'.
        remedy = f"delete {FAISS_DESCRIPTION} there and run main.py index again"
        raise OutputError(f"{folder / FAISS} is damaged; {remedy}.") from None


def _write_parquet(folder: pathlib.Path, index: ImageIndex) -> None:
    """Columns ``name``, ``label`` and ``embedding``."""
    import pyarrow
    import pyarrow.parquet

    def text(values: list[str]) -> list[str]:
        return [os.fsencode(value).decode("utf-8", "backslashreplace") for value in values]

    flat = pyarrow.array(np.ascontiguousarray(index.embeddings).ravel())
    columns = {
        "name": text(index.names),
        "label": text(index.labels),
        "embedding": pyarrow.FixedSizeListArray.from_arrays(flat, index.embeddings.shape[1]),
    }
    with derived_file(folder, PARQUET, index) as file:
        pyarrow.parquet.write_table(pyarrow.table(columns), file)
