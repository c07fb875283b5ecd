"""What an export consists of, and models that are exported again with another gallery."""

import os
import pathlib
import shutil
import tempfile
from unittest import mock

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from models.serving import bare_process
from models.serving.bare_process import Sample
from models.serving.export import export
from models.serving.exported_model import ExportedModel, read_info
from models.serving.gallery import Gallery
from models.serving.threshold import read_threshold
from models.serving.versions import ExportError
from tests.support import pictures, served


class ExportTest(tf.test.TestCase):
    def test_signatures(self):
        files = tf.TensorSpec([None], tf.string, "encoded_images")
        embeddings = {"embeddings": tf.TensorSpec([None, 6], tf.float32, "embeddings")}
        masked = {"ok": tf.TensorSpec([None], tf.bool, "ok"), "reasons": tf.TensorSpec([None], tf.string, "reasons")}
        signatures = served.signatures()
        self.assertEqual(set(signatures), {"serving_default", "uint8", "encoded", "encoded_masked", "search"})
        for name, spec, outputs in (
            ("serving_default", tf.TensorSpec([None, None, None, 1], tf.float32, "images"), embeddings),
            ("uint8", tf.TensorSpec([None, None, None, 1], tf.uint8, "images"), embeddings),
            ("encoded", files, embeddings),
            ("encoded_masked", files, {**embeddings, **masked}),
        ):
            (argument,) = signatures[name].structured_input_signature[1].values()
            self.assertEqual(argument, spec)
            self.assertEqual(signatures[name].structured_outputs, outputs)

    def test_runs_no_python_and_draws_no_random_numbers(self):
        saved = saved_model_pb2.SavedModel.FromString((served.exported() / "1" / "saved_model.pb").read_bytes())
        graph = saved.meta_graphs[0].graph_def
        operations = {node.op for node in graph.node} | {n.op for f in graph.library.function for n in f.node_def}
        self.assertIn("DecodePng", operations)
        self.assertEmpty({op for op in operations if "PyFunc" in op or "Random" in op})

    def test_answers_in_a_session_as_in_serving(self):
        # TensorFlow Serving uses the names of tensors in the signatures, and loads without Python's functions.
        images = served.digit_images(3)
        files, expected = [pictures.png_of(image) for image in images], served.expected(images)
        version = str(served.exported() / "1")
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            definitions = tf.compat.v1.saved_model.load(session, ["serve"], version).signature_def

            def run(name, value):
                ((_, argument),) = definitions[name].inputs.items()
                outputs = {output: tensor.name for output, tensor in definitions[name].outputs.items()}
                return session.run(outputs, {argument.name: value})

            for name, value in (("uint8", images), ("serving_default", images / np.float32(255)), ("encoded", files)):
                self.assertAllClose(run(name, value)["embeddings"], expected, rtol=0, atol=1e-5)
            self.assertAllEqual(run("encoded_masked", [files[0], b"no image"])["ok"], [True, False])
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "positions 1 of the batch.*no JPEG"):
                run("encoded", [files[0], b"no image"])

    def test_a_model_that_fails_its_sample_is_not_written(self):
        folder = pictures.folder_for(self)
        sample = Sample([b"a file"], np.zeros([1, 6], np.float32))
        failure = mock.patch.object(bare_process.subprocess, "run", side_effect=bare_process.subprocess.SubprocessError)
        with failure, self.assertRaisesRegex(ExportError, "could not be tried in a separate process"):
            export(tf.Module(), {}, str(folder), {}, sample=sample)
        self.assertEqual(os.listdir(folder), [])


class OtherGalleryTest(tf.test.TestCase):
    """An export of an exported model, which has a gallery, with another gallery."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.files = [pictures.png_of(image) for image in served.digit_images(12)]
        cls.embeddings = served.signatures()["encoded"](encoded_images=tf.constant(cls.files))["embeddings"].numpy()
        model, chosen = ExportedModel(served.exported()), np.array([1, 5, 9])
        gallery = Gallery([f"{n}.png" for n in chosen], [f"class {n}" for n in chosen], cls.embeddings[chosen])
        info = {"dataset": "other"}
        cls.version, _ = export(
            model.loaded.network, model.signatures, str(cls.folder), info, gallery, threshold=served.THRESHOLD
        )
        cls.loaded = ExportedModel(cls.folder)

    def test_the_network_is_the_same_bit_for_bit(self):
        self.assertEqual((self.version, read_info(self.version)), (self.folder / "1", {"dataset": "other"}))
        embeddings = self.loaded.signatures["encoded"](encoded_images=tf.constant(self.files))["embeddings"]
        np.testing.assert_array_equal(embeddings, self.embeddings)
        for variable, original in zip(self.loaded.loaded.network.weights, served.network().variables):
            np.testing.assert_array_equal(variable, original)

    def test_searches_its_gallery_alone(self):
        found = self.loaded.signatures["search"](encoded_images=tf.constant(self.files[5:6]), k=tf.constant(99))
        distances = np.linalg.norm(self.embeddings[[1, 5, 9]] - self.embeddings[5], axis=1)
        order = np.argsort(distances)
        self.assertAllEqual(found["ids"], [[[b"1.png", b"5.png", b"9.png"][place] for place in order]])
        self.assertAllClose(found["distances"], [distances[order]], rtol=0, atol=1e-6)
        expected = read_threshold(self.version).verdicts(distances[order])
        self.assertAllEqual(found["verdicts"], [[name.encode() for name in expected]])
        self.assertAllEqual(found["voted_labels"], [b"class 5"])
        self.assertAllClose(found["vote_shares"], [1 / 3])
        names = [name for name, _ in tf.train.list_variables(str(self.version / "variables" / "variables"))]
        self.assertLen([name for name in names if name.startswith("gallery/")], 4)
        self.assertEmpty([name for name in names if "loaded" in name])
