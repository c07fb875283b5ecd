"""An exported model, loaded."""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ccp.errors import UserError, first_line
from ccp.plain_paths import plain_path
from datasets.files import read_json
from models.serving.network import ENCODED, MASKED
from models.serving.threshold import THRESHOLD_FILE
from models.serving.versions import ExportError, version_directory

INFO_FILE = "embedding.json"
_REMEDY = "export the model again with main.py export."


class ExportedModel:
    """An exported model.

    Attributes:
      directory: of the version that was loaded.
      loaded: what TensorFlow loaded.
      signatures: its functions by name.

    Args:
      directory: an export directory, whose newest version is loaded, or the directory of a version.

    Raises:
      ExportError: there is no SavedModel, or it is damaged or another one.
    """

    def __init__(self, directory: str | os.PathLike):
        self.directory = version_directory(directory)
        try:
            self.loaded = tf.saved_model.load(plain_path(self.directory))
        except Exception as error:  # Damage raises IndexError, OSError, TensorFlow's errors and more.
            raise ExportError(f"{self.directory} cannot be loaded ({first_line(error)}); {_REMEDY}") from error
        self.signatures: Mapping[str, Any] = self.loaded.signatures
        for name in (ENCODED, MASKED):
            if name not in self.signatures:
                raise ExportError(f"The SavedModel in {self.directory} has no signature {name!r}; {_REMEDY}")

    @functools.cached_property
    def fingerprint(self) -> str:
        """A digest of the version's files but the threshold: embeddings of models with the same one are comparable."""
        digest = hashlib.sha256()
        for path in sorted(self.directory.rglob("*")):
            if path.is_file() and path.name != THRESHOLD_FILE:
                digest.update(f"{path.relative_to(self.directory)}\0".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()


def read_info(version: pathlib.Path) -> dict[str, Any]:
    """The ``info`` that a version was exported with.

    Raises:
      ExportError: it is gone or damaged.
    """
    try:
        return read_json(version / INFO_FILE)
    except (OSError, UserError) as error:
        raise ExportError(f"{version / INFO_FILE} cannot be read ({first_line(error)}); {_REMEDY}") from error
