"""Every training method trains for real, on digits, for a few steps: network, loss, trainer and evaluation together."""

import numpy as np
import pytest
import tensorflow as tf

from ccp.methods.registry import METHODS, parse_loss
from experiments.presets import preset_settings
from experiments.train import train_run

LOSSES = (
    "margin",
    "proxy_anchor",
    "xbm/cosine_contrastive",
    "hpl/proxy_anchor",
    "proxy_synthesis/soft_triple",
    "mdr/triplet",
    "ccp/multi_similarity",
    "ccp_xbm/contrastive",
)
FEW_STEPS = {"dataset": "digits", "width": 8, "steps_per_epoch": 4, "max_epochs": 2, "learning_rate": 3e-3}


def test_no_method_is_left_out():
    assert {parse_loss(loss)[0] for loss in LOSSES} == set(METHODS)


@pytest.mark.parametrize("loss", LOSSES)
def test_trains(loss, tmp_path):
    method = METHODS[parse_loss(loss)[0]]
    given = {**FEW_STEPS, "loss": loss}
    if method.has_memory:
        given.update(memory_start_step=1, memory_batches=2)
    if method.projects:
        given.update(projection="period", projection_period=1)
    elif method.has_proxies:
        given.update(warm_up_epochs=1, proxy_rate_multiplier=10.0)
    result = train_run(preset_settings(**given), tmp_path / "run", None)
    assert (result["epochs"], result["projections"]) == (2, int(method.projects))
    # By chance, the nearest of five classes is right a fifth of the time.
    assert 0.35 < result["test"]["precision_at_1"] <= 1.0
    saved = tf.train.load_checkpoint(str(tmp_path / "run" / "checkpoints"))
    moments = [name for name in saved.get_variable_to_shape_map() if name.startswith("optimizer/")]
    assert moments
    assert all(np.isfinite(saved.get_tensor(name)).all() for name in moments)
