"""The commands of main.py around exported models. Free of TensorFlow until one runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from absl import flags

from ccp.errors import ConfigError
from experiments.commands.command_line import listing


def export(values: flags.FlagValues) -> int:
    """Writes the best weights of a run, or of four folds, as a SavedModel; or an exported one with another gallery."""
    if (values.run_dir is None) == (values.model is None):
        raise ConfigError("main.py export needs one of --run_dir, a run, and --model, an exported one.")
    if values.model and not values.gallery:
        raise ConfigError("main.py export --model=… gives an exported model another gallery; pass --gallery too.")
    if values.repeat < 1:
        raise ConfigError(f"--repeat must be at least 1; got {values.repeat}.")
    if values.gallery and values.without_gallery:
        raise ConfigError("--gallery and --without_gallery exclude each other; leave one of them out.")
    from experiments.exporting import Place, export_run, export_with_gallery

    skip_unreadable = values.on_bad_image == "skip"
    place = Place(values.export_dir, values.version, values.gallery, values.without_gallery, skip_unreadable)
    if values.model:
        done = export_with_gallery(values.model, place)
    else:
        done = export_run(values.run_dir, place, values.repeat, values.data_dir, values.on_bad_image)
    for path, reason in done.skipped:
        print(f"skipped {path}: {reason}", file=sys.stderr)
    for progress in done.progress:
        note_unfinished(progress)
    print(listing([("model", done.directory)]))
    return 0


def embed(values: flags.FlagValues) -> int:
    """Embeds image files with an exported model."""
    from experiments.embed_files import embed_files

    kept, skipped = embed_files(values.model, values.images, values.output, skip_unreadable=values.on_error == "skip")
    for path, reason in skipped:
        print(f"skipped {path}: {reason}", file=sys.stderr)
    print(listing([("embedded", f"{kept} images, {len(skipped)} skipped"), ("output", values.output)]))
    return 0


def search(values: flags.FlagValues) -> int:
    """Finds a gallery's images that are nearest to others."""
    if values.top < 1:
        raise ConfigError(f"--top must be at least 1; got {values.top}.")
    from experiments.embed_files import check_output
    from experiments.search_images import draw_answers, search_images

    if values.output:
        check_output(values.output)
    result = search_images(
        values.model,
        values.gallery,
        values.query,
        values.top,
        values.index,
        values.engine,
        skip_unreadable=values.on_error == "skip",
    )
    for path, reason in result.skipped:
        print(f"skipped {path}: {reason}", file=sys.stderr)
    for answer in result.answers:
        print(f"{answer.query}\n" + "\n".join(f"  {d:.4f}  {p}" for d, p in zip(answer.distances, answer.paths)))
    drawn = [("picture", draw_answers(result, values.output))] if values.output else []
    searched = f"{result.num_images} images, {result.reused} of them embedded before, {len(result.skipped)} skipped"
    print(listing([("searched", searched), *drawn]))
    return 0


def note_unfinished(progress: Mapping[str, Any]) -> None:
    """Says so if a run is not finished."""
    if not progress["finished"]:
        print(f"The run is not finished; these are the best weights of its first {progress['epochs']} epochs.")
