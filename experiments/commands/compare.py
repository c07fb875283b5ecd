"""main.py compare."""

from __future__ import annotations

from absl.flags import FlagValues

from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command


def compare(values: FlagValues, runs: list[str]) -> int:
    """Shows the scores of finished runs in one table."""
    from experiments.compare import collect
    from experiments.comparison_table import STYLES

    print(STYLES[values.format](collect(runs)).rstrip("\n"))
    return 0


COMMAND = Command(
    "show the test scores of finished runs in one table",
    compare,
    [
        Flag("format", "how to write the table", "text", choices=("text", "csv", "latex")),
    ],
    operands="RUN …",
)
