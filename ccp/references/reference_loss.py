"""A pair loss over several references: the batch, class proxies, a memory of past embeddings."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.losses.pair_loss import PairLoss, prepare
from ccp.losses.step_counter import StepCounter
from ccp.losses.whole_batch import WholeBatchLoss
from ccp.references.class_proxies import ClassProxies
from ccp.references.class_sample import sampled_classes
from ccp.references.cross_batch_memory import CrossBatchMemory
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class ReferenceLoss(WholeBatchLoss):
    """batch_weight · pair_loss(batch) + proxy_weight · pair_loss(proxies) + memory_weight · pair_loss(memory).

    The one place where plain, proxy-based, cross-batch memory and CCP differ: in their references and weights. Calling
    the loss stores the batch in the memory.

    Args:
      pair_loss: any ``PairLoss``.
      proxies: class proxies, trained like any weights; None for none.
      batch_weight: weight of the batch against itself; at 0 that term is not computed.
      proxy_weight: weight of the batch against the proxies.
      memory: a cross-batch memory; None for none.
      memory_weight: weight of the batch against the memory.
      class_share: below 1, each call compares with the proxies of the batch's classes and of others that are drawn
        anew, together this share of all (the sample rate of Partial FC, An et al., CVPR 2022). Proxies of other classes
        have gradient 0. As there, the loss is not reweighted.
      seed: of the draws of classes, together with the number of the call.

    Raises:
      TypeError: proxies or memory are something else.
      ValueError: a weight is negative, or there is nothing to compare a batch with.
    """

    pair_loss: PairLoss
    proxies: ClassProxies | None = None
    batch_weight: float = 0.0
    proxy_weight: float = 1.0
    memory: CrossBatchMemory | None = None
    memory_weight: float = 1.0
    class_share: float = setting(
        1.0, "share of the classes in a step: the batch's, others at random", above=0, at_most=1
    )
    seed: int = 0
    name: str = "references"

    def __post_init__(self):
        super().__post_init__()
        for name, kind in (("proxies", ClassProxies), ("memory", CrossBatchMemory)):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise TypeError(f"{name} must be a {kind.__name__}; got {value!r}.")
        weights = [float(weight) for weight in (self.batch_weight, self.proxy_weight, self.memory_weight)]
        if not all(weight >= 0 for weight in weights):
            raise ValueError(f"batch_weight, proxy_weight and memory_weight must be at least 0; got {weights}.")
        self.batch_weight, self.proxy_weight, self.memory_weight = weights
        if not (self.batch_weight or self.proxies or self.memory):
            raise ValueError("A loss needs proxies, a memory, or the batch itself (batch_weight above 0).")
        if self.class_share < 1 and self.proxies is None:
            raise ValueError(
                f"class_share={self.class_share} is a share of class proxies; pass proxies, or leave it out."
            )
        self.counter = StepCounter("sample_counter") if self.class_share < 1 else None

    @tf.autograph.experimental.do_not_convert
    def call(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """The weighted sum for labels [batch] and embeddings [batch, embedding_size]: a float32 scalar."""
        labels, embeddings = prepare(labels, embeddings)
        labels = labels if self.proxies is None else self.proxies.checked(labels, embeddings)
        total = self.batch_weight * self.pair_loss.call(labels, embeddings) if self.batch_weight else 0.0
        if self.proxies is not None:
            total += self.proxy_weight * self.pair_loss.against(labels, embeddings, *self._proxies_for(labels))
        if self.memory is not None:
            self.memory.store(labels, embeddings)
            total += self.memory_weight * self._against_memory(labels, embeddings)
        return total

    def _proxies_for(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if self.counter is None:
            return self.proxies.references()
        # Folded, as a pair loss may draw from the same seed and step.
        seed = tf.random.experimental.stateless_fold_in(self.counter.next_seed(self.seed), 1)
        return self.proxies.references_of(sampled_classes(labels, self.proxies.num_classes, self.class_share, seed))

    def _against_memory(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        def compared():
            own_copies = self.memory.own_copies(tf.shape(embeddings)[0])
            return self.pair_loss.against(labels, embeddings, *self.memory.references(), own_copies)

        return tf.cond(self.memory.ready(), compared, lambda: tf.constant(0.0))


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class XBMLoss(ReferenceLoss):
    """XBM: pair_loss(batch) + memory_weight · pair_loss(memory of past embeddings).

    Source: Wang et al., "Cross-Batch Memory for Embedding Learning", CVPR 2020.

    Departs: the memory counts once it is full, ``memory_batches`` after ``memory_start_step``, as in the original CCP
    code; the authors compare with as much as it holds, from the first step on.
    """

    batch_weight: float = 1.0
    class_share: float = 1.0  # Usually there are no proxies, so it is no hyperparameter of the method.
    name: str = "xbm"

    def __post_init__(self):
        super().__post_init__()
        if self.memory is None:
            raise ValueError("XBMLoss needs a memory: XBMLoss(pair_loss, memory=CrossBatchMemory(…)).")


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class CCPLoss(ReferenceLoss):
    """CCP: batch_weight · pair_loss(batch) + proxy_weight · pair_loss(proxies); projections re-initialise the proxies.

    The trainer re-initialises the proxies at every projection; between projections they are trained like any weights.
    The default weights are the original code's for pretrained networks. With a memory, CCP and XBM work together.

    Source: Gürbüz, Can and Alatan, "Deep Metric Learning with Chance Constraints", arXiv 2209.09060.

    Departs: nothing known from the paper; docs/differences.md lists what differs from the authors' code.

    Args:
      pair_loss: any ``PairLoss``.
      proxies: the class proxies.
      memory: a cross-batch memory as a third set of references; None for none.
      memory_weight: its weight.
    """

    batch_weight: float = setting(0.1, "weight of the batch against itself", at_least=0)
    proxy_weight: float = setting(1.0, "weight of the batch against the proxies", above=0)
    class_share: float = setting(
        1.0, "share of the classes in a step: the batch's, others at random", above=0, at_most=1
    )
    name: str = "ccp"

    def __post_init__(self):
        super().__post_init__()
        if self.proxies is None:
            raise ValueError("CCPLoss needs class proxies, which projections re-initialise.")

    @property
    def projected(self) -> tuple[ClassProxies]:
        """Its proxies."""
        return (self.proxies,)

    def before_proxies(self) -> ReferenceLoss:
        """pair_loss(batch) + memory_weight · pair_loss(memory), with the same pair loss and memory."""
        return ReferenceLoss(
            self.pair_loss, batch_weight=1.0, memory=self.memory, memory_weight=self.memory_weight, name=self.name
        )
