"""What a run is: frozen, checked settings, each default in one place. Free of TensorFlow.

The defaults are the paper's for CUB-200-2011 (its supplement, section on implementation); a data set's own
come from ``ccp.presets``. A run's record is ``Config.to_dict()``; ``Config.from_dict`` refuses unknown keys.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from ccp.config_checks import check_section, check_together
from ccp.errors import ConfigError
from ccp.loss_names import METHODS, WITH_MEMORY, WITH_PROJECTIONS, WITH_PROXIES, parse_loss, refuse_unknown
from ccp.loss_settings import PAIR_LOSS_SETTINGS

# By where their images are; what is read how, is in datasets.catalog.
DATASETS_IN_FOLDERS = ("omniglot", "cub", "cars196", "sop", "inshop", "folder")
DATASETS_IN_FILES = ("cub", "cars196", "sop", "inshop", "folder", "csv")
# By who builds them; what each takes in, is in models.registry.
KERAS_BACKBONES = ("resnet50", "resnet50_v2", *(f"efficientnet_b{size}" for size in range(8)))
PRETRAINED_BACKBONES = ("bn_inception", *KERAS_BACKBONES)
BACKBONES = ("conv4", "resnet20", *PRETRAINED_BACKBONES)
DATASETS = ("digits", "omniglot", "mnist", "cifar10", "cifar100", *DATASETS_IN_FILES)


def setting(default: Any, about: str, choices: Iterable[str] = (), methods: Iterable[str] = METHODS) -> Any:
    """A dataclass field with its help text, its choices, and the training methods that it matters to."""
    return dataclasses.field(
        default=default, metadata={"help": about, "choices": tuple(choices), "methods": tuple(methods)}
    )


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which images, and which of the training side are held out to select the model."""

    dataset: str = setting("digits", "data set to train and judge on", DATASETS)
    data_dir: str = setting("", f"where the data set's files are ({', '.join(DATASETS_IN_FOLDERS)}; csv: if elsewhere)")
    manifest: str = setting("", "the CSV file that lists the images of the data set csv")
    test_fraction: float = setting(
        0.5, "part of the classes, the last ones, to judge on (folder and csv, where they do not say it themselves)"
    )
    allow_subset: bool = setting(False, "go on knowingly where part of a data set is missing")
    crop_to_box: bool = setting(False, "see only what is inside the annotated boxes")
    validation: str = setting(
        "auto",
        "what is held out of the training side to select the model: a fifth of every class's images, the classes of "
        "one of four folds, or the part given with the data set; auto: that, or else images; test: nothing, see "
        "select_on_test",
        ("auto", "images", "fold1", "fold2", "fold3", "fold4", "given", "test"),
    )
    select_on_test: bool = setting(
        False, "select the model by its test scores, as earlier papers do; results are then optimistic, and say so"
    )
    min_crop_area: float = setting(0.16, "smallest part of a training image that a random crop takes")
    max_crop_aspect: float = setting(4 / 3, "largest ratio of a random crop's sides")
    flip: bool = setting(True, "mirror training images half the time")
    on_bad_image: str = setting("stop", "at an image that cannot be read: stop, or skip and count it", ("stop", "skip"))
    conventional: bool = setting(
        False,
        "the paper's conventional setting: one model of 512 dimensions, selected by its test scores",
    )
    cache: str = setting(
        "none", "keep the preprocessed validation images for the next epoch", ("none", "memory", "disk")
    )


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The network."""

    backbone: str = setting("conv4", "network below the embedding", BACKBONES)
    width: int = setting(64, "channels of each convolution of conv4")
    weights: str = setting(
        "",
        "what the network starts from: imagenet (for Keras' networks: "
        f"{', '.join(KERAS_BACKBONES[:3])}, …), an .h5 file, an earlier run's directory, or none",
    )
    image_size: int = setting(0, "height and width of the network's input, pixels; 0: what suits the backbone")
    resize_size: int = setting(
        0, "shorter side of an evaluated image before its centre is cut out, pixels; 0: what suits the backbone"
    )
    pooling: str = setting(
        "average",
        "of the backbone's map: average, max, the sum of both, or the generalised mean with a learned exponent",
        ("average", "max", "average_max", "gem"),
    )
    embedding_size: int = setting(128, "dimensions of the embedding")
    freeze_bn: bool = setting(
        False, "keep batch norms as they start: statistics, factors and offsets fixed, and used so in training"
    )
    mixed_precision: str = setting(
        "none", "compute the network in float16 (with loss scaling) or bfloat16", ("none", "float16", "bfloat16")
    )


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """The pair loss and its reference sources."""

    loss: str = setting(
        "ccp/contrastive",
        "METHOD/PAIR_LOSS; methods: " + ", ".join(METHODS) + "; pair losses: " + ", ".join(PAIR_LOSS_SETTINGS),
    )
    settings: Mapping[str, float] = dataclasses.field(default_factory=dict)
    batch_weight: float = setting(0.1, "weight of the batch against itself", methods=WITH_PROJECTIONS)
    proxy_weight: float = setting(1.0, "weight of the batch against the proxies", methods=WITH_PROJECTIONS)
    proxies_per_class: int = setting(8, "proxies of each class", methods=WITH_PROXIES)
    pool_size: int = setting(
        12,
        "embeddings per class that new proxies are picked from (times proxies_per_class if fewer than that)",
        methods=WITH_PROJECTIONS,
    )
    normalize_candidates: bool = setting(
        False, "pick new proxies by distances between unit vectors", methods=WITH_PROJECTIONS
    )
    memory_weight: float = setting(1.0, "weight of the batch against the memory", methods=WITH_MEMORY)
    memory_batches: int = setting(25, "batches that the cross-batch memory holds", methods=WITH_MEMORY)
    memory_start_step: int = setting(1000, "steps before the cross-batch memory starts to fill", methods=WITH_MEMORY)
    distance_weight: float = setting(
        0.1, "weight of the multi-level regularisation of distances (MDR)", methods=("mdr",)
    )
    synthesis_alpha: float = setting(
        0.4, "synthetic classes are mixed by a draw from Beta(alpha, alpha)", methods=("proxy_synthesis",)
    )
    synthesis_ratio: float = setting(1.0, "synthetic examples over the batch's real ones", methods=("proxy_synthesis",))
    coarse_classes: int = setting(0, "clusters of classes; 0: an eighth as many as classes", methods=("hpl",))
    coarse_weight: float = setting(0.1, "weight of the batch against the clusters' proxies", methods=("hpl",))
    clustering_period: int = setting(250, "steps from one clustering of the proxies to the next", methods=("hpl",))

    @property
    def method(self) -> str:
        """One of ``METHODS``."""
        return parse_loss(self.loss)[0]

    @property
    def pair_loss(self) -> str:
        """A key of ``PAIR_LOSS_SETTINGS``."""
        return parse_loss(self.loss)[1]


@dataclasses.dataclass(frozen=True)
class ProjectionConfig:
    """When to project and how strongly the last solution holds."""

    projection: str = setting(
        "plateau",
        "project when the score stands still, or every projection_period epochs",
        ("plateau", "period"),
        WITH_PROJECTIONS,
    )
    patience: int = setting(3, "epochs without improvement before a projection", methods=WITH_PROJECTIONS)
    projection_period: int = setting(10, "epochs from projection to projection", methods=WITH_PROJECTIONS)
    proximal_weight: float = setting(2e-4, "pull towards the last solution (λ₀)", methods=WITH_PROJECTIONS)
    proximal_decay: float = setting(1.0, "factor on that pull per projection", methods=WITH_PROJECTIONS)


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """Gradient transforms and the optimizer."""

    optimizer: str = setting("adam", "adam, or lamb or radam from TensorFlow Addons", ("adam", "lamb", "radam"))
    learning_rate: float = setting(1e-5, "step size")
    learning_rate_schedule: str = setting(
        "constant", "constant, or lowered when the score stands still", ("constant", "plateau")
    )
    plateau_epochs: int = setting(4, "epochs without improvement before the learning rate is lowered")
    plateau_factor: float = setting(0.5, "factor on the learning rate then")
    min_learning_rate: float = setting(1e-6, "the learning rate is not lowered below this")
    weight_decay: float = setting(1e-4, "coupled weight decay on all but batch-norm variables")
    proxy_rate_multiplier: float = setting(1.0, "factor on the proxies' learning rate", methods=WITH_PROXIES)
    warm_up_epochs: int = setting(0, "epochs at the start that train the embedding layer and the proxies alone")
    clip_norm: float = setting(10.0, "global gradient norm is clipped to this")
    clip_value: float = setting(10.0, "gradient entries are clipped to this after that")


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    """Steps, epochs and stopping."""

    seed: int = setting(0, "everything random follows from it")
    classes_per_batch: int = setting(8, "classes in a batch")
    examples_per_class: int = setting(4, "images of each class in a batch")
    steps_per_epoch: int = setting(25, "training steps between two validations")
    max_epochs: int = setting(1000, "epochs at most")
    early_stopping: int = setting(60, "epochs without a better score before training ends")
    monitor: str = setting("map_at_r", "validation score that decides", ("map_at_r", "r_precision", "precision_at_1"))
    min_improvement: float = setting(1e-5, "a score has to beat the best by more than this")
    strategy: str = setting(
        "none",
        "train on one device, on all of this machine (mirrored), or on several machines (multi_worker, by TF_CONFIG)",
        ("none", "mirrored", "multi_worker"),
    )
    jit_compile: bool = setting(
        False,
        "compile the training step by XLA where that takes it; results are then no longer the same to the last bit",
    )


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything a run follows from."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    projection: ProjectionConfig = ProjectionConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    loop: LoopConfig = LoopConfig()

    def __post_init__(self):
        for section in dataclasses.fields(self):
            check_section(getattr(self, section.name))
        object.__setattr__(self, "loss", _with_all_settings(self.loss))
        check_together(self)

    @property
    def batch_size(self) -> int:
        """Images in a training batch."""
        return self.loop.classes_per_batch * self.loop.examples_per_class

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain values, section by section, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, Any]]) -> Config:
        """The inverse of ``to_dict``.

        Raises:
          ConfigError: a section or a key is unknown.
        """
        sections = {field.name: field.default.__class__ for field in dataclasses.fields(cls)}
        refuse_unknown(values, sections, "section")
        built = {}
        for name, entries in values.items():
            refuse_unknown(entries, [field.name for field in dataclasses.fields(sections[name])], "setting")
            built[name] = sections[name](**entries)
        return cls(**built)


def section_of(name: str) -> str:
    """The section of ``Config`` that the setting ``name`` belongs to.

    Raises:
      ConfigError: there is none.
    """
    places = {
        setting_field.name: section.name
        for section in dataclasses.fields(Config)
        for setting_field in dataclasses.fields(section.default)
    }
    refuse_unknown([name], places, "setting")
    return places[name]


def configure(*layers: Mapping[str, Any]) -> Config:
    """Builds a configuration from flat ``{setting: value}`` layers, later ones winning over earlier ones.

    The pair loss's own numbers (``margin``, ``alpha``, …) may stand among the others.

    Raises:
      ConfigError: a setting is unknown, out of range, or does not apply to the chosen loss.
    """
    flat: dict[str, Any] = {}
    loss_settings: dict[str, float] = {}
    for layer in layers:
        for name, value in layer.items():
            (loss_settings if name in LOSS_SETTINGS else flat)[name] = value
    sections: dict[str, dict[str, Any]] = {}
    for name, value in flat.items():
        sections.setdefault(section_of(name), {})[name] = value
    sections.setdefault("loss", {})["settings"] = loss_settings
    return Config.from_dict(sections)


# Every number that some pair loss takes, and the losses that take it.
LOSS_SETTINGS = {
    name: tuple(loss for loss, own in PAIR_LOSS_SETTINGS.items() if name in {f.name for f in dataclasses.fields(own)})
    for name in dict.fromkeys(f.name for own in PAIR_LOSS_SETTINGS.values() for f in dataclasses.fields(own))
}


def _with_all_settings(loss: LossConfig) -> LossConfig:
    """The loss's numbers with the defaults filled in, so that the record is complete."""
    own = PAIR_LOSS_SETTINGS[loss.pair_loss]
    for name in loss.settings:
        if name not in {field.name for field in dataclasses.fields(own)}:
            takes = ", ".join(field.name for field in dataclasses.fields(own)) or "no numbers"
            users = " and ".join(LOSS_SETTINGS.get(name, ())) or "no loss"
            raise ConfigError(f"{name} belongs to {users}; {loss.pair_loss} takes {takes}.")
    return dataclasses.replace(loss, settings=dataclasses.asdict(own(**loss.settings)))
