"""What docs/serving.md shows works: requests, client, recipes, commands and names."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import urllib.error
import urllib.request
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import main
from tests.support import pictures, served
from tests.support.command_line import ROOT

_PAGE = (ROOT / "docs" / "serving.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", _PAGE, re.DOTALL)


def _decoded(value: dict):
    """An object of JSON; {"b64": …} stands for bytes, as in Serving's REST interface."""
    return base64.b64decode(value["b64"], validate=True) if set(value) == {"b64"} else value


def _json_of(outputs):
    """A tensor as Serving writes it; strings whose name does not end in _bytes as text."""
    return (
        np.vectorize(bytes.decode, otypes=[object])(outputs).tolist() if outputs.dtype == object else outputs.tolist()
    )


def answer(signatures, request: dict) -> dict:
    """What TensorFlow Serving answers, by the description of its REST interface.

    Row format ("instances"): a value for each instance, by name where there are several inputs. Column format
    ("inputs"): a tensor, or tensors by name. The only output stands for itself.
    """
    signature = signatures[request.get("signature_name", "serving_default")]
    specs = signature.structured_input_signature[1]
    assert ("instances" in request) != ("inputs" in request)
    if "instances" in request:
        rows = request["instances"]
        given = {name: [row[name] for row in rows] for name in specs} if isinstance(rows[0], dict) else rows
    else:
        given = request["inputs"]
    if not isinstance(given, dict):
        (only,) = specs
        given = {only: given}
    assert set(given) == set(specs), f"{set(given)} for {set(specs)}"
    tensors = {name: tf.constant(value, specs[name].dtype) for name, value in given.items()}
    for name, tensor in tensors.items():
        assert specs[name].shape.is_compatible_with(tensor.shape), name
    outputs = {name: _json_of(output.numpy()) for name, output in signature(**tensors).items()}
    only_one = next(iter(outputs.values())) if len(outputs) == 1 else None
    if "inputs" in request:
        return {"outputs": only_one or outputs}
    return {"predictions": only_one or [dict(zip(outputs, row)) for row in zip(*outputs.values())]}


def _urlopen(request, timeout):
    """Stands in for TensorFlow Serving."""
    assert request.full_url == "http://localhost:8501/v1/models/embedding:predict" and timeout
    try:
        return io.BytesIO(
            json.dumps(answer(served.signatures(), json.loads(request.data, object_hook=_decoded))).encode()
        )
    except tf.errors.InvalidArgumentError as error:
        body = io.BytesIO(json.dumps({"error": error.message}).encode())
        raise urllib.error.HTTPError(request.full_url, 400, "Bad Request", {}, body) from error


class ServingDocsTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.signatures = served.signatures()
        requests = [json.loads(block, object_hook=_decoded) for block in _blocks("json")]
        cls.requests = {request["signature_name"]: request for request in requests}

    def answer(self, signature: str) -> dict:
        return answer(self.signatures, self.requests[signature])

    def test_every_kind_of_request_is_shown(self):
        self.assertEqual(set(self.requests), {"encoded", "encoded_masked", "uint8", "search"})
        self.assertLen(_blocks("json"), 4)

    def test_files_and_pixels(self):
        pixels = np.array(self.requests["uint8"]["instances"], np.uint8)
        self.assertEqual(pixels.tolist(), [[[[0], [255]], [[255], [0]]]])
        for signature in ("encoded", "uint8"):  # Of the same image.
            found = self.answer(signature)
            self.assertEqual(set(found), {"predictions"})
            np.testing.assert_allclose(found["predictions"], served.expected(pixels), rtol=0, atol=1e-5)

    def test_a_masked_file(self):
        good, bad = self.answer("encoded_masked")["predictions"]
        self.assertEqual(set(good), {"embeddings", "ok", "reasons"})
        self.assertEqual((good["ok"], good["reasons"], bad["ok"]), (True, "", False))
        np.testing.assert_allclose(good["embeddings"], self.answer("encoded")["predictions"][0], rtol=0, atol=1e-6)
        self.assertEqual(set(bad["embeddings"]), {0.0})
        self.assertIn("no JPEG", bad["reasons"])
        shown = json.loads(re.search(r'`(\{"predictions": \[\{.*?)`', _PAGE)[1].replace(", …", ""))
        self.assertEqual(set(shown["predictions"][0]), set(good))

    def test_search(self):
        found = self.answer("search")["outputs"]
        shown = json.loads(re.search(r'`(\{"outputs": .*?)`', _PAGE)[1].replace(", …", ""))
        self.assertEqual(set(found), set(shown["outputs"]))
        (embedding,) = served.expected(np.array(self.requests["uint8"]["instances"], np.uint8))
        distances = np.linalg.norm(served.expected(served.digit_images(12)) - embedding, axis=1)
        order = np.argsort(distances)[:3]
        self.assertEqual(found["ids"], [[served.IDS[place] for place in order]])
        self.assertEqual(found["labels"], [[served.LABELS[place] for place in order]])
        np.testing.assert_allclose(found["distances"], [distances[order]], rtol=0, atol=1e-5)

    def test_table_of_signatures(self):
        rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", _PAGE, re.MULTILINE)
        self.assertEqual({name for name, *_ in rows}, set(self.signatures))
        for name, inputs, outputs in rows:
            signature = self.signatures[name]
            wanted = signature.structured_input_signature[1]
            shown = set(re.findall(r"`(\w+)`", inputs))
            self.assertEqual(shown or set(wanted), set(wanted), name)  # "The same" shows none.
            self.assertEqual(set(re.findall(r"`(\w+)`", outputs)), set(signature.structured_outputs), name)
            for dtype in re.findall(r"float32|uint8|int32|string", inputs):
                self.assertIn(dtype, {spec.dtype.name for spec in wanted.values()}, name)

    def test_client(self):
        client, *_ = _blocks("python")
        folder = pictures.folder_for(self)
        paths = [folder / f"{number}.png" for number in range(3)]
        for path, image in zip(paths, served.digit_images(3)):
            path.write_bytes(pictures.png_of(image))
        namespace = {}
        exec(compile(client, "docs/serving.md", "exec"), namespace)
        with mock.patch.object(urllib.request, "urlopen", _urlopen):
            embeddings = namespace["embed"](paths)
            found = namespace["search"](paths, 2)
            paths[1].write_bytes(b"no image")
            with self.assertRaisesRegex(ValueError, r"positions 1 of the batch.*is no JPEG"):
                namespace["embed"](paths)
        np.testing.assert_allclose(embeddings, served.expected(served.digit_images(3)), rtol=0, atol=1e-5)
        # Each is in the gallery.
        self.assertEqual([ids[0] for ids in found["ids"]], list(served.IDS[:3]))
        np.testing.assert_allclose([row[0] for row in found["distances"]], 0, atol=1e-5)

    def test_grpc_example_fits_the_signature(self):
        _, client, *_ = _blocks("python")
        compile(client, "docs/serving.md", "exec")
        name = re.search(r'signature_name = "(\w+)"', client)[1]
        signature = self.signatures[name]
        self.assertEqual(re.findall(r'inputs\["(\w+)"\]', client), list(signature.structured_input_signature[1]))
        self.assertEqual(re.findall(r'outputs\["(\w+)"\]', client), list(signature.structured_outputs))
        proto = tf.make_tensor_proto([pictures.png_of(served.digit_images(1)[0])])  # As the example makes it.
        embeddings = signature(encoded_images=tf.constant(tf.make_ndarray(proto)))["embeddings"]
        np.testing.assert_allclose(embeddings, served.expected(served.digit_images(1)), rtol=0, atol=1e-5)

    def test_commands_and_flags_exist(self):
        lines = re.findall(r"main\.py (\w+)((?: +(?:--[^ \n`]+))*)", _PAGE)
        self.assertGreater(len(lines), 4)
        for word, arguments in lines:
            values = {flag.name for flag in main.COMMANDS[word].flags}
            for flag in re.findall(r"--(\w+)", arguments):
                self.assertIn(flag, values, f"main.py {word} {arguments}")

    def test_tensorflow_lite(self):
        _, _, convert, compare = _blocks("python")
        folder = pictures.folder_for(self)
        shown = io.StringIO()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder)
        (folder / "model").symlink_to(served.exported())
        with contextlib.redirect_stdout(shown):
            for block in (convert, compare):
                exec(compile(block, "docs/serving.md", "exec"), {})
        self.assertLess(float(shown.getvalue().rpartition(" ")[2]), 0.02)
