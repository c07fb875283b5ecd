"""The paper's settings one by one, their rules, and what departs from them."""

from __future__ import annotations

from unittest import mock

from absl.testing import absltest, parameterized

from ccp.errors import ConfigError
from datasets.registry import DATA_SETS
from experiments import small_settings
from experiments.paper_settings import PAPER, largest_batch
from experiments.presets import overridden, preset, preset_name, preset_settings
from models.registry import BACKBONES

# In the order of the paper's tables.
SETS = ("cub", "cars196", "inshop", "sop")
PAIR_LOSSES = {
    "cosine_contrastive": {"margin": (0.5, 0.5, 0.5, 0.5)},
    "contrastive": {"pos_margin": (0.0, 0.2652, 0.2858, 0.2858), "neg_margin": (0.3841, 0.5409, 0.5130, 0.5130)},
    "triplet": {"margin": (0.0961, 0.1190, 0.0451, 0.0451)},
    "multi_similarity": {
        "alpha": (2.0, 14.35, 8.49, 2.0),
        "beta": (40.0, 75.83, 57.38, 40.0),
        "base": (0.5, 0.66, 0.41, 0.5),
    },
    "soft_triple": {
        "scale": (20.0, 17.69, 20.0, 100.0),
        "gamma": (0.1, 19.18, 0.1, 47.9),
        "tau": (0.2, 0.0669, 0.2, 0.2),
        "margin": (0.01, 0.3588, 0.01, 0.3145),
    },
    "proxy_anchor": {"margin": (0.1, 0.1, 0.1, 0.1), "scale": (32.0, 32.0, 32.0, 32.0)},
    "proxy_nca": {"temperature": (0.1, 0.1, 0.1, 0.1)},
}
# With ccp_xbm, which takes them all; the same in both protocols.
BY_SET = {
    "steps_per_epoch": (25, 25, 250, 250),
    "proxies_per_class": (8, 8, 4, 4),
    "pool_size": (12, 12, 7, 7),
    "memory_batches": (25, 25, 400, 1400),
}
# Neither CCP's own proxies nor a memory have the rules of proxy baselines.
ALWAYS = {
    "memory_start_step": 1000,
    "batch_weight": 0.1,
    "proxy_weight": 1.0,
    "backbone": "bn_inception",
    "proxy_rate_multiplier": 1.0,
    "warm_up_epochs": 0,
    "patience": 3,
    "proximal_weight": 2e-4,
    "proximal_decay": 1.0,
    "freeze_bn": True,
    "optimizer": "adam",
    "weight_decay": 1e-4,
    "clip_norm": 10.0,
    "clip_value": 10.0,
    "examples_per_class": 4,
}
MLRC = {
    "pooling": "average",
    "embedding_size": 128,
    "learning_rate": 1e-5,
    "learning_rate_schedule": "constant",
    "classes_per_batch": 8,
    "early_stopping": 60,
    "monitor": "map_at_r",
    "validation": "fold1",
    "select_on_test": False,
}
CONVENTIONAL = {
    "pooling": "average_max",
    "embedding_size": 512,
    "learning_rate_schedule": "plateau",
    "plateau_epochs": 4,
    "plateau_factor": 0.5,
    "min_learning_rate": 1e-6,
    "classes_per_batch": 32,
    "early_stopping": 15,
    "monitor": "precision_at_1",
    "validation": "test",
    "select_on_test": True,
}
CONVENTIONAL_RATES = (1e-5, 1e-5, 1e-4, 1e-4)
PROXY_LOSSES = ("proxy_anchor", "proxy_nca", "soft_triple")


