"""What commands about runs share, and those about image files. Free of TensorFlow."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from absl.flags import FlagValues

from ccp.errors import ConfigError
from ccp.wording import counted
from experiments.commands.command_flags import Flag

_log = logging.getLogger("ccp")
# Where a run's data are now, and what to do about unreadable images.
DATA_FLAGS = (
    Flag("data_dir", "where the data set's files are, if they have moved since"),
    Flag("on_bad_image", "at an unreadable image (default: as the run does)", choices=("stop", "skip")),
)
ON_ERROR = Flag("on_error", "at an unreadable image: stop, or skip it and report it", "stop", choices=("stop", "skip"))
INDEX = Flag(
    "index", "the directory of embeddings, as index and embed write it; new ones are added (default: beside the images)"
)
RERANK = Flag(
    "rerank",
    "another order of what is found: query expansion (average, alpha), or k-reciprocal encoding",
    "none",
    choices=("none", "average", "alpha", "k_reciprocal"),
)
MODEL = Flag("model", "directory of the exported model", required=True)
OUTPUT = Flag("output", "the directory to write, or to bring up to date", required=True)
OVERWRITE = Flag("overwrite", "replace embeddings that are another model's, of other images, or damaged", False)


def note_unfinished(progress: Mapping[str, Any]) -> None:
    """Prints a line if a run is not finished."""
    if not progress["finished"]:
        print(f"The run is not finished; these are its best weights after {counted(progress['epochs'], 'epoch')}.")


def note_no_projection(result: Mapping[str, Any]) -> None:
    """Prints a line if a run should have projected and did not."""
    if result["no_projection"]:
        print(f"{result['loss']}: {result['no_projection']}")


def note_without_labels(result: Mapping[str, Any]) -> None:
    """Prints what selected and tested a network that was trained without labels."""
    if result["labels"] == "none":
        print(f"Trained without labels. Model selection: {result['protocol']['model_selection']}.")
        print(f"Test: {result['protocol']['test']}.")


def note_unreadable(result: Mapping[str, Any], run_dir: str | os.PathLike) -> None:
    """Prints a line if images were left out of a result."""
    count = result["data"]["unreadable_images_left_out"]
    if count:
        print(f"Left out: {counted(count, 'image')} that could not be read; see {run_dir}/bad_images.jsonl.")


def check_run_or_model(word: str, values: FlagValues, needed: Flag) -> None:
    """Raises a ConfigError unless one of --run_dir and --model is given, and with --model the flag that it needs."""
    if (values.run_dir is None) == (values.model is None):
        raise ConfigError(f"main.py {word} needs one of --run_dir, a run, and --model, an exported model.")
    if values.model and not values[needed.name].value:
        raise ConfigError(f"main.py {word} --model=… needs --{needed.name}: {needed.about}.")


def embedded_counts(num_images: int, reused: int, skipped: Collection[tuple[str, str]]) -> str:
    """Lists the (path, reason) of files that were skipped; how many images there are, in a phrase."""
    print_skipped(skipped)
    return f"{counted(num_images, 'image')}, {reused:,} embedded before, {len(skipped):,} skipped"


def print_skipped(skipped: Iterable[tuple[str, str]]) -> None:
    """Lists (path, reason) of files that could not be read."""
    for path, reason in skipped:
        _log.warning("skipped %s: %s", path, reason)
