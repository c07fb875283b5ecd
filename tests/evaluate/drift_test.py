"""Drift: the indices against plain loops, and the command."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import math

import numpy as np
from absl.testing import parameterized

import main
from evaluate import drift
from tests.datasets import pictures


def _distances(seed: int, count: int = 400, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(5.0, 0.1, count) + shift


class CompareTest(parameterized.TestCase):
    def test_by_hand(self):
        # Tenths of 0 … 999 end at 99.9, 199.8, …: a hundred in each. The recent ones lie in the last two.
        found = drift.stability_index(np.arange(1000.0), np.arange(800.0, 1000.0))
        # Half a distance more in each of ten bins: shares 100.5 / 1005, and 0.5 / 205 or 100.5 / 205.
        before, empty, full = 0.1, 0.5 / 205, 100.5 / 205
        expected = 8 * (empty - before) * math.log(empty / before) + 2 * (full - before) * math.log(full / before)
        self.assertAlmostEqual(found, expected, places=9)

    @parameterized.parameters(0.0, 0.02, 0.3)
    def test_equals_plain_loops(self, shift):
        reference, recent = _distances(0), _distances(1, 250, shift)
        ordered = sorted(reference)
        # NumPy's quantile: between neighbours, at position q · (n − 1).
        edges = []
        for tenth in range(1, 10):
            place = tenth / 10 * (len(ordered) - 1)
            low = int(place)
            edges.append(ordered[low] + (place - low) * (ordered[low + 1] - ordered[low]))
        index = 0.0
        bounds = [-math.inf, *edges, math.inf]
        for low, high in zip(bounds, bounds[1:]):
            shares = [
                (sum(low < one <= high for one in values) + 0.5) / (len(values) + 5) for values in (reference, recent)
            ]
            index += (shares[1] - shares[0]) * math.log(shares[1] / shares[0])
        gap = max(
            abs(sum(one <= at for one in reference) / 400 - sum(one <= at for one in recent) / 250)
            for at in (*reference, *recent)
        )
        found = drift.compare(reference, recent)
        self.assertAlmostEqual(found.stability_index, index, places=9)
        self.assertAlmostEqual(found.largest_gap, gap, places=9)
        self.assertEqual((found.num_reference, found.num_recent), (400, 250))
        self.assertAlmostEqual(found.medians[1], (sorted(recent)[124] + sorted(recent)[125]) / 2)

    def test_by_chance_is_what_no_change_gives(self):
        found = [drift.compare(_distances(2 * seed, 1000), _distances(2 * seed + 1, 500)) for seed in range(200)]
        mean = np.mean([one.stability_index for one in found])
        # Nine tenths are free: 9 · (1/1000 + 1/500).
        self.assertAlmostEqual(found[0].by_chance, 0.027)
        self.assertBetween(mean, 0.9 * 0.027, 1.1 * 0.027)
        self.assertBetween(np.mean([one.p_value < 0.1 for one in found]), 0.03, 0.17)
        self.assertBetween(np.mean([one.share_far for one in found]), 0.005, 0.02)

    def test_the_same_distances(self):
        found = drift.compare(_distances(0), _distances(0))
        self.assertEqual((found.stability_index, found.largest_gap), (0.0, 0.0))

    def test_queries_that_move_away(self):
        found = drift.compare(_distances(0), _distances(1, shift=0.3))
        self.assertGreater(found.stability_index, 0.25)
        self.assertLess(found.p_value, 1e-6)
        self.assertGreater(found.share_far, 0.05)

    @parameterized.parameters(0.0, 0.7)
    def test_distances_that_are_all_the_same(self, value):
        same = np.full(300, value)
        self.assertEqual(drift.compare(same, same).stability_index, 0.0)
        # One edge and two bins: 300.5 and 0.5 of 301 before, the other way round now.
        moved = drift.compare(same, same + 0.1).stability_index
        self.assertAlmostEqual(moved, 2 * (300 / 301) * math.log(300.5 / 0.5))

    @parameterized.parameters(
        (np.ones(199), np.ones(300), "It takes 200 distances to tell, and there are 199 reference ones"),
        (np.ones(300), np.ones(3), "there are 3 recent ones"),
        (np.ones(300), np.r_[np.ones(300), np.nan], "some of the recent ones are not"),
        (np.r_[np.ones(300), np.inf], np.ones(300), "some of the reference ones are not"),
        (np.r_[np.ones(300), -0.1], np.ones(300), "not below 0"),
    )
    def test_what_cannot_be_compared(self, reference, recent, message):
        with self.assertRaisesRegex(drift.DriftError, message):
            drift.compare(reference, recent)

    def test_nearest_distances(self):
        random = np.random.default_rng(0)
        queries, gallery = (random.normal(size=(count, 3)).astype(np.float32) for count in (30, 50))
        gallery[7] = queries[3]
        expected = [min(math.dist(query, one) for one in gallery.tolist()) for query in queries.tolist()]
        np.testing.assert_allclose(drift.nearest_distances(queries, gallery), expected, rtol=1e-6, atol=1e-9)
        self.assertEqual(drift.nearest_distances(queries, gallery)[3], 0.0)


class CommandTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)

    def run_drift(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.main(["drift", *arguments])
        return code, out.getvalue(), err.getvalue()

    def files(self, **contents) -> list[str]:
        for name, distances in contents.items():
            np.savetxt(self.folder / name, distances)
        return [f"--{name}={self.folder / name}" for name in contents]

    def test_distances(self):
        files = self.files(reference=_distances(0), recent=_distances(1))
        code, out, err = self.run_drift(*files)
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(
            out, r"^distances: +400 before, 400 recent\nmedian: .*\nstability index: +0\.0\d+; by chance 0.045"
        )
        index = drift.compare(_distances(0), _distances(1)).stability_index
        for limit, expected in ((1.01 * index, 0), (0.99 * index, 1)):
            code, _, err = self.run_drift(*files, f"--limit={limit}")
            self.assertEqual((code, "error: the stability index" in err), (expected, bool(expected)))

    def test_above_the_limit_by_itself(self):
        code, _, err = self.run_drift(*self.files(reference=_distances(0), recent=_distances(1, shift=0.3)))
        self.assertEqual((code, err), (1, "error: the stability index is above --limit=0.25.\n"))

    def test_embeddings(self):
        random = np.random.default_rng(0)
        sets = {
            name: random.normal(size=(count, 4)) for name, count in (("gallery", 40), ("before", 300), ("now", 200))
        }
        for name, embeddings in sets.items():
            np.savez(self.folder / f"{name}.npz", embeddings=embeddings, paths=np.array(["a"]))
        paths = [str(self.folder / f"{name}.npz") for name in ("before", "now", "gallery")]
        found = drift.compare_files(*paths)
        expected = [drift.nearest_distances(sets[name], sets["gallery"]) for name in ("before", "now")]
        self.assertEqual(found, drift.compare(*expected))
        np.savez(self.folder / "now.npz", embeddings=np.ones([200, 3]))
        with self.assertRaisesRegex(drift.DriftError, "now.npz have 3 dimensions and the gallery's 4; embed both with"):
            drift.compare_files(*paths)

    def test_compressed_text(self):
        self.files(reference=_distances(0))
        text = (self.folder / "reference").read_bytes()
        for name, compress in (("d.gz", gzip.compress), ("d.bz2", bz2.compress), ("d.xz", lzma.compress)):
            path, contents = self.folder / name, compress(text)
            path.write_bytes(contents)
            found = drift.compare_files(str(self.folder / "reference"), str(path))
            self.assertEqual((found.num_recent, found.largest_gap), (400, 0.0))
            for damaged in (contents[:-20], contents[:60] + b"damaged" + contents[67:], text):
                path.write_bytes(damaged)
                with self.assertRaisesRegex(drift.DriftError, rf"{name} (does not hold one|cannot be read \()"):
                    drift.compare_files(str(self.folder / "reference"), str(path))

    def test_other_files(self):
        distances, _ = (argument.partition("=")[2] for argument in self.files(reference=_distances(0), recent=[1.0]))
        words, archive = self.folder / "words.txt", self.folder / "other.npz"
        words.write_text("a\nb\n")
        np.savez(archive, vectors=np.ones(3))
        with self.assertRaisesRegex(drift.DriftError, "words.txt does not hold one distance in each line"):
            drift.compare_files(distances, str(words))
        columns, flat, lone = (self.folder / name for name in ("columns.txt", "flat.npz", "lone.npz"))
        columns.write_text("1 0.5\n2 0.6\n")
        with self.assertRaisesRegex(
            drift.DriftError, "columns.txt does not hold one distance .*2 numbers in each line"
        ):
            drift.compare_files(distances, str(columns))
        np.savez(flat, embeddings=np.ones(3))
        with open(lone, "wb") as file:
            np.save(file, np.ones([3, 2]))
        (self.folder / "empty.npz").touch()
        none, strings = self.folder / "none.npz", self.folder / "strings.npz"
        np.savez(none, embeddings=np.zeros([0, 3]))
        np.savez(strings, embeddings=np.array([["a", "b"]]))
        for path in (words, archive, flat, lone, none, strings, self.folder / "empty.npz"):
            with self.assertRaisesRegex(
                drift.DriftError, f"{path.name} holds no embeddings; make it with: main.py embed"
            ):
                drift.compare_files(distances, distances, str(path))
        code, _, err = self.run_drift(f"--reference={distances}", "--recent=no/such")
        self.assertEqual(code, 1)
        self.assertEqual(
            err,
            "error: no/such cannot be read (No such file or directory); pass a file of distances or of embeddings.\n",
        )
        with self.assertRaisesRegex(drift.DriftError, r"cannot be read \(Is a directory\)"):
            drift.compare_files(distances, distances, str(self.folder))
        with self.assertRaisesRegex(
            drift.DriftError, r"one distance in each line \(it is no text\). Pass --gallery too"
        ):
            drift.compare_files(distances, str(none))
