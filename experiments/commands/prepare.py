"""main.py prepare."""

from __future__ import annotations

from absl.flags import FlagValues

from datasets.prepare.sources import SOURCES
from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command


def prepare(values: FlagValues) -> int:
    """Verifies and extracts a benchmark's archives."""
    from datasets.prepare.prepare import prepare as prepare_dataset

    done = prepare_dataset(
        values.dataset, values.data_dir, values.archive or (), values.url or (), any_checksum=values.any_checksum
    )
    print("\n".join(done))
    print(f"next:     main.py validate --dataset={values.dataset} --data_dir={values.data_dir}")
    return 0


COMMAND = Command(
    "verify and extract the archives of a benchmark data set",
    prepare,
    [
        Flag("dataset", f"benchmark: {', '.join(SOURCES)}", required=True),
        Flag("data_dir", "where to put the data set", required=True),
        Flag("archive", "the downloaded archive, or several between commas", kind=list),
        Flag("url", "where to download it from, or several between commas", kind=list),
        Flag("any_checksum", "accept an archive whose checksum is not the published one", False),
    ],
)
