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
        if path.exists():
            try:
                self._run = json.loads(path.read_text())
                if not isinstance(self._run, dict) or not isinstance(self._run.get(_FORMS), dict):
                    raise ValueError("it holds no forms")
                self.forms = self._run.pop(_FORMS)
            except (OSError, ValueError) as error:
                raise UserError(
                    f"{path} cannot be read ({error}); pass another --output, or delete it first."
                ) from error

    def claim(self, run: Mapping[str, Any]) -> None:
        """Sets the run that the figures are of.

        Args:
          run: what describes it and its weights, for JSON.

        Raises:
          UserError: there are figures of another one.
        """
        run = json.loads(json.dumps(run))
        different = [name for name in {**self._run, **run} if self._run.get(name) != run.get(name)]
        if self.forms and different:
            raise UserError(
                f"{self.path} holds figures of another run, or of this one before it went on ({', '.join(different)} "
                "differ); pass another --output."
            )
        self._run = run

    def add(self, form: str, figures: Mapping[str, Any]) -> None:
        """Adds a form's figures, or replaces them, and writes the file."""
        found = {**self.forms, form: figures}
        order = [*(name for name in found if name not in SMALLER_KINDS), *(k for k in SMALLER_KINDS if k in found)]
        self.forms = {name: found[name] for name in order}
        save_json(self.path, {**self._run, _FORMS: self.forms})
