"""Every training method trains for real, on digits, for a few steps: network, loss, trainer and evaluation together."""

import numpy as np
import pytest
import tensorflow as tf

from ccp.methods.registry import METHODS, parse_loss
from experiments.presets import preset_settings
from tests.support import tiny_runs

# CCP, with and without XBM, is trained by own_images_test and kill_and_resume_test.
LOSSES = (
    "margin",
    "proxy_anchor",
    "xbm/cosine_contrastive",
    "hpl/proxy_anchor",
    "proxy_synthesis/soft_triple",
    "mdr/triplet",
    "memvir/proxy_nca",
    "prism/contrastive",
    "nir/proxy_anchor",
)
FEW_STEPS = {"dataset": "digits", "width": 8, "steps_per_epoch": 4, "max_epochs": 2, "learning_rate": 3e-3}


def test_no_method_is_left_out():
    assert {parse_loss(loss)[0] for loss in LOSSES} == set(METHODS) - {"ccp", "ccp_xbm"}


@pytest.mark.parametrize("loss", LOSSES)
def test_trains(loss, tmp_path):
    method = METHODS[parse_loss(loss)[0]]
    given = {**FEW_STEPS, "loss": loss}
    if loss.startswith("memvir"):
        given.update(virtual_start_step=1, virtual_gap=1)
    if loss.startswith("nir"):
        given.update(flow_blocks=1, flow_depth=2, flow_width=16)
    if method.has_memory:
        given.update(memory_start_step=1, memory_batches=2)
    if method.has_proxies:
        given.update(warm_up_epochs=1, proxy_rate_multiplier=10.0)
    result = tiny_runs.train_quickly(preset_settings(**given), tmp_path / "run")
    assert (result["epochs"], result["projections"]) == (2, 0)
    # By chance, the nearest of five classes is right a fifth of the time.
    assert 0.35 < result["test"]["precision_at_1"] <= 1.0
    saved = tf.train.load_checkpoint(str(tmp_path / "run" / "checkpoints"))
    moments = [name for name in saved.get_variable_to_shape_map() if name.startswith("optimizer/")]
    assert moments
    assert all(np.isfinite(saved.get_tensor(name)).all() for name in moments)
