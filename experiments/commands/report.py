"""main.py report."""

from __future__ import annotations

from absl.flags import FlagValues

from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing


def report(values: FlagValues, runs: list[str]) -> int:
    """Writes a page about runs."""
    from experiments.report import write_report

    print(listing([("report", write_report(runs, values.output, values.data_dir, values.tsne))]))
    return 0


COMMAND = Command(
    "write a page with figures about one run or several",
    report,
    [
        Flag("output", "directory of the page (default: report/ in the first run)"),
        Flag("data_dir", "where the data set's files are, if they have moved since"),
        Flag("tsne", "draw embeddings by t-SNE instead of their principal components", False),
    ],
    operands="RUN …",
)
