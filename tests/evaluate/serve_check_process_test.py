"""Each check of an exported model notices what it is there for."""

from __future__ import annotations

from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from evaluate import serve_check_process
from evaluate.serve_check_process import Server
from models.export import INFO_FILE, load_exported
from tests.datasets import pictures
from tests.evaluate import served_search
from tests.models import served


def _files() -> dict[str, bytes]:
    """Of different sizes."""
    digits = [pictures.png_of(image) for image in served.digit_images(3)]
    photograph = pictures.file_of(pictures.photograph("L").resize((40, 60)), "JPEG")
    return {"a.png": digits[0], "b.png": digits[1], "photograph.jpg": photograph, "c.png": digits[2]}


class _Changed:
    """A signature that gives something else."""

    def __init__(self, signature, change):
        self._signature, self._change = signature, change
        self.structured_outputs = signature.structured_outputs
        self.structured_input_signature = signature.structured_input_signature

    def __call__(self, **given):
        return self._change(given, self._signature)


def _on_embeddings(change):
    def changed(given, signature):
        outputs = dict(signature(**given))
        outputs["embeddings"] = change(outputs["embeddings"])
        return outputs

    return changed


def _noise():
    calls = iter(range(10_000))
    return _on_embeddings(lambda embeddings: embeddings + 1e-7 * next(calls))


def _centred(given, signature):
    embeddings = signature(**given)["embeddings"]
    return {"embeddings": embeddings - tf.reduce_mean(embeddings, axis=0, keepdims=True) / 10}


def _not_without_images(given, signature):
    tf.debugging.assert_positive(tf.size(given["encoded_images"]), "A batch needs an image.")
    return signature(**given)


def _nameless(given, signature):
    try:
        return signature(**given)
    except tf.errors.InvalidArgumentError:
        raise tf.errors.InvalidArgumentError(None, None, "An image is bad.") from None


def _all_ok(given, signature):
    outputs = signature(**given)
    return {**outputs, "ok": tf.ones_like(outputs["ok"])}


def _reversed_answers(given, signature):
    return {name: value[:, ::-1] for name, value in signature(**given).items()}


def _other_labels():
    calls = iter(range(10_000))

    def changed(given, signature):
        outputs = signature(**given)
        return {**outputs, "labels": outputs["labels"] + str(next(calls))}

    return changed


def _at_most(most):
    return lambda given, signature: signature(**{**given, "k": tf.minimum(given["k"], most)})


def _second_nearest_for_one(given, signature):
    if given["k"] > 1:
        return signature(**given)
    return {name: value[:, 1:] for name, value in signature(**{**given, "k": tf.constant(2)}).items()}


