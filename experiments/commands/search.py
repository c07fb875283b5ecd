"""main.py search."""

from __future__ import annotations

from absl.flags import FlagValues

from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing
from experiments.commands.run_flags import INDEX, MODEL, ON_ERROR, OVERWRITE, RERANK, embedded_counts


def search(values: FlagValues) -> int:
    """Finds the gallery images that are nearest to query images."""
    from datasets.files import check_file
    from experiments.answer_table import answer_lines, check_table, write_table
    from experiments.search_images import draw_answers, search_images

    if values.table:
        check_table(values.table)
    if values.output:
        check_file(values.output, "--output")
    skip = values.on_error == "skip"
    result = search_images(
        values.model,
        values.gallery,
        values.query,
        values.top,
        values.index,
        skip,
        values.overwrite,
        values.rerank,
        values.exact,
    )
    searched = embedded_counts(result.num_images, result.reused, result.skipped)
    for answer in result.answers:
        print(answer_lines(answer))
    drawn = [("picture", draw_answers(result, values.output))] if values.output else []
    drawn += [("table", write_table(result.answers, values.table))] if values.table else []
    by = [("by", result.approximation)] if result.approximation else []
    print(listing([("searched", searched), *by, *drawn]))
    return 0


COMMAND = Command(
    "find the images of a gallery that are nearest to others",
    search,
    [
        MODEL,
        Flag("gallery", "directory or pattern of the images to search", required=True),
        Flag("query", "an image, or a directory or pattern of them, to search for", required=True),
        Flag("top", "how many to find", 10, at_least=1),
        Flag("output", "a PNG file to draw the answers into"),
        Flag("table", "a .csv or .json file to write the answers into"),
        RERANK,
        INDEX,
        Flag("exact", "compare all images, also where main.py index has made an approximate index", False),
        ON_ERROR,
        OVERWRITE,
    ],
)
