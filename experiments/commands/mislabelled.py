"""main.py mislabelled."""

from __future__ import annotations

from absl.flags import FlagValues

from ccp.errors import ConfigError
from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing
from experiments.commands.run_flags import DATA_FLAGS, note_unfinished

# Beyond this angle the sub-centre ArcFace paper drops an image.
_ANGLE = 75.0


def mislabelled(values: FlagValues) -> int:
    """Lists training images that are far from the dominant centre of their class."""
    if not 0 <= values.angle <= 180:
        raise ConfigError(f"--angle must be from 0 to 180 degrees; got {values.angle:g}.")
    from experiments.mislabelled import find_suspects, write_suspects
    from experiments.restored import restore_run

    restored = restore_run(values.run_dir, values.data_dir, values.on_bad_image)
    found = find_suspects(restored, values.angle)
    files = write_suspects(found, restored.run.path)
    note_unfinished(restored.progress)
    counts = [("images", len(found.training)), ("suspects", len(found.places))]
    print(listing([*counts, *(("written", path) for path in files)]))
    return 0


COMMAND = Command(
    "list training images that are perhaps mislabelled, by the proxies of a run",
    mislabelled,
    [
        Flag("run_dir", "directory of a run with several proxies per class", required=True),
        Flag("angle", "also list images farther than this from their class's dominant centre, degrees", _ANGLE),
        *DATA_FLAGS,
    ],
)
