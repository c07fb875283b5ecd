"""main.py calibrate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from absl.flags import FlagValues

from ccp.errors import ConfigError
from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing
from experiments.commands.run_flags import DATA_FLAGS, check_run_or_model, note_unfinished, print_skipped

if TYPE_CHECKING:
    from experiments.calibration import Calibration


_IMAGES = Flag("images", "with --model: a directory with a folder for each class, none of them trained on")


def calibrate(values: FlagValues) -> int:
    """Chooses the distance below which two images are of one class, and checks it on other classes."""
    check_run_or_model("calibrate", values, _IMAGES)
    if values.run_dir and (values.images or values.test_images):
        raise ConfigError("A run is calibrated on its validation images; leave --images and --test_images out.")
    if values.fmr is not None and not 0 < values.fmr <= 0.1:
        raise ConfigError(f"--fmr must be a rate above 0 and at most 0.1; got {values.fmr:g}.")
    from experiments.calibration import calibrate_export, calibrate_run

    if values.run_dir:
        done = calibrate_run(
            values.run_dir, values.fmr, values.allow_seen_classes, values.data_dir, values.on_bad_image
        )
    else:
        skip = values.on_bad_image == "skip"
        done = calibrate_export(values.model, values.images, values.test_images, values.fmr, skip)
    print_skipped(done.skipped)
    print(_table(done))
    if done.progress:
        note_unfinished(done.progress)
    print("\n".join([*done.notes, listing([("result", path) for path in done.files])]))
    return 0


def _table(done: Calibration) -> str:
    """The threshold, and its rates beside the wanted one."""
    low, high = done.record["interval_95"]
    chosen, checked = ("images", "test images") if done.progress is None else ("validation", "test")
    rows = [("", "FMR", "FNMR"), ("wanted", f"{100 * done.record['fmr']:g}%", "")]
    sets = ((chosen, done.point), (checked, done.checked))
    rows += [(name, f"{point.fmr}", f"{point.fnmr}") for name, point in sets if point]
    lines = [f"{name:<13}{fmr:<36}{fnmr}".rstrip() for name, fmr, fnmr in rows]
    return "\n".join([f"threshold {done.record['threshold']:.4f}, 95% interval {low:.4f} to {high:.4f}", *lines, ""])


COMMAND = Command(
    "choose the distance below which images are of one class, for a wanted rate of false matches",
    calibrate,
    [
        Flag("run_dir", "directory of a run: on its validation images, checked on its test images"),
        Flag("model", "instead of a run: an exported model, on --images"),
        Flag("fmr", "wanted false match rate (default: 0.001, or the lowest there are enough pairs for)", kind=float),
        _IMAGES,
        Flag("test_images", "with --model: other classes, to check the threshold on"),
        Flag("allow_seen_classes", "also where the validation classes were trained on", False),
        *DATA_FLAGS,
    ],
)
