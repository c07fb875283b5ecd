"""main.py embed."""

from __future__ import annotations

from absl.flags import FlagValues

from experiments.commands.command_flags import CommandFlags
from experiments.commands.command_line import Command, listing
from experiments.commands.run_flags import print_skipped


def define_flags(flags: CommandFlags) -> None:
    """The flags of main.py embed."""
    flags.add("model", "directory of the exported model", required=True)
    flags.add("images", "directory, searched in depth, or pattern of image files", required=True)
    flags.add("output", "the .npz file to write", required=True)
    flags.add("on_error", "at an unreadable image: stop, or skip it and report it", "stop", choices=("stop", "skip"))


def embed(values: FlagValues) -> int:
    """Embeds image files with an exported model."""
    from datasets.image_files import find_images
    from experiments.embed_files import embed_images
    from models.serving.exported_model import ExportedModel

    find_images(values.images)  # Raises if there are none, before the model is loaded.
    done = embed_images(ExportedModel(values.model), values.images, values.output, values.on_error == "skip")
    print_skipped(done.skipped)
    counts = f"{len(done.paths)} images, {done.reused} of them embedded before, {len(done.skipped)} skipped"
    print(listing([("embedded", counts), ("output", values.output)]))
    return 0


COMMAND = Command("embed image files with an exported model into an .npz file", embed, define_flags)
