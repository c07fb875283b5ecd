"""Mislabelled training images, found by the proxies of a run."""

import csv
import pathlib
from unittest import mock

import numpy as np
from absl.testing import absltest

from ccp.errors import UserError
from experiments.mislabelled import find_suspects, suspect_rows, write_suspects
from tests.support import made_up_run, pictures

_CLASSES, _PER_CLASS, _SIZE = 5, 20, 8


def _restored(embedded, proxies, folder, labels="given"):
    settings = mock.Mock(data=mock.Mock(labels=labels), loss=mock.Mock(loss="arcface"))
    experiment = mock.Mock(settings=settings, embed=lambda examples: embedded)
    return mock.Mock(experiment=experiment, proxies=proxies, run=mock.Mock(path=pathlib.Path(folder)))


class SwappedLabelsTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(pictures.folder_for(self))
        random = np.random.default_rng(0)
        shown = np.repeat(np.arange(_CLASSES), _PER_CLASS)
        points = np.eye(_SIZE)[shown] + 0.1 * random.normal(size=(len(shown), _SIZE))
        labels = shown.copy()
        self.swapped = [3, 27, 45, 88]  # Of classes 0, 1, 2 and 4.
        labels[self.swapped] = labels[np.roll(self.swapped, 1)]
        # The first centre is where nobody is, the second where the class is, the third where swapped images are.
        others = np.eye(_SIZE)[np.roll(np.arange(_CLASSES), 1)]
        proxies = np.stack([-np.eye(_SIZE)[:_CLASSES], np.eye(_SIZE)[:_CLASSES], others], axis=1)
        self.restored = _restored(made_up_run.embedded(points, labels), proxies, self.folder)

    def test_come_out_on_top(self):
        found = find_suspects(self.restored, 75.0)
        self.assertCountEqual(found.places[: len(self.swapped)], self.swapped)
        np.testing.assert_array_equal(found.centers.dominant, [1] * _CLASSES)
        files = write_suspects(found, self.folder)
        self.assertTrue(all(file.exists() for file in files))
        rows = list(csv.DictReader(files[0].open(encoding="utf-8")))
        training = found.training
        for row, place in zip(rows, found.places):
            self.assertEqual(row["image"], training.name(place))
            self.assertEqual(row["class"], f"class {training.labels[place]}")
            self.assertEqual(row["is_dominant"], "yes" if row["center"] == "1" else "no")
            self.assertAlmostEqual(float(row["angle_to_dominant"]), found.centers.angles[place], delta=0.01)
        self.assertLen(rows, len(found.places))
        self.assertTrue(all(row["is_dominant"] == "no" or float(row["angle_to_dominant"]) > 75 for row in rows))
        centers = list(csv.DictReader(files[1].open(encoding="utf-8")))
        self.assertEqual([row["is_dominant"] for row in centers], ["no", "yes", "no"] * _CLASSES)
        self.assertEqual(sum(int(row["images"]) for row in centers), _CLASSES * _PER_CLASS)

    def test_pictures_are_of_their_classes(self):
        found = find_suspects(self.restored, 75.0)
        rows = suspect_rows(found)
        self.assertLen(rows, 4)
        for row in rows:
            label = found.training.labels[row.query]
            self.assertTrue((found.training.labels[row.found] == label).all())
            self.assertNotIn(row.query, row.found)
            self.assertEqual(row.title, f"class {label}: 1 of 20 images")

    def test_none_is_listed_where_none_is_far(self):
        embedded = made_up_run.embedded(np.eye(_SIZE)[:2], [0, 1])
        proxies = np.stack([np.eye(_SIZE)[:2], -np.eye(_SIZE)[:2]], axis=1)
        files = write_suspects(find_suspects(_restored(embedded, proxies, self.folder), 75.0), self.folder)
        self.assertEqual([file.name for file in files], ["mislabelled.csv", "sub_centers.csv"])

    def test_refuses_runs_that_cannot_tell(self):
        embedded = self.restored.experiment.embed(None)
        for proxies, labels, message in (
            (None, "given", "has no class proxies.*--proxies_per_class=3"),
            (np.ones((5, 1, _SIZE)), "given", "has one proxy per class"),
            (np.ones((5, 2, _SIZE)), "none", "without labels"),
        ):
            with self.assertRaisesRegex(UserError, message):
                find_suspects(_restored(embedded, proxies, self.folder, labels), 75.0)


if __name__ == "__main__":
    absltest.main()