class ChecksTest(parameterized.TestCase):  # tf.test.TestCase would have functions set up anew for each test.
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = load_exported(str(served_search.exported()))
        cls.signatures = dict(cls.model.signatures)

    def failures(self, signature=None, change=None) -> dict[str, str]:
        """What is found by the checks that fail, with a signature changed."""
        signatures = dict(self.signatures)
        if change:
            signatures[signature] = _Changed(signatures[signature], change)
        # This process does have the project.
        with mock.patch.object(serve_check_process, "_PROJECT", ()):
            verdicts = {
                name: serve_check_process.verdict(check)
                for name, check in Server(signatures, _files(), len(served_search.IDS)).checks().items()
            }
        return {name: verdict["found"] for name, verdict in verdicts.items() if not verdict["passed"]}

    def test_what_is_exported_passes(self):
        self.assertEmpty(self.failures())
        names = set(Server(self.signatures, _files()).checks())
        self.assertLen(names, 9)
        self.assertContainsSubset({"'encoded_masked' masks a bad image", "'search' finds the nearest first"}, names)

    @parameterized.named_parameters(
        ("not_the_same_bits", "encoded", _noise, {"the same bits twice"}),
        ("depends_on_the_batch", "encoded", lambda: _centred, {"a batch of mixed sizes as one by one"}),
        ("too_long", "encoded", lambda: _on_embeddings(lambda one: 3 * one), {"norms are at most 1"}),
        ("not_a_number", "encoded", lambda: _on_embeddings(lambda one: one * np.nan), {"norms are at most 1"}),
        ("an_empty_batch", "encoded", lambda: _not_without_images, {"an empty batch"}),
        ("does_not_name", "encoded", lambda: _nameless, {"a bad image is refused by its position"}),
        ("does_not_mask", "encoded_masked", lambda: _all_ok, {"'encoded_masked' masks a bad image"}),
        (
            "masks_too_much",
            "encoded_masked",
            lambda: _on_embeddings(tf.zeros_like),
            {"'encoded_masked' masks a bad image"},
        ),
        ("other_pixels", "uint8", lambda: _on_embeddings(lambda one: one + 1e-4), {"pixels and files alike"}),
        ("other_floats", "serving_default", lambda: _on_embeddings(lambda one: -one), {"pixels and files alike"}),
        ("farthest_first", "search", lambda: _reversed_answers, {"'search' finds the nearest first"}),
        ("other_answers", "search", _other_labels, {"'search' finds the nearest first"}),
        ("too_few", "search", lambda: _at_most(5), {"'search' finds the nearest first"}),
        ("others_for_one", "search", lambda: _second_nearest_for_one, {"'search' finds the nearest first"}),
    )
    def test_a_model_that_is_wrong_fails(self, signature, make_change, expected):
        failed = set(self.failures(signature, make_change()))
        self.assertContainsSubset(expected, failed)
        # Checks that compare two signatures, or repeat calls, may see it too; those of other things do not.
        self.assertTrue(
            failed - expected
            <= {
                "pixels and files alike",
                "'encoded_masked' masks a bad image",
                "a batch of mixed sizes as one by one",
                "the same bits twice",
            }
        )

    def test_a_model_that_embeds_what_is_no_image(self):
        masked = self.signatures["encoded_masked"]
        failed = self.failures("encoded", lambda given, _: masked(**given))
        self.assertEqual(failed, {"a bad image is refused by its position": "bytes that are no image were embedded"})

    def test_the_project_is_noticed(self):
        checks = Server(self.signatures, _files()).checks()
        passed, found = checks["needs nothing of this project"]()
        self.assertFalse(passed)
        self.assertIn("ccp", found)

    def test_a_file_that_cannot_be_embedded_is_left_out(self):
        files = _files()
        server = Server(self.signatures, {"notes.txt": b"no image", **files})
        np.testing.assert_array_equal(server.embeddings, Server(self.signatures, files).embeddings)
        self.assertEqual(list(server.left_out), ["notes.txt"])
        self.assertEqual(server.left_out["notes.txt"], "The file is no JPEG, PNG, GIF or BMP image")
        passed, _ = server.checks()["a batch of mixed sizes as one by one"]()
        self.assertTrue(passed)
        with self.assertRaisesRegex(SystemExit, r"can embed none of the 1 images \(notes.txt: The file .*\); pass"):
            Server(self.signatures, {"notes.txt": b"no image"})

    def test_a_reason_at_the_end_of_a_long_line(self):
        def refused(given, signature):
            if given["encoded_images"][0] == b"verses":
                raise tf.errors.InvalidArgumentError(None, None, f"{'Images of the batch ' * 20} Position 0: A poem.]")
            return signature(**given)

        signatures = {**self.signatures, "encoded": _Changed(self.signatures["encoded"], refused)}
        self.assertEqual(Server(signatures, {"verses": b"verses", **_files()}).left_out, {"verses": "A poem"})

    def test_search_is_asked_for_a_bounded_answer(self):
        # A gallery of 1,500 rows that say for what k they were asked.
        asked = []

        def large(given, signature):
            k, number = int(given["k"]), len(given["encoded_images"])
            asked.append(k)
            rows = tf.tile(tf.range(min(k, 1500))[tf.newaxis], [number, 1])
            return {"ids": tf.as_string(rows), "labels": tf.as_string(rows), "distances": tf.cast(rows, tf.float32)}

        for size, said in ((1500, "a gallery of 1500, distances rise"), (None, "a gallery of 1000 or more, distances")):
            signatures = {**self.signatures, "search": _Changed(self.signatures["search"], large)}
            passed, found = Server(signatures, _files(), size).checks()["'search' finds the nearest first"]()
            self.assertTrue(passed)
            self.assertIn(said, found)
        self.assertEqual(max(asked), 1000)

    def test_a_model_that_cannot_be_loaded(self):
        with self.assertRaisesRegex(
            SystemExit, "it cannot be loaded: OSError: SavedModel file does not exist at: nowh"
        ):
            serve_check_process.loaded_signatures("nowhere")

    def test_size_of_the_gallery(self):
        folder = pictures.folder_for(self)
        for text, expected in (
            (None, None),
            ("{", None),
            ('{"gallery": null}', None),
            ('{"gallery": {"images": 12, "labels": 5}}', 12),
        ):
            if text:
                (folder / INFO_FILE).write_text(text)
            self.assertEqual(serve_check_process.gallery_size(str(folder)), expected)

    def test_signatures_are_described(self):
        found = serve_check_process.described(self.signatures)
        self.assertEqual(
            found["search"],
            {
                "inputs": {"encoded_images": "string [?]", "k": "int32 []"},
                "outputs": {"distances": "float32 [?, ?]", "ids": "string [?, ?]", "labels": "string [?, ?]"},
            },
        )
        self.assertEqual(found["uint8"]["inputs"], {"images": "uint8 [?, ?, ?, 1]"})
        self.assertEqual(found["encoded"]["outputs"], {"embeddings": "float32 [?, 6]"})

    def test_latency(self):
        # A clock that every look at moves on: calls take 1, 2, 3, … 20 ms.
        times = np.cumsum([0.0, *(value for call in range(1, 21) for value in (1e-3 * call, 0.0))])[:-1]
        calls = []
        with (
            mock.patch.object(serve_check_process.time, "perf_counter", side_effect=times.tolist()),
            mock.patch.object(serve_check_process, "_SECONDS", 0.0),
        ):
            found = serve_check_process.latency(lambda: calls.append(1), batch_size=4)
        self.assertLen(calls, 3 + 20)  # Three to warm up.
        self.assertEqual(found["calls"], 20)
        self.assertAlmostEqual(found["median_ms"], 10.5)  # Between 10 and 11.
        self.assertAlmostEqual(found["percentile_95_ms"], 19.05)  # 0.05 beyond the 19th of 20: index 18.05 from 0.
        self.assertAlmostEqual(found["images_per_second"], 4 * 20 / 0.210)  # 1 + … + 20 = 210 ms.
