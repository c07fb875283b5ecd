"""Standard streams that are closed, full, in another encoding, or without a reader."""

from __future__ import annotations

import os
import subprocess
import sys

from absl.testing import absltest, parameterized

from tests.support import command_line

_MAIN = f"{sys.executable} main.py"


def _in_shell(command: str) -> tuple[int, str, str]:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=command_line.ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


class StreamsTest(parameterized.TestCase):
    @parameterized.parameters(
        ("presets >&-", 0, ""),
        ("presets <&- >&- 2>&-", 0, ""),
        ("trian 2>&-", 2, ""),
        ("presets | head -1", 0, ""),
        ("--help | true", 0, ""),
        ("trian 2>&1 | true", 2, ""),
        (
            "presets >/dev/full",
            1,
            "error: No space left on device: standard output. Free some space and run the command",
        ),
    )
    def test_no_traceback_and_no_silent_failure(self, arguments, code, message):
        found, _, err = _in_shell(f"{_MAIN} {arguments}")
        self.assertEqual(found, code, err)
        self.assertStartsWith(err, message)
        self.assertLessEqual(err.count("\n"), 1)

    def test_what_is_opened_first_does_not_become_an_output(self):
        program = (
            "import os; from experiments.commands import streams; streams.prepare_streams(); "
            "print(os.open('main.py', os.O_RDONLY) > 2)"
        )
        _, out, _ = _in_shell(f"{sys.executable} -c {program!r} <&- 2>&-")
        self.assertEqual(out, "True\n")

    def test_other_encodings(self):
        self.assertIn("(??)", _in_shell(f"PYTHONIOENCODING=latin-1 {_MAIN} train --help")[1])  # λ₀
        program = (
            "import os; from experiments.commands import streams\n"
            "streams.prepare_streams(); print(os.fsdecode(b'\\xe9'))"
        )
        found = subprocess.run([sys.executable, "-c", program], cwd=command_line.ROOT, capture_output=True, check=True)
        self.assertEqual(found.stdout, b"\xe9\n")  # A file name that is no UTF-8.

    def test_ending_at_once_removes_temporary_files_and_waits_for_nothing(self):
        program = (
            "import atexit, tempfile, threading, time; from experiments.commands import streams\n"
            "folder = tempfile.TemporaryDirectory(); print(folder.name)\n"
            "threading.Thread(target=time.sleep, args=(60,)).start(); streams.end_process(3)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=command_line.ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        self.assertEqual(done.returncode, 3)
        self.assertNotEmpty(done.stdout)
        self.assertFalse(os.path.exists(done.stdout.strip()))


if __name__ == "__main__":
    absltest.main()
