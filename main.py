"""Deep metric learning with chance constraints (CCP): the command line.

One command word, then flags; ``main.py --help`` and ``main.py COMMAND --help`` list them. TensorFlow is
imported only once a command runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from experiments.commands import (
    browse,
    calibrate,
    compare,
    convert,
    demo,
    duplicates,
    embed,
    evaluate,
    export,
    index,
    mislabelled,
    mlrc,
    prepare,
    presets,
    report,
    search,
    train,
    validate,
)
from experiments.commands.command_line import run_command_line
from experiments.commands.streams import end_process, prepare_streams

COMMANDS = {
    "train": train.COMMAND,
    "mlrc": mlrc.COMMAND,
    "evaluate": evaluate.COMMAND,
    "report": report.COMMAND,
    "compare": compare.COMMAND,
    "calibrate": calibrate.COMMAND,
    "export": export.COMMAND,
    "embed": embed.COMMAND,
    "index": index.COMMAND,
    "search": search.COMMAND,
    "browse": browse.COMMAND,
    "prepare": prepare.COMMAND,
    "validate": validate.COMMAND,
    "duplicates": duplicates.COMMAND,
    "mislabelled": mislabelled.COMMAND,
    "convert": convert.COMMAND,
    "presets": presets.COMMAND,
    "demo": demo.COMMAND,
}
_COMMAND_LIST = "\n".join(f"  {word:<13}{command.about}" for word, command in COMMANDS.items())
_OVERVIEW = f"""{__doc__.splitlines()[0]}

usage: main.py COMMAND --flag=value …

{_COMMAND_LIST}

main.py COMMAND --help lists a command's flags. A first run:
  main.py train --dataset=digits --loss=ccp/contrastive"""


def main(arguments: list[str], end: Callable[[int], Any] = lambda code: code) -> int:
    """Runs a command line and returns its exit code; see ``run_command_line``."""
    return run_command_line(arguments, COMMANDS, _OVERVIEW, end)


if __name__ == "__main__":
    prepare_streams()
    sys.exit(main(sys.argv[1:], end_process))
