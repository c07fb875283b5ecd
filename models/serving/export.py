"""Writing the SavedModel of a network in the layout of TensorFlow Serving, and checking what was written."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from datasets.files import save_json
from datasets.input.formats import ImageFormat
from models.serving.bare_process import Sample, largest_difference
from models.serving.exported_model import INFO_FILE, ExportedModel
from models.serving.gallery import SEARCH, Gallery
from models.serving.joined_networks import Network
from models.serving.network import ENCODED, EmbeddingNetwork
from models.serving.versions import ExportError, write_version


class ServedNetwork(NamedTuple):
    """What an exported model does without a gallery.

    Attributes:
      module: holds the variables that the signatures use.
      signatures: functions by name.
    """

    module: tf.Module
    signatures: Mapping[str, Any]


class Export(NamedTuple):
    """What was written.

    Attributes:
      directory: of the version.
      difference: the largest difference from the sample's embeddings; None if there was no sample.
    """

    directory: pathlib.Path
    difference: float | None


def served_network(network: Network, image_format: ImageFormat) -> ServedNetwork:
    """A network as it is exported; see ``EmbeddingNetwork``."""
    module = EmbeddingNetwork(network, image_format)
    return ServedNetwork(module, module.signatures())


def exported_network(model: ExportedModel) -> ServedNetwork:
    """The network of an exported model, bit for bit and without its gallery, to be exported again.

    Raises:
      ExportError: the model was not written by ``export``.
    """
    if not hasattr(model.loaded, "network"):
        raise ExportError(f"{model.directory} was not written by main.py export, which alone can change its gallery.")
    signatures = {name: function for name, function in model.signatures.items() if name != SEARCH}
    return ServedNetwork(model.loaded.network, signatures)


def export(
    served: ServedNetwork,
    directory: str,
    info: Mapping[str, Any],
    gallery: Gallery | None = None,
    version: int | None = None,
    sample: Sample | None = None,
) -> Export:
    """Writes a version of a SavedModel that needs nothing of this project to be loaded.

    ``DIRECTORY/VERSION/`` holds ``saved_model.pb``, ``variables/`` and ``embedding.json``.

    Args:
      served: the network.
      directory: of the numbered versions.
      info: kept as ``embedding.json``: where the model is from, and its scores.
      gallery: what signature ``search`` searches; None for no such signature.
      version: its number; None for the one after the newest, or 1.
      sample: files that the model is tried on in a bare process, before it gets its number.

    Raises:
      ExportError: see ``write_version``; or the sample's embeddings differ by more than its tolerance. Nothing is
        left of the version then.
    """
    root, signatures, differences = tf.Module(), dict(served.signatures), [None]
    root.network = served.module
    if gallery is not None:
        root.gallery = gallery
        signatures[SEARCH] = gallery.search_signature(signatures[ENCODED])

    def write(place: pathlib.Path) -> None:
        tf.saved_model.save(root, str(place), signatures=signatures)
        save_json(place / INFO_FILE, dict(info))
        if sample is not None:
            differences.append(largest_difference(place, sample))

    return Export(write_version(directory, version, write), differences[-1])
