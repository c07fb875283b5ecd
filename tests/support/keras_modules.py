"""Where Keras has what tests replace: its modules are named otherwise in Keras 2 and in Keras 3."""

from __future__ import annotations

import contextlib
import importlib.util
import pathlib
from collections.abc import Iterator
from unittest import mock

_HOMES = ("keras.src.utils.file_utils", "keras.src.utils.data_utils")
# The module of ``get_file`` and ``urlretrieve``.
DOWNLOADS = next(home for home in _HOMES if importlib.util.find_spec(home))


@contextlib.contextmanager
def home_directory(folder: pathlib.Path) -> Iterator[None]:
    """Keras keeps its files in ``folder/.keras``."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict("os.environ", HOME=str(folder)))
        if _HOMES[0] == DOWNLOADS:  # Keras 3 has looked for it when it was imported.
            stack.enter_context(mock.patch("keras.src.backend.config._KERAS_DIR", str(folder / ".keras")))
        yield
