"""How a network of expressions is fitted: varied patches, smoothed labels, and the running average of its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.fitting import Epoch, Progress, fit
from cinelake.spec.arrays import Array
from cinelake.spec.model import Scores
from cinelake.spec.training import Training
from models.expressions.networks import EMOTIONS, build, parted
from models.expressions.patches import mirrored, vary

if TYPE_CHECKING:
    from models.expressions import Config

CLASSES = len(EMOTIONS)
AVERAGED = 0.995
"""How much of the average of the weights a step keeps."""
WARM_STEPS = 200
ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Faces:
    """Patches (n, 48, 48) uint8 and their expressions (n,), places in `EMOTIONS`."""

    patch: Array
    emotion: Array

    def __len__(self) -> int:
        return len(self.patch)


@dataclass(frozen=True)
class _State:
    """What has to be kept, beside the average, so that a training that was killed goes on as if it had not been."""

    variables: Sequence[Any]


def fit_network(learn: Faces, stop: Faces, config: Config, training: Training) -> tuple[Any, Progress]:
    """Fit to `learn`; gives the average of the weights at the epoch that told most of `stop` right."""
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(training.seed)
    learner, average = _pair(config)
    optimizer = optimizer_of(config, -(-len(learn) // config.batch_size))
    optimizer.build(learner.trainable_variables)
    progress = fit(
        average,
        _State([*optimizer.variables, *learner.variables]),
        _epoch(learner, average, optimizer, learn, config, training.seed),
        _validate(average, stop, optimizer),
        training,
        epochs=config.epochs + config.again,
        monitor="accuracy" if len(stop) else "steps",
        greater_is_better=True,
    )
    return average, progress


def _pair(config: Config) -> tuple[Any, Any]:
    """The network that learns, and the one that holds the average of its weights."""
    learner, average = (build(config.network, config.dropped, learns=learns) for learns in (True, False))
    average.set_weights(learner.get_weights())
    return learner, average


def class_weights(emotion: Array, balance: float) -> Array:
    """(7,) how much a face of each expression weighs: (mean count / its count) ^ balance, mean 1 over the faces.

    balance 0: all alike; 1: each expression as much as any other. Expressions that never occur weigh 1.
    """
    counts = np.bincount(emotion, minlength=CLASSES).astype(np.float64)
    there = counts > 0
    weights = np.ones(CLASSES)
    weights[there] = (counts[there].mean() / counts[there]) ** balance
    weights[there] /= (weights * counts)[there].sum() / counts.sum()
    return weights.astype(np.float32)


def optimizer_of(config: Config, steps: int) -> Any:
    """AdamW; the rate rises, falls over `config.epochs` of so many steps, and once more over `config.again`."""
    import keras

    decay = keras.optimizers.schedules.CosineDecay
    first, again, rate = config.epochs * steps, config.again * steps, config.rate
    warm = min(WARM_STEPS, first // 10)
    falling = decay(rate * 0.05, max(1, first - warm), alpha=0.01, warmup_target=rate, warmup_steps=warm)
    restarted = decay(rate, max(1, again), alpha=0.01)

    def rate_now() -> Any:
        step = optimizer.iterations
        return keras.ops.where(step < first, falling(step), restarted(keras.ops.maximum(step - first, 0)))

    optimizer: Any = keras.optimizers.AdamW(rate_now if again else falling, weight_decay=config.weight_decay)
    return optimizer


def _epoch(learner: Any, average: Any, optimizer: Any, learn: Faces, config: Config, seed: int) -> Epoch:
    step = _step(learner, average, optimizer, config.label_smoothing)
    weights = class_weights(learn.emotion, config.balance)

    def epoch(number: int) -> float:
        rng = np.random.default_rng((seed, number))
        order = rng.permutation(len(learn))
        losses = []
        for start in range(0, len(order), config.batch_size):
            chosen = order[start : start + config.batch_size]
            emotion = learn.emotion[chosen]
            patches = vary(learn.patch[chosen], rng, config.variation)
            losses.append(step(patches[..., None], emotion, weights[emotion]))
        return float(np.mean([float(loss) for loss in losses]))

    return epoch


def _step(learner: Any, average: Any, optimizer: Any, smoothing: float) -> Callable[[Array, Array, Array], Any]:
    """One compiled step: cross-entropy with smoothed labels; then the average follows the weights."""
    tf = import_tensorflow()
    trainable = learner.trainable_variables

    def step(patch: Any, emotion: Any, weight: Any) -> Any:
        truth = tf.one_hot(emotion, CLASSES) * (1 - smoothing) + smoothing / CLASSES
        with tf.GradientTape() as tape:
            logits = learner(patch, training=True)[:, :CLASSES]
            loss = tf.reduce_mean(weight * tf.nn.softmax_cross_entropy_with_logits(truth, logits))
        optimizer.apply_gradients(zip(tape.gradient(loss, trainable), trainable, strict=True))
        done = tf.cast(optimizer.iterations, tf.float32)
        share = 1 - tf.minimum(AVERAGED, (1 + done) / (10 + done))
        for kept, now in zip(average.weights, learner.weights, strict=True):
            kept.assign_add((now - kept) * share)
        return loss

    shape = [None, *learner.inputs[0].shape[1:]]
    signature = [tf.TensorSpec(shape, tf.float32), tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)]
    compiled = tf.function(step, input_signature=signature)
    return lambda patch, emotion, weight: compiled(patch, emotion.astype(np.int32), weight)


def _validate(network: Any, stop: Faces, optimizer: Any) -> Callable[[], Scores]:
    """Accuracy and loss on the validation faces, each seen both ways round as in inference; steps so far."""
    tf = import_tensorflow()
    spec = tf.TensorSpec([None, *network.inputs[0].shape[1:]], tf.float32)
    output = tf.function(lambda patch: network(patch, training=False), input_signature=[spec])

    def run(patches: Array) -> Array:
        parts = [patches[i : i + ROWS_AT_ONCE, ..., None] for i in range(0, len(patches), ROWS_AT_ONCE)]
        return np.concatenate([output(part.astype(np.float32)).numpy() for part in parts])

    def validate() -> Scores:
        steps = {"steps": float(optimizer.iterations)}
        if not len(stop):
            return steps
        both = [parted(run(patches))["probabilities"] for patches in (stop.patch, mirrored(stop.patch))]
        shares = (both[0] + both[1]) / 2
        loss = -np.log(np.maximum(shares[np.arange(len(stop)), stop.emotion], 1e-7)).mean()
        return {"accuracy": float((shares.argmax(axis=1) == stop.emotion).mean()), "loss": float(loss), **steps}

    return validate


def seconds_a_face(learn: Faces, config: Config, batches: int) -> float:
    """How long learning takes per face, of some batches once the step is compiled: for estimates."""
    import time

    learner, average = _pair(config)
    optimizer = optimizer_of(config, batches)
    optimizer.build(learner.trainable_variables)
    few = Faces(learn.patch[: config.batch_size * batches], learn.emotion[: config.batch_size * batches])
    epoch = _epoch(learner, average, optimizer, few, config, 0)
    epoch(0)
    began = time.perf_counter()
    epoch(1)
    return (time.perf_counter() - began) / len(few)
