"""The warm-up requests, read as TensorFlow Serving reads them, and run."""

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from models.serving.gallery import Gallery
from models.serving.network import EmbeddingNetwork
from models.serving.signatures import ServedModel
from models.serving.warmup import WARMUP_FILE, warmup_requests, write_warmup
from tests.support import pictures, served


def _fields(message):
    """The fields of a message, (number, bytes) each, by the wire format alone: all of them are bytes here.

    A field is a tag, number · 8 + 2, a length, and as many bytes.
    """
    fields, place = [], 0
    while place < len(message):
        tag, place = _number(message, place)
        length, place = _number(message, place)
        assert tag % 8 == 2, tag
        fields.append((tag // 8, message[place : place + length]))
        place += length
    return fields


def _number(message, place):
    """A number of 7 bits a byte, the lowest first; the highest bit says that more follow."""
    number, shift = 0, 0
    while True:
        byte = message[place]
        number, shift, place = number + ((byte % 128) << shift), shift + 7, place + 1
        if byte < 128:
            return number, place


def _requests(version):
    """By signature, the inputs of its request."""
    requests = {}
    for record in tf.data.TFRecordDataset(str(version / WARMUP_FILE)).as_numpy_iterator():
        ((predict_log, log),) = _fields(record)  # PredictionLog.predict_log
        ((request, fields),) = _fields(log)  # PredictLog.request
        assert (predict_log, request) == (6, 1)
        spec = dict(_fields(dict(_fields(fields))[1]))  # PredictRequest.model_spec: name and signature_name
        assert set(spec) == {1, 3} and spec[1]
        entries = [dict(_fields(entry)) for number, entry in _fields(fields) if number == 2]  # PredictRequest.inputs
        tensors = {entry[1].decode(): tensor_pb2.TensorProto.FromString(entry[2]) for entry in entries}
        requests[spec[3].decode()] = {name: tf.constant(tf.make_ndarray(value)) for name, value in tensors.items()}
    return requests


class WarmupTest(tf.test.TestCase):
    def test_every_signature_answers_its_request(self):
        requests = _requests(served.version())
        self.assertEqual(set(requests), set(served.signatures()))
        answers = {}
        for name, inputs in requests.items():
            answers[name] = served.signatures()[name](**inputs)
            self.assertEqual(answers[name]["embeddings"].shape, [1, 6])
            self.assertGreater(np.abs(answers[name]["embeddings"]).max(), 0)
        self.assertTrue(answers["encoded_masked"]["ok"].numpy().all())

    def test_search_is_warmed_up_too(self):
        gallery = Gallery(["a", "b"], ["", ""], np.eye(2, 6, dtype=np.float32))
        model = ServedModel(EmbeddingNetwork(served.network(), served.FORMAT), 1, gallery)
        folder = pictures.folder_for(self)
        write_warmup(folder, warmup_requests(model.signatures(), 1))
        inputs = _requests(folder)["search"]
        self.assertEqual(set(inputs), {"encoded_images", "k"})
        self.assertEqual((inputs["k"].dtype, inputs["k"].shape), (tf.int32, []))
        self.assertEqual(model.signatures()["search"](**inputs)["ids"].shape, [1, 2])
