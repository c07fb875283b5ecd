"""main.py search."""

from __future__ import annotations

from absl.flags import FlagValues

from ccp.errors import ConfigError
from experiments.commands.command_flags import CommandFlags
from experiments.commands.command_line import Command, listing
from experiments.commands.run_flags import print_skipped


def define_flags(flags: CommandFlags) -> None:
    """The flags of main.py search."""
    flags.add("model", "directory of the exported model", required=True)
    flags.add("gallery", "directory or pattern of the images to search", required=True)
    flags.add("query", "an image, or a directory or pattern of them, to search for", required=True)
    flags.add("top", "how many to find", 10)
    flags.add("output", "a PNG file to draw the answers into")
    flags.add("index", "the .npz file to keep the gallery's embeddings in (default: beside it)")
    flags.add("engine", "how to search", "exact", choices=("exact", "faiss"))
    flags.add("on_error", "at an unreadable image: stop, or skip it and report it", "stop", choices=("stop", "skip"))


def search(values: FlagValues) -> int:
    """Finds the gallery images that are nearest to query images."""
    if values.top < 1:
        raise ConfigError(f"--top must be at least 1; got {values.top}.")
    from datasets.files import check_file
    from experiments.search_images import draw_answers, search_images

    if values.output:
        check_file(values.output, "--output")
    skip = values.on_error == "skip"
    result = search_images(
        values.model, values.gallery, values.query, values.top, values.index, values.engine, skip_unreadable=skip
    )
    print_skipped(result.skipped)
    for answer in result.answers:
        print(f"{answer.query}\n" + "\n".join(f"  {d:.4f}  {p}" for d, p in zip(answer.distances, answer.paths)))
    drawn = [("picture", draw_answers(result, values.output))] if values.output else []
    searched = f"{result.num_images} images, {result.reused} of them embedded before, {len(result.skipped)} skipped"
    print(listing([("searched", searched), *drawn]))
    return 0


COMMAND = Command("find the images of a gallery that are nearest to others", search, define_flags)
