"""Requests that TensorFlow Serving runs as it loads a model, so that the first real one is not slow.

They are ``tensorflow.serving.PredictionLog`` messages. The package that defines them is not needed for these few
fields; their numbers are those of apis/prediction_log.proto, predict.proto and model.proto of TensorFlow Serving.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

WARMUP_FILE = pathlib.PurePath("assets.extra", "tf_serving_warmup_requests")
_MODEL_NAME = "model"  # Must be there; Serving goes by the signature's name alone.
_SIDE = 64

_Field = descriptor_pb2.FieldDescriptorProto


def warmup_requests(signatures: Mapping[str, Any], channels: int) -> list[message.Message]:
    """A request of one small grey image for each signature, as PredictionLog messages.

    Args:
      signatures: those of the model, by name.
      channels: of its images.
    """
    pixels = tf.fill([_SIDE, _SIDE, channels], tf.constant(128, tf.uint8))
    values = {
        ("images", tf.float32): tf.cast(pixels, tf.float32)[tf.newaxis] / 255.0,
        ("images", tf.uint8): pixels[tf.newaxis],
        ("encoded_images", tf.string): tf.io.encode_jpeg(pixels)[tf.newaxis],
        ("k", tf.int32): tf.constant(10),
    }
    inputs = {name: tf.nest.flatten(function.structured_input_signature) for name, function in signatures.items()}
    return [
        _request(name, {spec.name: values[spec.name, spec.dtype] for spec in specs}) for name, specs in inputs.items()
    ]


def write_warmup(directory: pathlib.Path, requests: list[message.Message]) -> None:
    """Writes requests where Serving looks for them in a version's directory."""
    path = directory / WARMUP_FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            writer.write(request.SerializeToString(deterministic=True))


@functools.cache
def prediction_log_class() -> type[message.Message]:
    """The message PredictionLog, with those of its fields that a warm-up request fills in."""
    file = descriptor_pb2.FileDescriptorProto(
        name="models/serving/prediction_log.proto", package="tensorflow.serving", syntax="proto3"
    )
    _add(file.message_type, "ModelSpec", ("name", 1, _Field.TYPE_STRING), ("signature_name", 3, _Field.TYPE_STRING))
    request = _add(
        file.message_type, "PredictRequest", ("model_spec", 1, "ModelSpec"), ("inputs", 2, "PredictRequest.InputsEntry")
    )
    request.field[-1].label = _Field.LABEL_REPEATED
    # The value is a TensorProto, which is written as its bytes are.
    entry = _add(request.nested_type, "InputsEntry", ("key", 1, _Field.TYPE_STRING), ("value", 2, _Field.TYPE_BYTES))
    entry.options.map_entry = True
    _add(file.message_type, "PredictLog", ("request", 1, "PredictRequest"))
    _add(file.message_type, "PredictionLog", ("predict_log", 6, "PredictLog"))
    pool = descriptor_pool.DescriptorPool()  # Of its own, so that an installed tensorflow_serving does not clash.
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.serving.PredictionLog"))


def _request(signature: str, inputs: Mapping[str, tf.Tensor]) -> message.Message:
    log = prediction_log_class()()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = _MODEL_NAME, signature
    for name, value in inputs.items():
        request.inputs[name] = tf.make_tensor_proto(value.numpy()).SerializeToString()
    return log


def _add(messages: Any, name: str, *fields: tuple[str, int, int | str]) -> descriptor_pb2.DescriptorProto:
    """Adds a message whose fields have a name, a number, and a type or the name of a message."""
    added = messages.add(name=name)
    for field, number, kind in fields:
        one = added.field.add(name=field, number=number, label=_Field.LABEL_OPTIONAL)
        if isinstance(kind, str):
            one.type, one.type_name = _Field.TYPE_MESSAGE, f".tensorflow.serving.{kind}"
        else:
            one.type = kind
    return added
