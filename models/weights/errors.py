"""The error of files of weights."""

from __future__ import annotations

import os

from ccp.errors import UserError


class WeightsError(UserError, ValueError):
    """Weights cannot be read, or do not fit a network; the message names which, and what to do."""


def check_readable(path: str) -> None:
    """Raises a WeightsError if there is no file at ``path``."""
    if os.path.isdir(path):
        raise WeightsError(f"{path} is a directory; pass the file of weights itself.")
    if not os.path.exists(path):
        raise WeightsError(f"There is no file of weights at {path}; check the path.")
