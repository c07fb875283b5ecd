"""main.py validate."""

from __future__ import annotations

from absl.flags import FlagValues

from datasets.settings import DataSettings
from experiments.commands.command_flags import Flag
from experiments.commands.command_line import EXIT_FAILURE, Command
from experiments.commands.setting_flags import given_settings, setting_flag
from experiments.settings import configure, refuse_without_effect

# The settings that say which images there are, without those of training on them.
_SETTINGS = ("dataset", "data_dir", "manifest", "test_fraction", "labels", "allow_subset")


def validate(values: FlagValues) -> int:
    """Compares a data set with its published counts, and reads every image."""
    given = given_settings(values, _SETTINGS)
    refuse_without_effect(given, configure(given))
    from datasets.validation import validate as validate_dataset

    report = validate_dataset(DataSettings(**given), values.images)
    print(report.text)
    return 0 if report.as_expected else EXIT_FAILURE


COMMAND = Command(
    "compare a data set with its published counts, and read every image",
    validate,
    lambda: [
        *(setting_flag(name, required=name == "dataset") for name in _SETTINGS),
        Flag("images", "also read every image", True),
    ],
)
