"""The report's page: its contents, that it needs nothing but itself, and the figures beside it."""

from __future__ import annotations

import base64
import dataclasses
import html.parser
import io
import json
import pathlib
import re
import tempfile

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from evaluate.metrics.registry import STANDARD
from evaluate.report.facts import CrossValidation
from evaluate.report.page import render
from tests.support import made_up_run, pictures


class Reader(html.parser.HTMLParser):
    """Takes a page apart; an element that is not closed, or closed twice, is an error."""

    def __init__(self, page: str):
        super().__init__()
        self.images, self.texts, self.tags, self._open = [], [], [], []
        self.feed(page)
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


class OneRunTest(tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.facts = made_up_run.run_facts("ccp/contrastive", projects=True)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name) / "figures"
        cls.page = render(made_up_run.report(cls.facts), cls.folder)
        cls.reader = Reader(cls.page)

    def test_contents_in_order(self):
        headings = ["Results", "Training", "Embedding", "Retrieval and distances", "Geometry", "Settings"]
        self.assertEqual(re.findall("<h2>(.*?)</h2>", self.page), headings)
        linked = [attributes["href"][1:] for name, attributes in self.reader.tags if name == "a"]
        identified = [attributes["id"] for name, attributes in self.reader.tags if name == "section"]
        self.assertEqual(linked, identified)
        for sentence in ("test: leave-one-out & by index", "model selection: best map_at_r"):
            self.assertIn(sentence, self.reader.text)
        for score in self.facts.evaluation.scores.values():
            self.assertIn(f"{100 * score.mean:.2f} {100 * score.low:.2f} – {100 * score.high:.2f}", self.reader.text)
        # The last of three epochs, MAP@R 1 − 0.5 / 3, is the best one.
        self.assertIn("ccp/contrastive yes 3 3 83.33 (MAP@R) 1 runs/ccp/contrastive", self.reader.text)
        self.assertIn("width 4 ● default 64", self.reader.text)
        self.assertNotIn("not finished", self.reader.text)
        self.assertIn("never seen in training ; seed 0.", self.reader.text.replace("training;", "training ;"))

    def test_it_holds_all_it_shows(self):
        kinds = {name for name, _ in self.reader.tags}
        self.assertFalse(kinds & {"script", "link", "iframe", "object", "base"})
        self.assertNotIn("url(", self.page)
        self.assertNotIn("@import", self.page)
        self.assertLess(len(self.page), 5_000_000)
        beside = {path.name: path for path in self.folder.iterdir()}
        self.assertLen(self.reader.images, len(beside))
        self.assertContainsSubset({"curve_loss.png", "retrieval.png", "relative_radii.png", "distances.png"}, beside)
        for image in self.reader.images:
            head, _, data = image["src"].partition(",")
            self.assertEqual(head, "data:image/png;base64")
            picture = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
            picture.load()
            self.assertGreater(len(image["alt"]), 10)

    def test_names_are_text(self):
        run = made_up_run.run_facts("<img src=nowhere>&amp;", records=[], evaluation=None)
        reader = Reader(render(made_up_run.report(run), pictures.folder_for(self)))
        self.assertEmpty(reader.images)
        self.assertIn("<img src=nowhere>&amp; on digits", reader.text)

    def test_numbers(self):
        numbers = json.loads(json.dumps(self.facts.numbers()))
        for metric, score in numbers["scores"].items():
            low, high = numbers["interval_95_over_queries"][metric]
            self.assertTrue(low <= score <= high, metric)
        self.assertEqual([at["projection"] for at in numbers["geometry_by_projection"]], [0, 1])
        self.assertIsNone(numbers["geometry"]["unseen classes"]["radius_by_proxies"])
        self.assertEqual(numbers["geometry"]["training classes"]["examples"], 40)


class UnusualTestTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(
        ("seen classes", "evaluated on 48 other images of 8 of these (seen classes)"),
        ("unseen images", "evaluated on 48 views of 8 other images (unseen images)"),
    )
    def test_it_is_said(self, test_classes, expected):
        facts = made_up_run.run_facts("a")
        facts = dataclasses.replace(facts, evaluation=dataclasses.replace(facts.evaluation, test_classes=test_classes))
        page = render(made_up_run.report(facts), pictures.folder_for(self))
        self.assertIn(expected, Reader(page).text)
        self.assertRegex(Reader(page).text, rf" a, {test_classes} \d+\.\d\d \d+\.\d\d – ")
        self.assertNotIn("unseen classes", page.lower())


class WithoutProjectionTest(tf.test.TestCase):
    def test_it_is_said_and_no_curve_of_one_point_is_drawn(self):
        run = made_up_run.run_facts("ccp", projects=True, projections=[made_up_run.projection(0)], note="none <made>")
        folder = pictures.folder_for(self)
        reader = Reader(render(made_up_run.report(run), folder))
        self.assertIn("ccp: none <made>.", reader.text)
        names = {path.name for path in folder.iterdir()}
        self.assertContainsSubset({"projections.png", "radii_by_centers.png"}, names)
        self.assertFalse({"radii.png", "class_distances.png", "relative_radii.png"} & names)


