"""main.py duplicates."""

from __future__ import annotations

from absl.flags import FlagValues

from ccp.errors import ConfigError
from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing
from experiments.commands.run_flags import INDEX, ON_ERROR, OVERWRITE, print_skipped

_LARGEST_DISTANCE = 2  # Of normalised embeddings.


def duplicates(values: FlagValues) -> int:
    """Finds images that show the same, and writes them as a list and as a page."""
    from datasets.files import check_directory
    from experiments.duplicates import find_duplicates, write_duplicates

    if not 0 <= values.threshold <= _LARGEST_DISTANCE:
        raise ConfigError(f"--threshold must be from 0 to {_LARGEST_DISTANCE}; got {values.threshold:g}.")
    check_directory(values.output, "--output")
    skip = values.on_error == "skip"
    found = find_duplicates(values.images, values.model, values.threshold, values.index, skip, values.overwrite)
    print_skipped(found.skipped)
    kinds = [pair.kind for pair in found.pairs]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "none"
    files = write_duplicates(found, values.images, values.output)
    print(listing([("images", found.num_images), ("pairs", counts), *(("written", path) for path in files)]))
    return 0


COMMAND = Command(
    "find images of a set that show the same: equal files, equal pixels, or near embeddings",
    duplicates,
    [
        Flag("images", "directory, searched in depth, or pattern of image files", required=True),
        Flag("output", "directory to write duplicates.csv and index.html into", required=True),
        Flag("model", "directory of an exported model; without one, only equal files and pixels are found"),
        Flag("threshold", "largest distance of near pairs, between normalised embeddings (0 to 2)", 0.05),
        INDEX,
        ON_ERROR,
        OVERWRITE,
    ],
)
