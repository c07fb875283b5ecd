"""main.py embed."""

from __future__ import annotations

from absl.flags import FlagValues

from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing
from experiments.commands.run_flags import MODEL, ON_ERROR, OUTPUT, OVERWRITE, embedded_counts


def embed(values: FlagValues) -> int:
    """Embeds image files with an exported model."""
    from datasets.image_files import find_images
    from experiments.image_index import index_images
    from models.serving.exported_model import ExportedModel

    files = find_images(values.images)  # Raises if there are none, before the model is loaded.
    model, skip = ExportedModel(values.model), values.on_error == "skip"
    done = index_images(
        model, values.images, files, values.output, skip, values.overwrite, flag="--output", keep_others=False
    )
    counts = embedded_counts(len(done.paths), done.reused, done.skipped)
    print(listing([("embedded", counts), ("output", values.output)]))
    return 0


COMMAND = Command(
    "embed image files with an exported model into a directory, which search --index reads",
    embed,
    [
        MODEL,
        Flag("images", "directory, searched in depth, or pattern of image files", required=True),
        OUTPUT,
        ON_ERROR,
        OVERWRITE,
    ],
)
