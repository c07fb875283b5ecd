"""main.py index."""

from __future__ import annotations

from absl.flags import FlagValues

from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing
from experiments.commands.run_flags import MODEL, ON_ERROR, OUTPUT, OVERWRITE, embedded_counts


def index(values: FlagValues) -> int:
    """Brings the index of a gallery up to date."""
    from experiments.indexing import index_gallery

    skip = values.on_error == "skip"
    done, approximation = index_gallery(values.model, values.gallery, values.output, skip, values.overwrite)
    counts = embedded_counts(len(done.paths), done.reused, done.skipped)
    print(listing([("indexed", counts), ("search", approximation or "exact"), ("output", values.output)]))
    return 0


COMMAND = Command(
    "index a gallery for search and for other programs",
    index,
    [
        MODEL,
        Flag("gallery", "directory, searched in depth, or pattern of the images to index", required=True),
        OUTPUT,
        ON_ERROR,
        OVERWRITE,
    ],
)
