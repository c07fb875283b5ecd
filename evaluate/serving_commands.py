"""The commands of main.py around exported models. Free of TensorFlow until one runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from absl import flags

from ccp.command_line import EXIT_FAILURE, listing
from ccp.errors import ConfigError


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
    from evaluate.exporting import Place, export_run, export_with_gallery

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


def serve_check(values: flags.FlagValues) -> int:
    """Tries an exported model in a process that has nothing of this project, and compares it with its run."""
    if values.data_dir and not values.run_dir:
        raise ConfigError("--data_dir is where a run's data are; pass --run_dir too, or leave it out.")
    from evaluate.serve_check import check_table, complaint
    from evaluate.serve_check import serve_check as check_served
    from evaluate.serve_check_images import trial_for
    from models.export import check_signatures, read_info

    version = check_signatures(values.model)
    info = read_info(version) if values.run_dir else {}
    of_run = info.get("repeat", 1), info.get("stored_weights") == "float16"
    trial = trial_for(values.run_dir, values.images, values.data_dir, *of_run)
    report = check_served(str(version), trial, values.json)
    print(check_table(report))
    if report["passed"]:
        return 0
    print(f"error: {complaint(report)}", file=sys.stderr)
    return EXIT_FAILURE


def quantize(values: flags.FlagValues) -> int:
    """Writes smaller forms of a run's network, and what each costs in retrieval."""
    from evaluate.quantized import quantize as write_smaller

    table, files = write_smaller(values.run_dir, values.output, values.kinds, values.data_dir, values.on_bad_image)
    print(table)
    print(listing([("written", path) for path in files]))
    return 0


def drift(values: flags.FlagValues) -> int:
    """Compares distances of recent queries with those of before."""
    from evaluate.drift import compare_files

    found = compare_files(values.reference, values.recent, values.gallery)
    print(found.text)
    if found.stability_index > values.limit:
        print(f"error: the stability index is above --limit={values.limit:g}.", file=sys.stderr)
        return EXIT_FAILURE
    return 0


def embed(values: flags.FlagValues) -> int:
    """Embeds image files with an exported model."""
    from evaluate.embed_files import embed_files

    kept, skipped = embed_files(values.model, values.images, values.output, skip_unreadable=values.on_error == "skip")
    for path, reason in skipped:
        print(f"skipped {path}: {reason}", file=sys.stderr)
    print(listing([("embedded", f"{kept} images, {len(skipped)} skipped"), ("output", values.output)]))
    return 0


def search(values: flags.FlagValues) -> int:
    """Finds a gallery's images that are nearest to others."""
    if values.top < 1:
        raise ConfigError(f"--top must be at least 1; got {values.top}.")
    from evaluate.embed_files import check_output
    from evaluate.search_images import draw_answers, search_images

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