class PaperTest(parameterized.TestCase):
    def assertHolds(self, chosen, **expected):
        found = preset_settings(**chosen).flat()
        self.assertEqual({name: found[name] for name in expected}, expected)

    @parameterized.product(dataset=SETS, loss=tuple(PAIR_LOSSES), conventional=(False, True))
    def test_hyperparameters_of_the_losses(self, dataset, loss, conventional):
        expected = {name: row[SETS.index(dataset)] for name, row in PAIR_LOSSES[loss].items()}
        for method in ("", "ccp/", "xbm/", "proxy/"):
            self.assertHolds({"dataset": dataset, "loss": method + loss, "conventional": conventional}, **expected)

    @parameterized.product(dataset=SETS, conventional=(False, True))
    def test_protocols(self, dataset, conventional):
        column = SETS.index(dataset)
        expected = {**ALWAYS, **(CONVENTIONAL if conventional else MLRC), "conventional": conventional}
        expected.update({name: row[column] for name, row in BY_SET.items()})
        if conventional:
            expected["learning_rate"] = CONVENTIONAL_RATES[column]
        self.assertHolds({"dataset": dataset, "loss": "ccp_xbm/contrastive", "conventional": conventional}, **expected)

    def test_what_is_held_out_instead_is_what_selects(self):
        settings = preset({"dataset": "cub", "conventional": True, "validation": "fold1"})
        self.assertNotIn("select_on_test", settings)

    @parameterized.parameters("resnet50", "resnet50_v2")
    def test_resnet50_has_another_batch_and_decay_in_the_conventional_setting(self, backbone):
        chosen = {"dataset": "cub", "loss": "ccp/contrastive", "backbone": backbone}
        conventional = {"classes_per_batch": 28, "examples_per_class": 4, "weight_decay": 4e-4, "embedding_size": 512}
        self.assertHolds({**chosen, "conventional": True}, **conventional)
        self.assertHolds(chosen, classes_per_batch=8, weight_decay=1e-4)

    @parameterized.product(
        dataset=SETS, loss=(*PROXY_LOSSES, "proxy/contrastive", "proxy_synthesis/proxy_anchor", "hpl/proxy_anchor")
    )
    def test_proxy_baselines_take_one_image_per_class(self, dataset, loss):
        chosen = {"dataset": dataset, "loss": loss}
        rules = {"examples_per_class": 1, "warm_up_epochs": 1, "proxy_rate_multiplier": 100.0}
        # All folds leave more than 32 classes to train on: CUB 75, Cars196 73 or 74.
        self.assertHolds(chosen, classes_per_batch=32, **rules)
        # 128 images of 128 classes, where there are so many.
        largest = {"cub": 100, "cars196": 98, "inshop": 128, "sop": 128}[dataset]
        chosen["conventional"] = True
        self.assertHolds(chosen, classes_per_batch=largest, **rules)
        self.assertHolds({**chosen, "backbone": "resnet50"}, classes_per_batch=min(112, largest), **rules)

    def test_batches_have_no_more_classes_than_any_fold_leaves(self):
        # Quarters of 98 classes: 24, 25, 24, 25; of 3,997: 999, 999, 999, 1,000; of 11,318: 2,829, 2,830, 2,829, 2,830.
        left = {"cub": 75, "cars196": 73, "inshop": 2997, "sop": 8488}
        self.assertEqual({name: largest_batch(name, 10**6, False) for name in SETS}, left)
        classes = {"cub": 100, "cars196": 98, "inshop": 3997, "sop": 11318}
        self.assertEqual({name: largest_batch(name, 10**6, True) for name in SETS}, classes)
        self.assertEqual(largest_batch("cub", 74, False), 74)

    @parameterized.product(loss=PROXY_LOSSES, dataset=("cub", "sop", "digits"))
    def test_centres(self, loss, dataset):
        self.assertHolds({"dataset": dataset, "loss": loss}, proxies_per_class=10 if loss == "soft_triple" else 1)
        # CCP's are the data set's, whatever the pair loss.
        expected = {"cub": 8, "sop": 4, "digits": 4}[dataset]
        self.assertHolds({"dataset": dataset, "loss": f"ccp/{loss}"}, proxies_per_class=expected)

    @parameterized.parameters(("cub", 0.6), ("cars196", 0.2), ("inshop", 0.1), ("sop", 0.1))
    def test_multi_level_distances(self, dataset, weight):
        self.assertHolds({"dataset": dataset, "loss": "mdr/triplet"}, distance_weight=weight)

    @parameterized.parameters({"dataset": "digits"}, {"dataset": "cub", "backbone": "conv4"})
    def test_the_conventional_setting_is_the_papers(self, **chosen):
        with self.assertRaisesRegex(ConfigError, "--conventional is a setting of the paper, for cub, cars196, inshop,"):
            preset({**chosen, "conventional": True})


