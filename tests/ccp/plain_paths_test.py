"""Links that replace names which TensorFlow's file functions would take as patterns."""

from __future__ import annotations

import os
import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest, parameterized

from ccp.errors import UserError
from ccp.plain_paths import is_pattern, plain_path


class PlainPathTest(parameterized.TestCase):
    @parameterized.parameters("runs/a", "/runs/a]{b}", "gs://bucket/a")
    def test_other_names_stay(self, name):
        self.assertEqual(plain_path(name), name)

    def test_a_link(self):
        home = pathlib.Path(tempfile.mkdtemp(), "a[1]")
        links = [pathlib.Path(plain_path(home / name)) for name in ("one", "other", "one")]
        for name in ("one", "other"):
            (home / name).mkdir(parents=True)  # Only now.
            (home / name / "file").write_text(name)
        self.assertEqual([(link / "file").read_text() for link in links], ["one", "other", "one"])
        self.assertFalse(any(map(is_pattern, links)))
        self.assertEqual(links[0], links[2])

    def test_of_a_relative_name(self):
        self.addCleanup(os.chdir, os.getcwd())
        for _ in range(2):  # Which is another directory each time.
            os.chdir(tempfile.mkdtemp())
            self.assertEqual(os.path.realpath(plain_path("a?")), os.path.realpath("a?"))

    def test_where_no_link_helps(self):
        with self.assertRaisesRegex(UserError, r"takes gs://bucket/a\* as a pattern .* without any of \* \? \[ "):
            plain_path("gs://bucket/a*")
        with mock.patch.object(tempfile, "tempdir", "/tmp/a?"), self.assertRaises(UserError):
            plain_path("a?")


if __name__ == "__main__":
    absltest.main()
