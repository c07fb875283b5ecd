"""main.py index."""

from __future__ import annotations

from absl.flags import FlagValues

from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing
from experiments.commands.run_flags import ON_ERROR, OVERWRITE, print_skipped


def index(values: FlagValues) -> int:
    """Brings the index of a gallery up to date."""
    from experiments.indexing import index_gallery

    skip = values.on_error == "skip"
    done, approximation = index_gallery(values.model, values.gallery, values.output, skip, values.overwrite)
    print_skipped(done.skipped)
    counts = f"{len(done.paths)} images, {done.reused} of them embedded before, {len(done.skipped)} skipped"
    print(listing([("indexed", counts), ("search", approximation or "exact"), ("output", values.output)]))
    return 0


COMMAND = Command(
    "index a gallery for search and for other programs",
    index,
    [
        Flag("model", "directory of the exported model", required=True),
        Flag("gallery", "directory, searched in depth, or pattern of the images to index", required=True),
        Flag("output", "the directory to write, or to bring up to date", required=True),
        ON_ERROR,
        OVERWRITE,
    ],
)