class EveryPresetTest(parameterized.TestCase):
    @parameterized.parameters(*DATA_SETS)
    def test_can_be(self, dataset):
        usual = "bn_inception" if dataset in SETS else "conv4"
        for backbone in BACKBONES:
            for loss in ("ccp/contrastive", "xbm/triplet", "proxy_anchor", "soft_triple", "npairs", "mdr/margin"):
                settings = preset_settings(dataset=dataset, loss=loss, backbone=backbone)
                self.assertEqual((settings.data.dataset, settings.network.backbone), (dataset, backbone))
                expected = {} if backbone == usual else {"backbone": {"preset": usual, "here": backbone}}
                self.assertEqual(overridden(settings), expected)

    def test_names(self):
        self.assertEqual(tuple(PAPER), SETS)
        for chosen, name in (
            ({"dataset": "cub"}, "paper, MLRC"),
            ({"dataset": "cub", "conventional": True}, "paper, conventional"),
            ({"dataset": "cub", "backbone": "conv4"}, "small, from scratch"),
            ({"dataset": "digits"}, "small, from scratch"),
            ({"dataset": "digits", "backbone": "resnet50"}, "small, pretrained"),
        ):
            self.assertEqual(preset_name(preset_settings(**chosen)), name)

    @parameterized.parameters(
        ({"dataset": "folder"}, ("staleness", 1e-3)),
        ({"dataset": "csv", "backbone": "resnet50"}, ("staleness", 1e-3)),
        ({"dataset": "omniglot"}, ("staleness", 1e-3)),
        ({"dataset": "typefaces"}, ("staleness", 1e-3)),
        ({"dataset": "cub"}, ("plateau", 3)),
        ({"dataset": "cars196", "conventional": True}, ("plateau", 3)),
        ({"dataset": "sop", "backbone": "conv4"}, ("plateau", 3)),
    )
    def test_where_the_paper_gives_no_schedule_it_is_by_staleness(self, chosen, expected):
        projection = preset_settings(**chosen, loss="ccp/contrastive").projection
        value = projection.staleness if expected[0] == "staleness" else projection.patience
        self.assertEqual((projection.projection, value), expected)

    @parameterized.parameters(
        ({"dataset": "omniglot"}, 5),
        ({"dataset": "folder", "backbone": "efficientnet_lite0", "max_epochs": 10}, 5),
        ({"dataset": "folder", "max_epochs": 9}, 0),  # A short training.
        ({"dataset": "digits"}, 0),
        ({"dataset": "cub"}, 0),
    )
    def test_the_first_proxies_wait_where_the_paper_gives_no_preset(self, chosen, expected):
        settings = preset_settings(**chosen, loss="ccp/contrastive")
        self.assertEqual(settings.projection.proxy_start_epoch, expected)

    def test_a_data_set_without_an_entry_gets_those_of_its_kind(self):
        with mock.patch.object(small_settings, "_DEPARTURES", {}):
            photographs, pictures = (small_settings.small_settings(dataset) for dataset in ("cub", "mnist"))
        self.assertEqual((photographs["image_size"], pictures["image_size"]), (64, 28))
        self.assertEqual(preset({"dataset": "folder"})["max_epochs"], photographs["max_epochs"])

    def test_sizes_are_those_of_the_network(self):
        conv4 = preset_settings(dataset="cub", backbone="conv4")
        self.assertEqual((conv4.network.image_size, conv4.network.freeze_bn), (64, False))
        self.assertEqual(preset_settings(dataset="digits").network.width, 32)
        # Others have their own sizes and widths, and pretrained weights learn slowly.
        resnet = preset_settings(dataset="digits", backbone="resnet50")
        self.assertEqual((resnet.network.image_size, resnet.network.freeze_bn), (0, True))
        self.assertEqual((conv4.optimizer.learning_rate, resnet.optimizer.learning_rate), (1e-3, 1e-5))


class OverriddenTest(parameterized.TestCase):
    @parameterized.parameters(
        (
            {"patience": 5, "neg_margin": 0.5, "mixed_precision": "float16", "embedding_size": 128},
            {"mixed_precision": ("none", "float16"), "patience": (3, 5), "neg_margin": (0.3841, 0.5)},
        ),
        ({"loss": "proxy_anchor", "proxy_rate_multiplier": 1.0}, {"proxy_rate_multiplier": (100.0, 1.0)}),
        ({"conventional": True, "learning_rate": 1e-4}, {"learning_rate": (1e-5, 1e-4)}),
        # What a run is for, and where things are, is no departure.
        ({"data_dir": "d", "seed": 3, "cache": "disk", "validation": "fold3", "weights": "bn.h5"}, {}),
        ({"backbone": "resnet50", "weights": "imagenet"}, {"backbone": ("bn_inception", "resnet50")}),
        ({"validation": "images"}, {"validation": ("fold1", "images")}),
        (
            {"conventional": True, "validation": "fold1"},
            {"validation": ("test", "fold1"), "select_on_test": (True, False)},
        ),
        (
            {"validation": "test", "select_on_test": True},
            {"validation": ("fold1", "test"), "select_on_test": (False, True)},
        ),
    )
    def test_exactly_what_was_changed(self, changes, expected):
        found = overridden(preset_settings(**{"dataset": "cub", "loss": "ccp/contrastive", **changes}))
        self.assertEqual({name: (entry["preset"], entry["here"]) for name, entry in found.items()}, expected)

    @parameterized.parameters(
        ("cub", "bn_inception", "none", True),
        ("cub", "bn_inception", "", False),
        ("cub", "conv4", "earlier/run", True),
        ("digits", "conv4", "none", False),
        ("digits", "conv4", "weights.h5", True),
        ("digits", "resnet50", "imagenet", False),
    )
    def test_weights_where_there_should_be_none_and_none_where_there_should(self, dataset, backbone, weights, departs):
        found = overridden(preset_settings(dataset=dataset, backbone=backbone, weights=weights))
        self.assertEqual("weights" in found, departs)


if __name__ == "__main__":
    absltest.main()
