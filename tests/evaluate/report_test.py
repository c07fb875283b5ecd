"""The report's page: what stands on it, that it needs nothing else, and the files beside it."""

from __future__ import annotations

import base64
import dataclasses
import html.parser
import io
import json
import pathlib
import re
import shutil

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from ccp.errors import UserError
from datasets.files import read_json, save_json
from experiments.report import write_report
from experiments.report.facts import RunFacts, differ_in_data
from experiments.report.intervals import bootstrap_interval
from experiments.report.markup import Markup, table, tag
from experiments.report.settings import groups
from experiments.report.tables import training_table
from experiments.run_directory import RunDirectory, RunError
from tests.support import pictures, tiny_runs


class Reader(html.parser.HTMLParser):
    """Takes a page apart; an element that is not closed, or closed twice, is an error."""

    def __init__(self, page: pathlib.Path):
        super().__init__()
        self.images, self.texts, self.tags, self._open = [], [], [], []
        self.feed(page.read_text())
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in ("img", "meta", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, tag

    def handle_data(self, data):
        if "style" not in self._open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


class MarkupTest(parameterized.TestCase):
    def test_all_but_markup_is_escaped(self):
        made = tag("p", "a<b>&", Markup("<i>"), None, 3, class_="x\"'<", aria_label=None)
        self.assertEqual(made, '<p class="x&quot;&#x27;&lt;">a&lt;b&gt;&amp;<i>3</p>')

    def test_a_row_of_one_cell_heads_all_columns(self):
        made = table(["a", "b"], [["part"], ["<", 1]], "numbers")
        self.assertIn('<th scope="rowgroup" colspan="2" class="group">part</th>', made)
        self.assertIn('<th scope="row">&lt;</th><td>1</td>', made)


class IntervalTest(parameterized.TestCase):
    def test_covers_the_mean_as_the_normal_approximation_does(self):
        # 400 queries, 100 of them 1: mean 0.25, standard error sqrt(0.25 · 0.75 / 400) = 0.02165, ± 1.96 of that.
        low, high = bootstrap_interval(np.repeat([0.0, 1.0], [300, 100]))
        self.assertAlmostEqual(low, 0.25 - 0.0424, delta=0.006)
        self.assertAlmostEqual(high, 0.25 + 0.0424, delta=0.006)

    def test_what_does_not_vary_has_no_width(self):
        self.assertEqual(bootstrap_interval(np.full(7, 0.5)), [0.5, 0.5])


class OneRunTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.run_dir = tiny_runs.digits("ccp/contrastive")
        self.page = tiny_runs.page(self.run_dir)
        self.reader = Reader(self.page)

    def test_contents_in_order(self):
        headings = ["Results", "Training", "Embedding", "Retrieval and distances", "Geometry", "Settings"]
        found = re.findall("<h2>(.*?)</h2>", self.page.read_text())
        self.assertEqual(found, headings)
        linked = [attributes["href"][1:] for name, attributes in self.reader.tags if name == "a"]
        identified = [attributes["id"] for name, attributes in self.reader.tags if name == "section"]
        self.assertEqual(linked, identified)
        result = read_json(pathlib.Path(self.run_dir) / "result.json")
        for sentence in result["protocol"].values():
            self.assertIn(sentence, self.reader.text)
        for score in ("precision_at_1", "r_precision", "map_at_r"):
            self.assertIn(f"{100 * result['test'][score]:.2f}", self.reader.text)
        self.assertNotIn("not finished", self.reader.text)
        self.assertIn("max_epochs 2 ● default 60", self.reader.text)
        self.assertNotIn("memory_weight", self.reader.text)  # It is no setting of CCP's.

    def test_it_holds_all_it_shows(self):
        kinds = {name for name, _ in self.reader.tags}
        self.assertFalse(kinds & {"script", "link", "iframe", "object", "base"})
        self.assertNotIn("url(", self.page.read_text())
        self.assertNotIn("@import", self.page.read_text())
        self.assertLess(self.page.stat().st_size, 5_000_000)
        beside = {path.name: path for path in self.page.with_name(f"{self.page.stem}_figures").iterdir()}
        self.assertLen(self.reader.images, len(beside))
        self.assertContainsSubset({"curve_loss.png", "retrieval.png", "relative_radii.png", "distances.png"}, beside)
        for image in self.reader.images:
            head, _, data = image["src"].partition(",")
            self.assertEqual(head, "data:image/png;base64")
            picture = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
            picture.load()
            self.assertEqual(picture.size, (int(image["width"]), int(image["height"])))
            self.assertGreater(len(image["alt"]), 10)
        # In a palette of 256 colours, and still the colours of the files.
        shown = [base64.b64decode(image["src"].partition(",")[2]) for image in self.reader.images]
        for name, data in zip(sorted(beside, key=lambda name: beside[name].stat().st_mtime_ns), shown):
            colours = [Image.open(file).convert("RGB") for file in (io.BytesIO(data), beside[name])]
            difference = np.subtract(*(np.asarray(image, int) for image in colours))
            self.assertLess(np.abs(difference).max(), 24, name)

    def test_numbers_beside_it(self):
        (numbers,) = json.loads(self.page.with_suffix(".json").read_text())
        result = read_json(pathlib.Path(self.run_dir) / "result.json")
        for metric, score in numbers["scores"].items():
            self.assertEqual(score, result["test"][metric])
            low, high = numbers["interval_95_over_queries"][metric]
            self.assertTrue(low <= score <= high, metric)
        # The initialisation, and one projection after the first of two epochs.
        self.assertEqual([at["projection"] for at in numbers["geometry_by_projection"]], [0, 1])
        self.assertIsNone(numbers["geometry"]["unseen classes"]["radius_by_proxies"])
        training = numbers["geometry"]["training classes"]
        # 721 training images; the proxies of the best weights lie nowhere near as well as the best of the images.
        self.assertEqual((training["examples"], training["classes"]), (721, 5))
        self.assertGreater(training["radius_by_proxies"], training["radius_by_centers"][1])

    def test_the_same_again(self):
        again = write_report([self.run_dir], str(pictures.folder_for(self) / "made" / "again.html"))
        self.assertEqual(again.read_text(), self.page.read_text())


class AwkwardNamesTest(tf.test.TestCase):
    def test_names_of_classes_are_text(self):
        # No name has become an image: every one is ours, with a source that the page holds.
        reader = Reader(tiny_runs.page(tiny_runs.photographs(), tsne=True))
        self.assertTrue(all(image["src"].startswith("data:") for image in reader.images))
        alternatives = " ".join(image["alt"] for image in reader.images)
        self.assertIn("<img src=nowhere>&amp;: MAP@R", alternatives)
        self.assertIn("t-SNE", reader.text)


class SeveralRunsTest(tf.test.TestCase):
    def test_seeds_are_joined_and_settings_compared(self):
        runs = [tiny_runs.digits("contrastive", seed) for seed in (0, 1)] + [tiny_runs.digits("ccp/contrastive")]
        page = tiny_runs.page(*runs, runs[0])  # One of them twice.
        reader = Reader(page)
        self.assertIn("3 runs side by side", reader.text)
        self.assertIn("contrastive (2 seeds)", reader.text)
        scores = [read_json(pathlib.Path(run) / "result.json")["test"]["map_at_r"] for run in runs[:2]]
        self.assertIn(f"{50 * sum(scores):.2f}", reader.text)
        self.assertIn("seed ≠", reader.text)
        self.assertNotIn("width ≠", reader.text)
        names = {path.name for path in page.with_name(f"{page.stem}_figures").iterdir()}
        self.assertContainsSubset({"scores_map_at_r.png", "run1_retrieval.png", "run3_radii.png"}, names)
        self.assertNotIn("run1_radii.png", names)  # The base loss does not project.
        self.assertNotIn("different data", reader.text)

    def test_runs_on_other_images_and_copies_of_a_run_are_no_repeats(self):
        first, second = (RunDirectory(tiny_runs.digits("contrastive", seed)).load_settings() for seed in (0, 1))
        self.assertEqual(groups([first, second, second, first], ["a", "a", "b", "a"]), [[0, 1], [2]])

        def differ(*digests):
            return differ_in_data([RunFacts("", "", first, digest, [], [], True, None) for digest in digests])

        self.assertTrue(differ("a", "a", "b"))
        self.assertFalse(differ("a", "a"))
        self.assertFalse(differ("a", ""))  # What was not recorded is not known to differ.

    def test_runs_of_different_data_and_one_under_three_names(self):
        folder, digits = pictures.folder_for(self), tiny_runs.digits("contrastive")
        link, detour = folder / "link", f"{digits}/../{pathlib.Path(digits).name}"
        link.symlink_to(digits)
        page = write_report([digits, str(link), tiny_runs.photographs(), detour], str(folder / "page.html"))
        text = Reader(page).text
        self.assertIn("2 runs side by side", text)
        self.assertIn("These runs are of different data, so their scores do not compare methods.", text)
        numbers = json.loads(page.with_suffix(".json").read_text())
        self.assertEqual([run["run"] for run in numbers], [digits, tiny_runs.photographs()])


class TrainingTableTest(tf.test.TestCase):
    def test_the_best_epoch_is_the_one_whose_weights_are_kept(self):
        # 0.5, then by less than is enough 0.505, then 0.52, then by less again 0.525.
        config = RunDirectory(tiny_runs.digits("contrastive")).load_settings()
        config = dataclasses.replace(config, loop=dataclasses.replace(config.loop, min_improvement=0.01))
        scores = (0.5, 0.505, 0.52, 0.525)
        records = [{"epoch": 1 + i, "map_at_r": score, "projections": 0} for i, score in enumerate(scores)]
        run = RunFacts("a", "runs/a", config, "", records, [], True, None)
        self.assertIn("<td>3</td><td>52.00 (MAP@R)</td>", training_table([run]))


class UnfinishedTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.run_dir = pictures.folder_for(self) / "run"
        shutil.copytree(tiny_runs.digits("ccp/contrastive"), self.run_dir)
        (self.run_dir / "result.json").unlink()

    def test_a_run_without_a_result_shows_its_best_weights_so_far(self):
        page = write_report([str(self.run_dir)])
        self.assertEqual(page, self.run_dir / "report" / "index.html")
        text = Reader(page).text
        self.assertIn("is not finished: it is at epoch 2, and the best weights so far are shown", text)
        result = read_json(pathlib.Path(tiny_runs.digits("ccp/contrastive")) / "result.json")
        self.assertIn(f"{100 * result['test']['map_at_r']:.2f}", text)

    def test_a_run_without_weights_shows_its_curves_and_settings(self):
        shutil.rmtree(self.run_dir / "checkpoints")
        shutil.rmtree(self.run_dir / "projections")
        reader = Reader(write_report([str(self.run_dir)]))
        self.assertIn("no weights are saved yet, so there is little to show", reader.text)
        self.assertLen(reader.images, 2)
        self.assertIn("proxies_per_class", reader.text)

    def test_a_run_that_has_only_begun(self):
        for name in ("checkpoints", "projections"):
            shutil.rmtree(self.run_dir / name)
        (self.run_dir / "metrics.jsonl").unlink()
        self.assertEmpty(Reader(write_report([str(self.run_dir)])).images)


class RefusalTest(tf.test.TestCase):
    def test_no_run(self):
        with self.assertRaisesRegex(RunError, "holds no run"):
            write_report([str(pictures.folder_for(self))])
        with self.assertRaisesRegex(UserError, "at least one run"):
            write_report([])

    def test_a_place_that_cannot_be_written(self):
        folder = pictures.folder_for(self)
        (folder / "file").write_text("")
        with self.assertRaisesRegex(UserError, "cannot be written to .*file/index.html"):
            write_report([tiny_runs.digits("contrastive")], str(folder / "file"))

    def test_a_place_where_another_file_would_be_lost(self):
        # The numbers lie beside the page: those of result.html would be the run's own result.json.
        result = pictures.folder_for(self) / "result.json"
        save_json(result, {"test": {}})
        with self.assertRaisesRegex(UserError, "numbers would replace .*result.json, which is no report's"):
            write_report([tiny_runs.digits("contrastive")], str(result.with_suffix(".html")))
        self.assertEqual(read_json(result), {"test": {}})


if __name__ == "__main__":
    tf.test.main()
