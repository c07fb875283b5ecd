"""main.py embed."""

from __future__ import annotations

import sys

from absl.flags import FlagValues

from experiments.commands.command_flags import CommandFlags
from experiments.commands.command_line import Command, listing


def define_flags(flags: CommandFlags) -> None:
    """The flags of main.py embed."""
    flags.add("model", "directory of the exported model", required=True)
    flags.add("images", "directory, searched in depth, or pattern of image files", required=True)
    flags.add("output", "the .npz file to write", required=True)
    flags.add("on_error", "at an unreadable image: stop, or skip it and report it", "stop", choices=("stop", "skip"))


def embed(values: FlagValues) -> int:
    """Embeds image files with an exported model."""
    from experiments.embed_files import embed_files

    kept, skipped = embed_files(values.model, values.images, values.output, skip_unreadable=values.on_error == "skip")
    for path, reason in skipped:
        print(f"skipped {path}: {reason}", file=sys.stderr)
    print(listing([("embedded", f"{kept} images, {len(skipped)} skipped"), ("output", values.output)]))
    return 0


COMMAND = Command("embed image files with an exported model into an .npz file", embed, define_flags)
