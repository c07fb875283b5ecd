"""The SavedModel that is served, in the layout that TensorFlow Serving loads as it is."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from datasets.input.formats import ImageFormat
from models.serving.gallery import Gallery
from models.serving.network import EmbeddingNetwork, Network
from models.serving.signatures import ENCODED, MASKED, UINT8, ServedModel
from models.serving.versions import ExportError, check_place, version_directory, write_version
from models.serving.warmup import warmup_requests, write_warmup

__all__ = [
    "INFO_FILE",
    "ExportError",
    "check_signatures",
    "export",
    "export_served",
    "load_exported",
    "read_info",
    "signature_names",
    "with_gallery",
]

INFO_FILE = "embedding.json"
_REMEDY = "export it with main.py export."


def export(
    model: Network,
    image_format: ImageFormat,
    directory: str,
    info: Mapping[str, Any],
    gallery: Gallery | None = None,
    version: int | None = None,
) -> pathlib.Path:
    """Writes a version of a SavedModel that needs nothing of this project to be loaded.

    Args:
      model: the network, with the weights to be served.
      image_format: what it takes in.
      directory: see ``export_served``.
      info: see ``export_served``.
      gallery: the images that signature ``search`` searches; None for no such signature.
      version: see ``export_served``.

    Returns:
      The version's directory.

    Raises:
      ExportError: there is such a version, or the directory holds something else.
    """
    served = ServedModel(EmbeddingNetwork(model, image_format), image_format.channels, gallery)
    return export_served(served, directory, info, version)


def export_served(
    served: ServedModel,
    directory: str,
    info: Mapping[str, Any],
    version: int | None = None,
    check: Callable[[int], None] | None = None,
) -> pathlib.Path:
    """Writes a version of a served model, which may search a gallery; see ``export``.

    ``DIRECTORY/VERSION/`` holds ``saved_model.pb`` and ``variables/``, ``embedding.json``, and in ``assets.extra/``
    requests to warm up with. It appears under its number only when it is whole.

    Args:
      served: the model.
      directory: where the numbered versions are.
      info: kept beside the model as ``embedding.json``: where it comes from and how it was judged.
      version: its number; None for the one after the newest, or 1.
      check: see ``write_version``.
    """
    check_place(directory, version)
    signatures = served.signatures()

    def write(place: pathlib.Path) -> None:
        tf.saved_model.save(served, str(place), signatures=signatures)
        write_warmup(place, warmup_requests(signatures, served.channels))
        (place / INFO_FILE).write_text(json.dumps(dict(info), indent=2) + "\n")

    return write_version(directory, version, write, check)


def with_gallery(loaded: Any, gallery: Gallery) -> ServedModel:
    """The network of an exported model, to the bit, with a gallery of its own.

    Args:
      loaded: by ``load_exported``.
      gallery: the images that signature ``search`` searches.

    Raises:
      ExportError: it was not written by ``export``.
    """
    if UINT8 not in loaded.signatures or not hasattr(loaded, "network"):
        raise ExportError(f"The SavedModel keeps no network that another gallery could be given to; {_REMEDY}")
    (images,) = loaded.signatures[UINT8].structured_input_signature[1].values()
    return ServedModel(loaded.network, images.shape[-1], gallery)


def load_exported(directory: str) -> Any:
    """An exported model, for ``loaded.signatures[…]``.

    Args:
      directory: where the versions are, of which the newest is loaded; or a version's own directory.

    Raises:
      ExportError: the directory holds no SavedModel, a damaged one, or one without the signatures for image files.
    """
    place = check_signatures(directory)
    try:
        return tf.saved_model.load(str(place))
    except Exception as error:  # TensorFlow raises whatever the damage leads to: IndexError, OSError, its own and more.
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"The SavedModel in {place} cannot be loaded ({why}); {_REMEDY}") from error


def check_signatures(directory: str | os.PathLike) -> pathlib.Path:
    """Where the SavedModel lies, which has the signatures for image files; see ``load_exported``."""
    place = version_directory(directory)
    names = signature_names(place)
    for signature in (ENCODED, MASKED):
        if signature not in names:
            raise ExportError(f"The SavedModel in {place} has no signature {signature!r}; {_REMEDY}")
    return place


def signature_names(version: pathlib.Path) -> set[str]:
    """What a SavedModel answers to, without loading it.

    Args:
      version: its own directory.

    Raises:
      ExportError: it is damaged, or written as text.
    """
    path = version / "saved_model.pb"
    try:
        saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise ExportError(f"{path} cannot be read ({error}); {_REMEDY}") from error
    return {name for graph in saved.meta_graphs for name in graph.signature_def}


def read_info(directory: str) -> dict[str, Any]:
    """What ``export`` was given as ``info``; see ``load_exported``."""
    path = version_directory(directory) / INFO_FILE
    try:
        info = json.loads(path.read_text())
        if not isinstance(info, dict):
            raise ValueError("it holds something else")
        return info
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read ({error}); export the model again with main.py export.") from error
