"""Where Keras has what tests replace: its modules are named otherwise in Keras 2 and in Keras 3."""

from __future__ import annotations

import importlib.util

_HOMES = ("keras.src.utils.file_utils", "keras.src.utils.data_utils")
# The module of ``get_file`` and ``urlretrieve``.
DOWNLOADS = next(home for home in _HOMES if importlib.util.find_spec(home))
