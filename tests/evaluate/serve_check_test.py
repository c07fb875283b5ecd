"""Checking an exported model, by the command."""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
from collections.abc import Sequence
from unittest import mock

import numpy as np
from absl.testing import parameterized

import main
from ccp.errors import UserError
from evaluate import serve_check, serve_check_images, serve_check_process
from evaluate.restored import restored_experiment
from evaluate.serve_check_images import Trial
from models.export import export
from tests import command_line
from tests.datasets import pictures
from tests.evaluate import tiny_runs
from tests.models import served


class CommandTest(parameterized.TestCase):
    def check(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.main(["serve_check", *arguments])
        return code, out.getvalue(), err.getvalue()

    def test_an_export_equals_its_run_in_a_process_of_its_own(self):
        run_dir, home = tiny_runs.digits("ccp/contrastive"), pictures.folder_for(self)
        experiment, _ = restored_experiment(run_dir)
        export(experiment.model, experiment.format, str(home / "model"), {})
        output = home / "check.json"
        code, out, err = self.check(f"--model={home}/model", f"--run_dir={run_dir}", f"--json={output}")
        self.assertEqual((code, err), (0, ""), out)
        report = json.loads(output.read_text())
        self.assertTrue(report["passed"])
        checks = {check["check"]: check for check in report["checks"]}
        self.assertLen(checks, 9)
        self.assertIn("equals the run's evaluation", checks)
        self.assertTrue(all(check["passed"] for check in checks.values()))
        self.assertEqual(checks["needs nothing of this project"]["found"], "imported: TensorFlow and NumPy")
        self.assertEqual(set(report["latency"]), {"1", "32"})
        memory = report["memory_mb"]
        self.assertBetween(memory["imports"], 50, memory["loaded"])
        self.assertGreaterEqual(memory["peak"], memory["loaded"])
        self.assertGreater(report["load_seconds"], 0)
        size = sum(path.stat().st_size for path in (home / "model" / "1").rglob("*") if path.is_file())
        self.assertAlmostEqual(report["size_mb"], size / 2**20)
        for shown in (
            "32 of the 896 test images",
            "images/s",
            "encoded: encoded_images string [?] → embeddings float32",
        ):
            self.assertIn(shown, out)
        self.assertNotIn("FAILED", out)

    def apart(self, embeddings: np.ndarray, failing: bool = False, left_out: Sequence[str] = ()):
        """Stands in for the other process."""
        timed = {"calls": 1, "median_ms": 1.0, "percentile_95_ms": 2.0, "images_per_second": 3.0}
        report = {
            "signatures": {},
            "load_seconds": 1.0,
            "checks": [{"check": "an empty batch", "passed": not failing, "found": "embeddings [1, 6]"}],
            "latency": {"1": timed},
            "memory_mb": {"imports": 1.0, "loaded": 2.0, "peak": 3.0},
            "left_out": dict.fromkeys(left_out, "It is no image"),
        }

        def run(_, folder):
            pathlib.Path(folder, "report.json").write_text(json.dumps(report))
            np.save(pathlib.Path(folder, "embeddings.npy"), embeddings)

        return mock.patch.object(serve_check, "_run_apart", run)

    def test_other_weights_fail(self):
        trial = serve_check_images.of_test_images([restored_experiment(tiny_runs.digits("ccp/contrastive"))[0]])
        version = str(served.exported())
        for moved, passes in ((0.9e-5, True), (1.2e-5, False)):
            embeddings = trial.expected.copy()
            embeddings[5, 2] += moved
            with self.apart(embeddings):
                report = serve_check.serve_check(version, trial)
            self.assertEqual(report["passed"], passes)
            self.assertRegex(report["checks"][0]["found"], r"largest difference (9|1\.2)\S*e-0[56]")
        with self.apart(trial.expected[:, :3]):
            report = serve_check.serve_check(version, trial)
        self.assertEqual(
            report["checks"][0],
            {"check": "equals the run's evaluation", "passed": False, "found": "[32, 3], expected [32, 8]"},
        )

    def test_what_fails_is_said_and_is_the_exit_code(self):
        with self.apart(np.zeros([6, 6]), failing=True):
            code, out, err = self.check(f"--model={served.exported()}")
        self.assertEqual(code, 1)
        self.assertRegex(err, "error: .*model.* fails 1 of 1 checks: an empty batch.\n")
        self.assertRegex(out, "FAILED +an empty batch +embeddings ")

    def test_files_that_the_model_cannot_embed(self):
        files, expected = {"a": b"", "b": b"", "c": b""}, np.arange(6.0).reshape(3, 2)
        trial = Trial("3 of the 4 files in d", files, expected, left_out={"notes": "No image"}, all_of_them=False)
        with self.apart(expected[[0, 2]], left_out=["b"]):
            report = serve_check.serve_check(str(served.exported()), trial)
        self.assertTrue(report["passed"])
        self.assertEqual(report["checks"][1]["found"], "2 of 3 images embedded")
        self.assertEqual(report["left_out"], {"notes": "No image", "b": "It is no image"})
        shown = serve_check.check_table(report)
        self.assertIn(
            "images:   3 of the 4 files in d, 2 embedded\nleft out: notes: No image\nleft out: b: It is no image\n"
            "          Mend or remove what the run cannot read, or pass --images, a pattern of others.\n"
            "          The run reads more formats than the model that is served: JPEG, PNG, GIF and BMP; "
            "pass --images, a pattern of others.\n\n",
            shown,
        )
        many = {**report, "left_out": dict.fromkeys("abcdefg", "No image")}  # Seven, of which five are shown.
        self.assertRegex(serve_check.check_table(many), "left out: e: No image\n +and 2 more\n +Mend")
        # The run's own images, and those that come with the check, are no others' fault.
        with (
            self.apart(expected[[0, 2]], left_out=["b"]),
            self.assertRaisesRegex(UserError, "cannot embed b: It is no"),
        ):
            serve_check.serve_check(str(served.exported()), trial._replace(all_of_them=True))

    @parameterized.parameters("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")
    def test_a_file_of_the_runs_that_the_model_refuses(self, kind):
        files = {f"{name}.{kind}": pictures.file_of(pictures.photograph("RGB").resize((8, 8)), kind) for name in "ab"}
        trial = Trial("2 of the 2 files in d", files, np.zeros([2, 6]), all_of_them=False)
        with self.apart(np.zeros([1, 6]), left_out=[f"b.{kind}"]):
            report = serve_check.serve_check(str(served.exported()), trial)
            alone = serve_check.serve_check(str(served.exported()), trial._replace(expected=None))
        is_served = kind in ("JPEG", "PNG", "GIF", "BMP")
        check = report["checks"][1]
        self.assertEqual((check["check"], check["passed"]), ("embeds what the run reads", not is_served))
        fault = f"; not b.{kind}: It is no image" if is_served else ""
        self.assertEqual(check["found"], f"1 of 2 images embedded{fault}")
        self.assertEqual(report["passed"], not is_served)
        self.assertLen(report["advice"], 0 if is_served else 1)
        self.assertNotIn("Mend", serve_check.check_table(report))
        # Without the run there is no telling what is to be read.
        self.assertEqual((alone["passed"], len(alone["checks"])), (True, 1))
        self.assertEqual(alone["advice"], ["Mend or remove these, or pass --images, a pattern of others."])

    def test_a_process_that_fails_is_an_error_with_its_last_word(self):
        script = pictures.folder_for(self) / "script.py"
        for code, message in (
            (
                "import sys\nprint('a warning', file=sys.stderr)\nsys.exit('The model cannot embed it.')",
                "cannot embed it",
            ),
            ("import os\nos._exit(7)", "its process ended with exit code 7"),
            (
                "import os\nos.kill(os.getpid(), 9)",
                "its process was ended by SIGKILL, as the system does when memory runs out; free some, or try smaller",
            ),
            ("import os\nos.kill(os.getpid(), 40)", "its process was ended by signal 40"),
            (
                "import os, sys\nprint('a warning', file=sys.stderr, flush=True)\nos.kill(os.getpid(), 11)",
                "its process was ended by SIGSEGV. Its last words: a warning",
            ),
        ):
            script.write_text(code)
            with mock.patch.object(serve_check_process, "__file__", str(script)):
                code, out, err = self.check(f"--model={served.exported()}")
            self.assertEqual((code, out), (1, ""))
            self.assertRegex(err, f"^error: .*model/1 cannot be tried: .*{message}.*\n$")

    def test_a_process_that_does_not_end_is_stopped(self):
        script = pictures.folder_for(self) / "script.py"
        script.write_text("import time\ntime.sleep(600)")
        with (
            mock.patch.object(serve_check_process, "__file__", str(script)),
            mock.patch.object(serve_check, "_SECONDS", 0.2),
        ):
            code, out, err = self.check(f"--model={served.exported()}")
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(err, "^error: .*model/1 is not through its checks after .* minutes, so they were stopped.*\n$")

    def test_the_process_is_apart(self):
        script, answer = pictures.folder_for(self) / "script.py", pictures.folder_for(self) / "answer.json"
        script.write_text(
            "import json, os, sys\n"
            "found = sys.path, dict(os.environ), os.getcwd(), sys.argv[2], sys.flags.isolated\n"
            f"open({str(answer)!r}, 'w').write(json.dumps(found))\n"
            "sys.exit('enough')"
        )
        with (
            mock.patch.object(serve_check_process, "__file__", str(script)),
            mock.patch.dict("os.environ", {"PYTHONPATH": str(command_line.ROOT)}),
        ):
            self.check(f"--model={served.exported()}")
        path, environment, directory, folder, isolated = json.loads(answer.read_text())
        self.assertTrue(isolated)
        for place in path:
            self.assertFalse((pathlib.Path(directory, place) / "ccp").exists(), place)
        self.assertNotIn("PYTHONPATH", environment)
        self.assertEqual(pathlib.Path(directory).resolve(), pathlib.Path(folder).resolve())
        self.assertFalse(pathlib.Path(folder).exists())

    @parameterized.parameters(
        (["--model=no/such"], 1, "no/such holds no SavedModel; make one with: main.py export"),
        (["--model=m", "--data_dir=d"], 2, "--data_dir is where a run's data are; pass --run_dir too"),
        ([], 2, "main.py serve_check needs --model"),
    )
    def test_refusals(self, arguments, code, message):
        found, _, err = self.check(*arguments)
        self.assertEqual(found, code)
        self.assertIn(message, err)

    def test_a_model_of_something_else(self):
        folder = pictures.folder_for(self)
        (folder / "saved_model.pb").write_bytes(b"")
        code, out, err = self.check(f"--model={folder}")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("has no signature 'encoded'; export it with main.py export.", err)
        (folder / "saved_model.pb").write_bytes(b"no message")
        _, _, err = self.check(f"--model={folder}")
        self.assertRegex(err, "^error: .*saved_model.pb cannot be read .*; export it with main.py export.\n$")

    def test_a_report_without_a_place_is_refused_before_the_work(self):
        with self.apart(np.zeros([6, 6])):
            code, out, err = self.check(f"--model={served.exported()}", "--json=no/such/check.json")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("no/such/check.json cannot be written; pass --json", err)
