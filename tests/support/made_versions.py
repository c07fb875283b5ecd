"""An export directory, and versions that are written into it without a model."""

from __future__ import annotations

from models.serving.versions import write_version
from tests.support import pictures


class MadeVersions:
    """For test cases: a directory of its own for each test.

    Attributes:
      home: the directory, which is not there yet; nor is the one that it is in.
    """

    def setUp(self):
        super().setUp()
        self.home = pictures.folder_for(self) / "made on the way" / "model"

    def write(self, version=None, text="a model", meanwhile=lambda place: None, check=None):
        def write(place):
            (place / "saved_model.pb").write_text(text)
            meanwhile(place)

        return write_version(self.home, version, write, check)

    def texts(self):
        """What is in each version."""
        return {path.parent.name: path.read_text() for path in self.home.glob("*/saved_model.pb")}

    def names(self):
        return sorted(path.name for path in self.home.iterdir())
