"""Answers of a search as a CSV or JSON file, or as lines."""

from __future__ import annotations

import csv
import io
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from ccp.errors import ConfigError
from datasets.files import check_file, save_json, save_text
from experiments.search_images import Found

_COLUMNS = ("query", "voted_class", "vote_share", "place", "path", "class", "distance", "verdict")


def check_table(path: str) -> None:
    """Finds out before the search whether the file can be written.

    Raises:
      ConfigError: its name ends in neither ``.csv`` nor ``.json``.
      OutputError: it cannot be written.
    """
    if pathlib.Path(path).suffix not in (".csv", ".json"):
        raise ConfigError(f"--table must be a file that ends in .csv or .json; got {path!r}.")
    check_file(path, "--table")


def write_table(answers: Sequence[Found], path: str) -> pathlib.Path:
    """Writes a row for each found image, or, in JSON, an object for each query; no verdicts without a threshold."""
    records = [_record(answer) for answer in answers]
    if pathlib.Path(path).suffix == ".json":
        save_json(path, records)
        return pathlib.Path(path)
    file = io.StringIO()
    writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for record in records:
        writer.writerows({**record, **found, "place": place} for place, found in enumerate(record["found"], 1))
    save_text(path, file.getvalue())
    return pathlib.Path(path)


def answer_lines(answer: Found) -> str:
    """A query, the class voted for where classes are known, and its nearest images."""
    name, share = answer.vote
    voted = f"  (most often {name}: {share:.0%})" if name else ""
    verdicts = answer.verdicts or [""] * len(answer.paths)
    width = max(map(len, verdicts), default=0)
    lines = [
        f"  {distance:.4f}  {verdict:<{width}}{'  ' * bool(width)}{path}"
        for distance, verdict, path in zip(answer.distances, verdicts, answer.paths)
    ]
    return "\n".join([f"{answer.query}{voted}", *lines])


def _record(answer: Found) -> dict[str, Any]:
    found = zip(answer.paths, answer.class_names, answer.distances, answer.verdicts or [""] * len(answer.paths))
    return {
        "query": os.path.abspath(answer.query),
        "voted_class": answer.vote.class_name,
        "vote_share": round(answer.vote.share, 6),
        "found": [
            {"path": path, "class": name, "distance": round(float(distance), 6), "verdict": verdict}
            for path, name, distance, verdict in found
        ],
    }
