"""Settings: layers, checks, records."""

from __future__ import annotations

import dataclasses
import json

from absl.testing import absltest, parameterized
from ccp.losses.settings import PAIR_LOSS_SETTINGS
from ccp.methods.names import parse_loss

from ccp.errors import ConfigError
from ccp.losses import PAIR_LOSSES
from experiments.presets import FROM_SCRATCH
from experiments.settings import Settings, configure, section_of


class ConfigTest(parameterized.TestCase):
    def test_later_layers_win(self):
        config = configure({"seed": 1, "learning_rate": 0.1}, {"seed": 2})
        self.assertEqual((config.run.seed, config.optimizer.learning_rate), (2, 0.1))
        self.assertEqual(config.loop.steps_per_epoch, 25)

    def test_the_record_is_complete_and_read_back_the_same(self):
        config = configure(FROM_SCRATCH["omniglot"], {"loss": "ccp/multi_similarity", "beta": 50.0})
        self.assertEqual(config.to_dict()["loss"]["settings"], {"alpha": 2.0, "beta": 50.0, "base": 0.5})
        self.assertEqual(Settings.from_dict(json.loads(json.dumps(config.to_dict()))), config)

    @parameterized.parameters(
        ({"sede": 1}, "Unknown setting 'sede'. Did you mean seed"),
        ({"loss": "ccp/tripplet"}, "Did you mean triplet"),
        ({"loss": "cpp/triplet"}, "Unknown training method 'cpp'. Did you mean ccp"),
        ({"loss": "contrastive", "alpha": 2.0}, "alpha belongs to multi_similarity; contrastive takes pos_margin, neg"),
        ({"dataset": "omniglott"}, "Did you mean omniglot"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0 and finite; got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0 and finite; got nan"),
        ({"max_epochs": 2.5}, "max_epochs must be a whole number; got 2.5"),
        ({"learning_rate": "fast"}, "learning_rate must be a number; got 'fast'"),
        ({"validation": None}, "validation must be text; got None"),
        ({"loss": 3}, "loss must be text; got 3"),
        ({"loss": "triplet", "margin": "a"}, "margin must be a number; got 'a'"),
        ({"seed": -1}, "seed must be at least 0 and finite; got -1"),
        ({"projection": "sometimes"}, "There are: plateau, period"),
        ({"loss": "mdr/contrastive", "examples_per_class": 1}, "A batch against itself needs at least 2 classes of 2"),
    )
    def test_what_cannot_be_is_refused_with_the_remedy(self, settings, message):
        with self.assertRaisesRegex(ConfigError, message):
            configure(settings)

    def test_a_record_with_unknown_keys_is_refused(self):
        record = Settings().to_dict()
        record["loop"]["epochs"] = 3
        with self.assertRaisesRegex(ConfigError, "Unknown setting 'epochs'. Did you mean max_epochs"):
            Settings.from_dict(record)
        with self.assertRaisesRegex(ConfigError, "Unknown section 'looop'"):
            Settings.from_dict({"looop": {}})

    @parameterized.parameters(
        ("contrastive", "plain", "contrastive"),
        ("ccp/contrastive", "ccp", "contrastive"),
        ("ccp_xbm/triplet", "ccp_xbm", "triplet"),
        ("proxy_anchor", "proxy", "proxy_anchor"),
        ("plain/proxy_anchor", "plain", "proxy_anchor"),
    )
    def test_loss_names(self, text, method, pair_loss):
        self.assertEqual(parse_loss(text), (method, pair_loss))

    def test_every_setting_belongs_to_one_section(self):
        names = [f.name for s in dataclasses.fields(Settings) for f in dataclasses.fields(s.default)]
        self.assertLen(set(names), len(names))
        self.assertEqual(section_of("patience"), "projection")

    @parameterized.parameters(*PAIR_LOSS_SETTINGS)
    def test_a_loss_takes_its_settings_with_the_same_defaults(self, name):
        defaults = dataclasses.asdict(PAIR_LOSS_SETTINGS[name]())
        loss_config = PAIR_LOSSES[name]().get_config()
        self.assertEqual({key: loss_config[key] for key in defaults}, defaults)

    def test_paper_defaults(self):
        # DESIGN.md sections 3 and 4: Adam 1e-5, decay 1e-4, clips 10, batch 8 × 4, 25 steps, stop after 60,
        # CCP 0.1 / 1, K 8, b 12, patience 3, λ₀ 2e-4, decay 1.
        config = Settings()
        self.assertEqual(
            (config.optimizer.learning_rate, config.gradients.weight_decay, config.gradients.clip_norm),
            (1e-5, 1e-4, 10),
        )
        self.assertEqual((config.batch.size, config.loop.steps_per_epoch, config.loop.early_stopping), (32, 25, 60))
        self.assertEqual((config.loss.batch_weight, config.loss.proxy_weight), (0.1, 1.0))
        self.assertEqual((config.loss.proxies_per_class, config.loss.pool_size), (8, 12))
        projection = config.projection
        self.assertEqual((projection.patience, projection.proximal_weight, projection.proximal_decay), (3, 2e-4, 1.0))


if __name__ == "__main__":
    absltest.main()
