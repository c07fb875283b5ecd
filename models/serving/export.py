"""Writing the SavedModel of a network in the layout of TensorFlow Serving, and checking what was written."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from datasets.files import save_json
from models.serving.bare_process import Sample, largest_difference
from models.serving.exported_model import INFO_FILE
from models.serving.gallery import SEARCH, Gallery
from models.serving.network import ENCODED
from models.serving.threshold import THRESHOLD_FILE, parse_threshold
from models.serving.versions import new_version


def export(
    network: tf.Module,
    signatures: Mapping[str, Any],
    directory: str,
    info: Mapping[str, Any],
    gallery: Gallery | None = None,
    version: int | None = None,
    sample: Sample | None = None,
    threshold: Mapping[str, Any] | None = None,
) -> tuple[pathlib.Path, float | None]:
    """Writes a version of a SavedModel that needs nothing of this project to be loaded.

    ``DIRECTORY/VERSION/`` holds ``saved_model.pb``, ``variables/`` and ``embedding.json``.

    Args:
      network: an ``EmbeddingNetwork``, or that of an exported model: it holds the variables that the signatures use.
      signatures: its functions by name.
      directory: of the numbered versions.
      info: kept as ``embedding.json``: where the model is from, and its scores.
      gallery: what signature ``search`` searches; None for no such signature.
      version: its number; None for the one after the newest, or 1.
      sample: files that the model is tried on in a bare process, before it gets its number.
      threshold: kept as ``threshold.json``; signature ``search`` then says which images are of the query's class.

    Returns:
      The version's directory, and the largest difference from the sample's embeddings; None without a sample.

    Raises:
      ExportError: see ``new_version``; or the sample's embeddings differ by more than its tolerance. Nothing is left of
        the version then.
    """
    root, signatures = tf.Module(), dict(signatures)
    root.network = network
    if gallery is not None:
        root.gallery = gallery
        signatures[SEARCH] = gallery.search_signature(
            signatures[ENCODED], None if threshold is None else parse_threshold(threshold)
        )
    with new_version(directory, version) as (temporary, final):
        tf.saved_model.save(root, str(temporary), signatures=signatures)
        save_json(temporary / INFO_FILE, dict(info))
        if threshold is not None:
            save_json(temporary / THRESHOLD_FILE, dict(threshold))
        difference = None if sample is None else largest_difference(temporary, sample)
    return final, difference
