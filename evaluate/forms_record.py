"""What the smaller forms of a run's network cost, over several calls."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from ccp.command_flags import SMALLER_KINDS
from ccp.errors import UserError
from evaluate.outputs import save_json

_FORMS = "forms"
_MET_SO_FAR = "unreadable_images_left_out"


class FormsRecord:
    """A JSON file of figures by form; each form is written as it comes, and those of earlier calls stay.

    Attributes:
      path: the file.
      forms: figures by form: the network as it was trained, then the smaller ones.

    Args:
      path: see above; need not be there.

    Raises:
      UserError: it is damaged.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.forms: dict[str, Mapping[str, Any]] = {}
        self._run: dict[str, Any] = {}
        self._read()

    def claim(self, run: Mapping[str, Any]) -> None:
        """Checks that the figures are of a run.

        Args:
          run: what describes it and its weights, for JSON; how many images it has met that cannot be read is passed
            over, as that grows while images are read.

        Raises:
          UserError: there are figures of another one.
        """
        there, here = _lasting(self._run), _lasting(json.loads(json.dumps(run)))
        different = [name for name in {**there, **here} if there.get(name) != here.get(name)]
        if self.forms and different:
            raise UserError(
                f"{self.path} holds figures of another run, or of this one before it went on ({', '.join(different)} "
                "differ); pass another --output."
            )

    def add(self, form: str, figures: Mapping[str, Any], run: Mapping[str, Any]) -> None:
        """Adds a form's figures, or replaces them, and writes the file, with what other calls have added meanwhile.

        Args:
          form: its name.
          figures: for JSON.
          run: what describes the run now; see ``claim``.

        Raises:
          UserError: there are figures of another run by now, or the file is damaged or cannot be written.
        """
        self._read()
        self.claim(run)
        found = {**self.forms, form: figures}
        order = [*(name for name in found if name not in SMALLER_KINDS), *(k for k in SMALLER_KINDS if k in found)]
        self.forms = {name: found[name] for name in order}
        save_json(self.path, {**run, _FORMS: self.forms})

    def _read(self) -> None:
        if not self.path.exists():
            return
        try:
            run = json.loads(self.path.read_text())
            if not isinstance(run, dict) or not isinstance(run.get(_FORMS), dict):
                raise ValueError("it holds no forms")
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.path} cannot be read ({error}); pass another --output, or delete it first."
            ) from error
        self.forms, self._run = run.pop(_FORMS), run


def _lasting(run: Mapping[str, Any]) -> dict[str, Any]:
    data = run.get("data")
    if not isinstance(data, dict):
        return dict(run)
    return {**run, "data": {name: value for name, value in data.items() if name != _MET_SO_FAR}}