class SeveralRunsTest(tf.test.TestCase):
    def test_side_by_side(self):
        before = {"untrained": {"precision_at_1": 0.123, "r_precision": 0.2, "map_at_r": 0.1}}
        runs = [
            made_up_run.run_facts("base", 0, before_training=before),
            made_up_run.run_facts("ccp", 1, projects=True, result=None),
        ]
        runs[1].evaluation.data["unreadable_images_left_out"] = 3
        folder = pictures.folder_for(self)
        report = made_up_run.report(*runs, different_data=True)
        text = Reader(render(report, folder)).text
        for part in (
            *("2 runs side by side", "seed ≠ 0 1", "default 64 –", "base, untrained 12.30 20.00 10.00 base"),
            *("These runs are of different data", "ccp test: leave-one-out", "left out: 3 images that cannot be read"),
            "ccp is not finished: it is at epoch 3, and the best weights so far are shown.",
        ):
            self.assertIn(part, text)
        names = {path.name for path in folder.iterdir()}
        self.assertContainsSubset({"run1_retrieval.png", "run2_radii.png"}, names)
        self.assertNotIn("run1_radii.png", names)  # The base loss does not project.

    def test_seeds_are_one_row_and_one_of_them_is_shown(self):
        scores = {"precision_at_1": 0.5, "r_precision": 0.25, "map_at_r": 0.125}
        runs = [made_up_run.run_facts(f"base, seed {seed}", seed, setting="base") for seed in range(3)]
        others = {"evaluation": None, "result": {"best_epoch": 2, "test": scores}}
        runs[1:] = [dataclasses.replace(run, **others) for run in runs[1:]]
        runs.append(made_up_run.run_facts("ccp", 1, projects=True))
        folder = pictures.folder_for(self)
        reader = Reader(render(made_up_run.report(*runs), folder))
        self.assertIn("2 settings side by side, 4 runs", reader.text)
        self.assertIn("seeds 0, 1, 2; the figures are those of seed 0", reader.text)
        first = runs[0].evaluation.scores["map_at_r"].mean
        values = [first, 0.125, 0.125]
        mean, deviation = 100 * np.mean(values), 100 * np.std(values, ddof=1)
        self.assertIn(f"{mean:.2f} ± {deviation:.2f} {100 * first:.2f} · 12.50 · 12.50", reader.text)
        self.assertIn("base (3 seeds)", reader.text)
        self.assertIn("base, seed 1 yes 3 2 75.00 (MAP@R) 0", reader.text)  # 1 − 0.5 / 2 at the second epoch.
        names = {path.name for path in folder.iterdir()}
        self.assertContainsSubset({"run1_retrieval.png", "run2_retrieval.png"}, names)
        self.assertNotIn("run3_retrieval.png", names)

    def test_the_mean_before_training_is_of_the_seeds_with_scores(self):
        before = [{"untrained": dict.fromkeys(STANDARD, score)} for score in (0.2, 0.9)]
        runs = [made_up_run.run_facts(f"a, seed {s}", s, setting="a", before_training=before[s]) for s in range(2)]
        runs[1] = dataclasses.replace(runs[1], evaluation=None, result=None)
        text = Reader(render(made_up_run.report(*runs), pictures.folder_for(self))).text
        self.assertIn("untrained 20.00 20.00 20.00 a ", text)

    def test_a_finished_run_without_its_weights_has_scores_without_intervals(self):
        result = {"best_epoch": 2, "test": dict.fromkeys(STANDARD, 0.125)}
        runs = [made_up_run.run_facts("base"), made_up_run.run_facts("ccp", evaluation=None, result=result)]
        text = Reader(render(made_up_run.report(*runs), pictures.folder_for(self))).text
        self.assertIn("ccp 12.50 12.50 12.50 ", text)

    def test_protocols_have_a_table(self):
        run = made_up_run.run_facts("ccp", projects=True)
        summary = {"mean": 0.5, "deviation": 0.01, "interval_95": [0.4, 0.6], "count": 2}
        scores = dict.fromkeys(("precision_at_1", "r_precision", "map_at_r"), summary)
        protocol = CrossValidation("runs/mlrc", 2, {"separated, 8-D": scores})
        text = Reader(render(made_up_run.report(run, protocols=[protocol]), pictures.folder_for(self))).text
        self.assertIn("4-fold protocol in runs/mlrc", text)
        self.assertIn("separated, 8-D 50.00 ± 1.00 [40.00, 60.00] 50.00 ± 1.00", text)


class UnfinishedTest(tf.test.TestCase):
    def test_without_weights_curves_projections_and_settings_are_shown(self):
        run = made_up_run.run_facts("a", projects=True, result=None, evaluation=None)
        reader = Reader(render(made_up_run.report(run), pictures.folder_for(self)))
        self.assertIn("no weights are saved yet, so there is little to show", reader.text)
        self.assertIn("in training on digits; seed 0.", reader.text)
        self.assertLen(reader.images, 2 + 4)
        self.assertIn("width", reader.text)

    def test_a_run_that_has_only_begun(self):
        run = made_up_run.run_facts("a", records=[], result=None, evaluation=None)
        run = dataclasses.replace(run, projections=[])
        reader = Reader(render(made_up_run.report(run), pictures.folder_for(self)))
        self.assertEmpty(reader.images)
        self.assertIn("a no 0 – – 0 runs/a", reader.text)


if __name__ == "__main__":
    tf.test.main()
