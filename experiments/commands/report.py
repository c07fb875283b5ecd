"""main.py report."""

from __future__ import annotations

from absl.flags import FlagValues

from experiments.commands.command_flags import CommandFlags
from experiments.commands.command_line import Command, listing


def define_flags(flags: CommandFlags) -> None:
    """The flags of main.py report."""
    flags.add("output", "the page, or its directory (default: report/ in the first run)")
    flags.add("data_dir", "where the data set's files are, if they have moved since")
    flags.add("tsne", "draw embeddings by t-SNE instead of their principal components", False)


def report(values: FlagValues, runs: list[str]) -> int:
    """Writes a page about runs."""
    from experiments.report import write_report

    print(listing([("report", write_report(runs, values.output, values.data_dir, values.tsne))]))
    return 0


COMMAND = Command("write a page with figures about one run or several", report, define_flags, "RUN …")
