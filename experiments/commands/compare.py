"""main.py compare."""

from __future__ import annotations

import logging

from absl.flags import FlagValues

from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command

_log = logging.getLogger("ccp")


def compare(values: FlagValues, runs: list[str]) -> int:
    """Shows the scores of finished runs in one table."""
    from experiments.compare import collect
    from experiments.comparison_table import STYLES

    comparison = collect(runs)
    print(STYLES[values.format](comparison).rstrip("\n"))
    for reason in comparison.left_out if values.format == "csv" else ():  # The others have a line for it.
        _log.warning("left out: %s", reason)
    return 0


COMMAND = Command(
    "show the test scores of finished runs in one table",
    compare,
    [
        Flag("format", "how to write the table", "text", choices=("text", "csv", "latex")),
    ],
    operands="RUN …",
)
