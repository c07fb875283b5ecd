"""Every training method trains for real, on digits, for a few steps: network, loss, trainer and evaluation together."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from ccp.losses.settings import PAIR_LOSS_SETTINGS
from ccp.methods.names import METHODS, parse_loss

from experiments.presets import preset
from experiments.settings import configure
from experiments.train import train_run
from tests.support.pictures import folder_for

# Each method and each pair loss at least once.
LOSSES = (
    "contrastive",
    "margin",
    "semi_hard_triplet",
    "hard_triplet",
    "lifted_structure",
    "npairs",
    "proxy_anchor",
    "proxy_nca",
    "soft_triple",
    "virtual_softmax",
    "proxy/contrastive",
    "xbm/cosine_contrastive",
    "hpl/proxy_anchor",
    "proxy_synthesis/proxy_anchor",
    "mdr/triplet",
    "ccp/multi_similarity",
    "ccp_xbm/contrastive",
)
_FEW_STEPS = {"dataset": "digits", "width": 8, "steps_per_epoch": 4, "max_epochs": 2, "learning_rate": 3e-3}


class MethodsTest(parameterized.TestCase, tf.test.TestCase):
    def test_none_is_left_out(self):
        methods, pair_losses = zip(*map(parse_loss, LOSSES))
        self.assertEqual((set(methods), set(pair_losses)), (set(METHODS), set(PAIR_LOSS_SETTINGS)))

    @parameterized.parameters(*LOSSES)
    def test_trains(self, loss):
        given = {**_FEW_STEPS, "loss": loss}
        method = parse_loss(loss)[0]
        if method in ("xbm", "ccp_xbm"):
            given.update(memory_start_step=1, memory_batches=2)
        if method in ("proxy", "hpl", "proxy_synthesis"):
            given.update(warm_up_epochs=1, proxy_rate_multiplier=10.0)
        if method in ("ccp", "ccp_xbm"):
            given.update(projection="period", projection_period=1)
        run = folder_for(self) / "run"
        result = train_run(configure(preset(given), given), run, None, on_board=False)
        self.assertEqual((result["epochs"], result["projections"]), (2, int(method in ("ccp", "ccp_xbm"))))
        # By chance, the nearest of five classes is right a fifth of the time.
        self.assertBetween(result["test"]["precision_at_1"], 0.35, 1.0)
        saved = tf.train.load_checkpoint(str(run / "checkpoints"))
        moments = [name for name in saved.get_variable_to_shape_map() if name.startswith("optimizer/")]
        self.assertTrue(all(np.isfinite(saved.get_tensor(name)).all() for name in moments))


if __name__ == "__main__":
    tf.test.main()
