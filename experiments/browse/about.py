"""What the page says of its model."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

from evaluate.metrics.registry import STANDARD, title
from evaluate.metrics.table import score_text


def about_model(directory: pathlib.Path, info: Mapping[str, Any]) -> dict[str, str]:
    """The name of an exported model, its training and its test scores, as topics with texts.

    Args:
      directory: of its version.
      info: see ``read_info``.
    """
    about = {"Model": os.path.join(directory.parent.name, directory.name)}
    if "dataset" in info and "loss" in info:
        about["Trained on"] = f"{info['dataset']}, {info['loss']}"
    scores = info.get("test")
    if scores:
        shown = [f"{title(metric)} {score_text(scores, metric)} %" for metric in STANDARD if metric in scores]
        about["Test scores"] = ", ".join(shown)
        about["Tested by"] = info.get("protocol", {}).get("test", "")
    return {topic: text for topic, text in about.items() if text}
