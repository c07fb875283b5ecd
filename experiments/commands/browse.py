"""main.py browse."""

from __future__ import annotations

from absl.flags import FlagValues

from ccp.errors import ConfigError
from ccp.wording import counted
from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing
from experiments.commands.run_flags import INDEX, MODEL, ON_ERROR, OVERWRITE, print_skipped


def browse(values: FlagValues) -> int:
    """Serves a page to search a gallery in, until it is stopped."""
    if not (values.gallery or values.index):
        raise ConfigError(
            "main.py browse needs --gallery, the images to search, or --index, as main.py index writes it."
        )
    from experiments.browse import BrowseServer, open_gallery

    skip = values.on_error == "skip"
    with BrowseServer(values.port) as server:  # A port in use is reported before anything is embedded.
        gallery = server.gallery = open_gallery(values.model, values.gallery, values.index, skip, values.overwrite)
        print_skipped(gallery.images.skipped)
        counts = f"{counted(len(gallery.images.paths), 'image')}, {len(gallery.images.skipped):,} skipped"
        print(listing([("gallery", counts), ("page", server.url), ("stop", "Ctrl-C")]), flush=True)
        server.serve_forever()
    return 0


COMMAND = Command(
    "search a gallery in a page on this machine",
    browse,
    [
        MODEL,
        Flag("gallery", "directory or pattern of the images to search (default: those in --index)"),
        INDEX,
        Flag("port", "to serve the page at, on this machine alone; 0 for any that is free", 8080, at_least=0),
        ON_ERROR,
        OVERWRITE,
    ],
)
