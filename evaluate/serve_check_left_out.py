"""Files that an exported model was not tried on, or could not embed: whose fault that is, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datasets.images import headers
from evaluate.serve_check_images import Trial

_MOST_LINES = 5


def coverage(files: Mapping[str, bytes], refused: Mapping[str, str]) -> dict[str, Any]:
    """The check that a model embeds what its run reads, of the formats that it is said to read.

    Args:
      files: the bytes of those that the run reads, by name.
      refused: why the model cannot embed some of them, by name.
    """
    found = f"{len(files) - len(refused)} of {len(files)} images embedded"
    faults = [name for name in refused if _is_of_a_served_format(files[name])]
    if faults:
        found += f"; not {faults[0]}: {refused[faults[0]]}"
    return {"check": "embeds what the run reads", "passed": not faults, "found": found}


def advice(trial: Trial, refused: Mapping[str, str]) -> list[str]:
    """What to do about files that are left out, in sentences.

    Args:
      trial: what was to be tried.
      refused: see ``coverage``.
    """
    others = "pass --images, a pattern of others."
    if trial.expected is None:
        return [f"Mend or remove these, or {others}"] if trial.left_out or refused else []
    said = [f"Mend or remove what the run cannot read, or {others}"] if trial.left_out else []
    if not all(_is_of_a_served_format(trial.files[name]) for name in refused):
        said.append(f"The run reads more formats than the model that is served: JPEG, PNG, GIF and BMP; {others}")
    return said


def left_out_lines(left_out: Mapping[str, str], sentences: Sequence[str]) -> list[str]:
    """For a terminal, the first files that are left out, with the reasons, and what to do."""
    lines = [f"left out: {name}: {why}" for name, why in list(left_out.items())[:_MOST_LINES]]
    if len(left_out) > _MOST_LINES:
        lines.append(f"          and {len(left_out) - _MOST_LINES} more")
    return [*lines, *(f"          {sentence}" for sentence in sentences)]


def _is_of_a_served_format(contents: bytes) -> bool:
    return bool(headers.format_of(headers.head_of(contents)) != headers.UNKNOWN)
