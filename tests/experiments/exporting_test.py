"""Runs, folds and galleries written as served models, against the offline evaluation."""

import json
import pathlib
import shutil
import tempfile
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.distances import lipschitz_normalize
from ccp.errors import UserError
from datasets.examples import split_examples
from datasets.files import save_json
from datasets.reading import load
from evaluate.embedded import Embedded
from experiments import exporting, trained_network
from experiments.exporting import Target, export_run, export_with_gallery
from experiments.run_directory import RunDirectory, RunError
from experiments.settings import configure
from experiments.trained_network import load_trained_network
from models.serving import export as model_export
from models.serving.exported_model import ExportedModel, read_info
from models.serving.file_embedding import ImageError
from models.serving.threshold import read_threshold_record
from models.serving.versions import ExportError
from tests.support import photographs, pictures, served
from tests.support.tiny_runs import ONE_STEP, train_quickly


class ExportingTest(parameterized.TestCase, tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.home)
        cls.images = cls.home / "images"
        # Too small for half their resolution to be enough, which the simple decoding does not know.
        photographs.write(cls.images, num_classes=16, per_class=3, height=22, width=33)
        photographs.decode_simply(cls)  # The exported model reads images itself.
        settings = configure(ONE_STEP, {"data_dir": str(cls.images)})
        # Two models in turn stand for the four of the protocol; the second repeat has them the other way round.
        for fold in (1, 2):
            train_quickly(settings.replaced(validation=f"fold{fold}"), cls.run_of(fold, 1).path)
        for fold, repeat, source in ((3, 1, 1), (4, 1, 2), (1, 2, 2), (2, 2, 1), (3, 2, 2), (4, 2, 1)):
            shutil.copytree(cls.run_of(source, 1).path, cls.run_of(fold, repeat).path)
        cls.test = split_examples(load(settings.data), "test")
        cls.files = [pathlib.Path(path).read_bytes() for path in cls.test.images.names]
        # The bare process is tested in bare_process_test.py; here only the samples for it are looked at.
        patched = mock.patch.object(model_export, "largest_difference", cls.keep_sample)
        patched.start()
        cls.addClassCleanup(patched.stop)
        # One export for most tests: the second repeat, and a gallery of three classes with an image beside them.
        cls.gallery = cls.home / "gallery"
        for name in ("3", "5", "11"):
            shutil.copytree(cls.images / name, cls.gallery / name)
        shutil.copytree(cls.images / "2", cls.gallery / "11" / "deep")
        shutil.copy(cls.images / "0" / "0.jpg", cls.gallery / "alone.jpg")
        cls.model = str(cls.home / "model")
        cls.done = export_run(str(cls.home / "mlrc"), Target(cls.model, gallery=str(cls.gallery)), repeat=2)
        cls.loaded = ExportedModel(cls.model)

    @classmethod
    def keep_sample(cls, _, sample):
        cls.sample = sample
        return 0.5

    def assert_sample_right(self, signatures, done):
        embeddings = signatures["encoded_masked"](encoded_images=tf.constant(self.sample.files))["embeddings"]
        self.assertAllClose(embeddings, self.sample.embeddings, rtol=0, atol=1e-6)
        self.assertEqual((self.sample.tolerance, done.difference), (1e-5, 0.5))

    def embed(self, files):
        return self.loaded.signatures["encoded"](encoded_images=tf.constant(files))["embeddings"].numpy()

    def offline(self, repeat):
        """As ``experiments.mlrc`` joins the folds' embeddings of the test images."""
        embeddings = []
        for fold in (1, 2, 3, 4):
            with np.load(self.run_of(fold, repeat).test_embeddings) as file:
                embeddings.append(file["embeddings"])
        return lipschitz_normalize(np.concatenate(embeddings, axis=1)).numpy()

    @classmethod
    def run_of(cls, fold, repeat):
        return RunDirectory(cls.home / "mlrc" / f"fold{fold}-repeat{repeat - 1}")

    def test_the_ensemble_equals_the_offline_evaluation(self):
        embeddings = self.embed(self.files)
        self.assertEqual(embeddings.shape, (24, 12))
        self.assertAllClose(embeddings, self.offline(2), rtol=0, atol=1e-5)
        self.assertNotAllClose(embeddings, self.offline(1), rtol=0, atol=1e-3)
        # Some of the four are inside the unit ball, so that normalising again is not only a scale.
        self.assertGreater(np.std(np.linalg.norm(self.offline(2)[:, :3], axis=1)), 1e-4)

    def test_what_is_kept_beside_it(self):
        info = read_info(pathlib.Path(self.model) / "1")
        self.assertEqual(info["repeat"], 2)
        self.assertEqual(
            [(one["fold"], one["seed"], one["finished"]) for one in info["folds"]], [(f, 5, True) for f in (1, 2, 3, 4)]
        )
        expected = Embedded(self.offline(2), self.test, np.arange(24)).result.means
        self.assertAllClose(info["test"], expected)
        self.assertEqual(info["gallery"], {"images": 13, "labels": 3})
        self.assertLen(self.done.progress, 4)
        self.assertEqual(self.done.difference, 0.5)
        self.assertEqual(self.done.directory, pathlib.Path(self.model) / "1")

    def test_searches_the_gallery(self):
        paths = sorted(path for path in self.gallery.rglob("*") if path.is_file())
        gallery = self.embed([path.read_bytes() for path in paths])
        found = self.loaded.signatures["search"](encoded_images=tf.constant(self.files), k=tf.constant(4))
        distances = np.linalg.norm(self.embed(self.files)[:, None].astype(np.float64) - gallery, axis=2)
        order = np.argsort(distances, axis=1, kind="stable")[:, :4]
        ids = [str(path.relative_to(self.gallery)) for path in paths]
        labels = ["" if "/" not in name else name.split("/")[0] for name in ids]
        self.assertEqual(set(labels), {"", "3", "5", "11"})
        self.assertAllEqual(found["ids"], [[ids[place].encode() for place in row] for row in order])
        self.assertAllEqual(found["labels"], [[labels[place].encode() for place in row] for row in order])
        self.assertAllClose(found["distances"], np.take_along_axis(distances, order, 1), rtol=0, atol=1e-6)

    def test_another_gallery_without_the_run_and_its_data(self):
        gallery = self.home / "other"
        (gallery / "a").mkdir(parents=True)
        for number in range(3):
            (gallery / "a" / f"{number}.png").write_bytes(pictures.png_of(served.digit_images(3)[number]))
        (gallery / "bad.jpg").write_text("no image")
        (gallery / "notes.txt").write_text("no image")
        target = Target(str(self.home / "elsewhere"), 4, str(gallery), skip_unreadable=True)
        with self.assertLogs("ccp", "WARNING") as logs:
            done = export_with_gallery(str(served.exported()), target)
        self.assertLen(logs.output, 1)  # Files that are no images are warned of once.
        self.assertEqual([path for path, _ in done.skipped], [str(gallery / "bad.jpg")])
        self.assertEqual(done.directory, self.home / "elsewhere" / "4")
        loaded = ExportedModel(done.directory)
        self.assert_sample_right(loaded.signatures, done)
        self.assertLen(self.sample.files, 4)
        file = pictures.png_of(served.digit_images(1)[0])
        found = loaded.signatures["search"](encoded_images=tf.constant([file]), k=tf.constant(9))
        self.assertEqual(set(found["ids"].numpy()[0]), {b"a/0.png", b"a/1.png", b"a/2.png"})
        self.assertEqual(set(found["labels"].numpy()[0]), {b"a"})
        self.assertEqual(read_threshold_record(done.directory), served.THRESHOLD)
        self.assertEqual(read_info(done.directory), {**served.INFO, "gallery": {"images": 3, "labels": 1}})

    def test_one_run(self):
        run = self.run_of(3, 1)
        with mock.patch.object(exporting, "export", return_value=("a directory", 0.5)) as export:
            done = export_run(str(run.path), Target("a directory"))
        _, signatures, _, info, gallery, _, self.sample, threshold = export.call_args[0]
        self.assertIsNone(threshold)
        self.assert_sample_right(signatures, done)
        self.assertLen(self.sample.files, 8)
        embeddings = signatures["encoded"](encoded_images=tf.constant(self.files))["embeddings"]
        with np.load(run.test_embeddings) as file:
            self.assertAllClose(embeddings, file["embeddings"], rtol=0, atol=1e-5)
        self.assertAllClose(info["test"], json.loads(run.result.read_text())["test"])
        self.assertEqual(info["image_format"], {"size": 12, "resize": 12, "channels": 3})
        self.assertIsNone(gallery)
        self.assertNotIn("gallery", info)

    def test_the_threshold_of_a_run(self):
        run, record = self.run_of(1, 2), {**served.THRESHOLD, "best_epoch": 1}
        self.addCleanup(run.threshold.unlink)
        save_json(run.threshold, record)
        with mock.patch.object(exporting, "export", return_value=("a directory", 0.5)) as export:
            export_run(str(run.path), Target("a directory"))
        self.assertEqual(export.call_args[0][-1], record)
        save_json(run.threshold, {**record, "best_epoch": 0})
        message = "threshold.json is of the weights of epoch 0, and the best are those of epoch 1 now. Run main.py cal"
        with self.assertRaisesRegex(ExportError, message):
            export_run(str(run.path), Target("a directory"))

    def test_no_run_and_folds_that_are_missing(self):
        message = "holds no fold1-repeat2, fold2.*repeat 3 needs four models; pass another --repeat_number"
        with self.assertRaisesRegex(UserError, message):
            load_trained_network(str(self.home / "mlrc"), repeat=3)
        with self.assertRaisesRegex(RunError, "holds no run"):
            load_trained_network(str(self.home / "elsewhere"))

    def test_refusals_before_the_work(self):
        folds = str(self.home / "mlrc")
        with mock.patch.object(trained_network, "restore_run", side_effect=AssertionError):
            with self.assertRaisesRegex(ExportError, "1 exists already; pass another --version"):
                export_run(folds, Target(self.model, 1))
            with self.assertRaisesRegex(ImageError, "is no directory; pass --gallery"):
                export_run(folds, Target(self.model, gallery=str(self.home / "nowhere")))
