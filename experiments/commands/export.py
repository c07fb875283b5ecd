"""main.py export."""

from __future__ import annotations

from absl.flags import FlagValues

from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing
from experiments.commands.run_flags import DATA_FLAGS, check_run_or_model, note_unfinished, print_skipped

_GALLERY = Flag("gallery", "directory of images, perhaps in class folders, to be searched by signature 'search'")


def export(values: FlagValues) -> int:
    """Exports the best weights of a run or of four folds as a SavedModel; or an exported model with another gallery."""
    check_run_or_model("export", values, _GALLERY)
    from experiments.exporting import Target, export_run, export_with_gallery

    target = Target(values.export_dir, values.version, values.gallery, values.on_bad_image == "skip")
    if values.model:
        done = export_with_gallery(values.model, target)
    else:
        done = export_run(values.run_dir, target, values.repeat_number, values.data_dir, values.on_bad_image)
    print_skipped(done.skipped)
    for progress in done.progress:
        note_unfinished(progress)
    checked = "no image to try it on"
    if done.difference is not None:
        checked = f"in a separate process; embeddings differ by at most {done.difference:.1e}"
    print(listing([("model", done.directory), ("checked", checked)]))
    return 0


COMMAND = Command(
    "write the best weights of a run as a SavedModel for serving",
    export,
    [
        Flag("run_dir", "directory of a run, or of main.py mlrc: its four folds as one model"),
        Flag("model", "instead of a run: an exported model that gets another --gallery"),
        Flag("export_dir", "directory to write a numbered version into", required=True),
        Flag("version", "its number (default: the one after the newest, or 1)", kind=int),
        _GALLERY,
        Flag("repeat_number", "of main.py mlrc: which repeat, from 1", 1, at_least=1),
        *DATA_FLAGS,
    ],
)
