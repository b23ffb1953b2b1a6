"""How a network of expressions is fitted: varied patches, smoothed labels, and the running average of its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cinelake.errors import CannotTrain
from cinelake.lake.onnx import import_tensorflow
from cinelake.lake.spill import joined
from cinelake.learning.fitting import Epoch, FitProgress, fit
from cinelake.spec.arrays import Array
from cinelake.spec.example import Example
from cinelake.spec.model import Scores, Trained
from models.expressions import pretrained
from models.expressions.config import Config
from models.expressions.features import moved, seen
from models.expressions.networks import EMOTIONS, SIDE, build, parted

if TYPE_CHECKING:
    from cinelake.spec.training import Training

MIN_FACES = 10
CLASSES = len(EMOTIONS)
AVERAGED = 0.995
"""How much of the average of the weights a step keeps, once it has warmed up.

Keras's `use_ema` has no warm-up: after the 120 steps of a small training its average is still near the random weights
(accuracy 0.4 in place of 1)."""
WARM_STEPS = 200
ROWS_AT_ONCE = 256
MIN_BATCH, FEW_STEPS = 16, 16
TURN_DEG, ZOOM, SHIFT_PX = 12.0, 0.1, 4.0
DARKEST, HIDDEN_PX, HIDDEN_SHARE = 0.4, 16, 0.25
"""How far training varies a patch at strength 1: see `vary`."""


@dataclass(frozen=True)
class Faces:
    """Patches (n, 48, 48) uint8 and their expressions (n,), indices into `EMOTIONS`."""

    patch: Array
    emotion: Array

    def __len__(self) -> int:
        return len(self.patch)


@dataclass(frozen=True)
class _State:
    """What has to be kept, beside the average, so that a training that was killed goes on as if it had not been."""

    variables: Sequence[Any]


def train(learn: Sequence[Example], stop: Sequence[Example], config: Config, training: Training) -> Trained:
    """Fit the network; it is kept as it was after the epoch with the greatest validation accuracy.

    Raises `CannotTrain` when there are too few faces, or one emotion only.
    """
    faces, watched = _faces(learn), _faces(stop)
    if len(faces) < MIN_FACES or len(np.unique(faces.emotion)) < 2:
        raise CannotTrain(
            f"expressions: {len(faces)} labelled faces with {len(np.unique(faces.emotion))} emotions to learn from; at "
            f"least {MIN_FACES} with 2 are needed: label more, or more kinds"
        )
    with _bfloat16():
        network, progress = fit_network(faces, watched, config, training)
    counts = np.bincount(faces.emotion, minlength=len(EMOTIONS)).tolist()
    facts: dict[str, Any] = {"emotions": list(EMOTIONS), "faces": dict(zip(EMOTIONS, counts, strict=True))}
    facts["views"] = config.views
    if config.network == "recogniser":
        facts["begins_from"] = pretrained.BEGINNING
    return Trained(network, {}, {**facts, "best_epoch": progress.best_epoch + 1, "validation_accuracy": progress.best})


def _faces(examples: Sequence[Example]) -> Faces:
    if not examples:
        return Faces(np.zeros((0, 48, 48), np.uint8), np.zeros(0, int))
    return Faces(joined(examples, "patch"), joined(examples, "emotion", of="targets"))


def fit_network(learn: Faces, stop: Faces, config: Config, training: Training) -> tuple[Any, FitProgress]:
    """Fit to `learn`; returns the average of the weights at the epoch with the greatest accuracy on `stop`."""
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(training.seed)
    learner, average = _pair(config, learn.patch)
    optimizer = optimizer_of(config, -(-len(learn) // batch_of(config, len(learn))))
    optimizer.build(learner.trainable_variables)
    progress = fit(
        average,
        _State([*optimizer.variables, *learner.variables]),
        _epoch(learner, average, optimizer, learn, config, training.seed),
        _validate(average, stop, optimizer, config.views),
        training,
        epochs=config.recipe.epochs + config.recipe.again,
        monitor="accuracy" if len(stop) else "steps",
        greater_is_better=True,
    )
    return average, progress


@contextmanager
def _bfloat16() -> Iterator[None]:
    """Convolutions in bfloat16 where the processor multiplies such numbers (AVX-512 BF16); elsewhere nothing changes.

    Weights, their average and the optimiser stay in float32.
    """
    tf = import_tensorflow()
    option = "auto_mixed_precision_onednn_bfloat16"
    before = tf.config.optimizer.get_experimental_options().get(option, False)
    tf.config.optimizer.set_experimental_options({option: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: before})


def _pair(config: Config, patches: Array) -> tuple[Any, Any]:
    """The network that learns, and the one that holds the average of its weights."""
    learner, average = (build(config.network, config.recipe.dropout, learns=learns) for learns in (True, False))
    if config.network == "recogniser":
        pretrained.start(learner, patches)
    average.set_weights(learner.get_weights())
    return learner, average


def class_weights(emotion: Array, balance: float) -> Array:
    """(7,) how much a face of each expression weighs: (mean count / its count) ^ balance, mean 1 over the faces.

    balance 0: all alike; 1: each expression as much as any other. Expressions that never occur weigh 1.
    """
    counts = np.bincount(emotion, minlength=CLASSES).astype(np.float64)
    occurs = counts > 0
    weights = np.ones(CLASSES)
    weights[occurs] = (counts[occurs].mean() / counts[occurs]) ** balance
    weights[occurs] /= (weights * counts)[occurs].sum() / counts.sum()
    return weights.astype(np.float32)


def batch_of(config: Config, faces: int) -> int:
    """Faces a step: of few faces so few that an epoch has about `FEW_STEPS` steps, else hardly anything is learned."""
    return min(config.batch_size, max(MIN_BATCH, faces // FEW_STEPS))


def optimizer_of(config: Config, steps: int) -> Any:
    """AdamW; the rate rises, falls over the recipe's `epochs` of so many steps, and once more over `again`."""
    import keras

    decay = keras.optimizers.schedules.CosineDecay
    recipe = config.recipe
    first, again, rate = recipe.epochs * steps, recipe.again * steps, recipe.learning_rate
    warm = min(WARM_STEPS, first // 10)
    falling = decay(rate * 0.05, max(1, first - warm), alpha=0.01, warmup_target=rate, warmup_steps=warm)
    restarted = decay(rate, max(1, again), alpha=0.01)

    def rate_now() -> Any:
        step = optimizer.iterations
        return keras.ops.where(step < first, falling(step), restarted(keras.ops.maximum(step - first, 0)))

    optimizer: Any = keras.optimizers.AdamW(rate_now if again else falling, weight_decay=config.weight_decay)
    return optimizer


def _epoch(learner: Any, average: Any, optimizer: Any, learn: Faces, config: Config, seed: int) -> Epoch:
    step, size = _step(learner, average, optimizer, config.label_smoothing), batch_of(config, len(learn))
    weights = class_weights(learn.emotion, config.balance)

    def epoch(number: int) -> float:
        rng = np.random.default_rng((seed, number))
        order = rng.permutation(len(learn))
        losses = []
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            emotion = learn.emotion[chosen]
            patches = vary(learn.patch[chosen], rng, config.recipe.variation)
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


def _validate(network: Any, stop: Faces, optimizer: Any, views: int) -> Callable[[], Scores]:
    """Accuracy and loss on the validation faces, each seen in as many views as in inference; steps so far."""
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
        shares = np.mean([parted(run(view))["probabilities"] for view in seen(stop.patch, views)], axis=0)
        loss = -np.log(np.maximum(shares[np.arange(len(stop)), stop.emotion], 1e-7)).mean()
        return {"accuracy": float((shares.argmax(axis=1) == stop.emotion).mean()), "loss": float(loss), **steps}

    return validate


def vary(patches: Array, rng: np.random.Generator, strength: float = 1.0) -> Array:
    """(B, 48, 48) float32 in 0 … 255: each mirrored or not, turned, nearer or farther, moved, in another contrast.

    strength 1: up to 12°, a tenth nearer or farther, 4 pixels; exponents of the grey levels of e^±0.4; on a quarter
    of the patches a square of up to 16 pixels hidden. 0: as they are.
    """
    if not strength:
        return patches.astype(np.float32)
    shown = moved(patches, _moves(len(patches), rng, strength))
    exponents = np.exp(strength * DARKEST * rng.uniform(-1, 1, (len(patches), 1, 1)))
    lit = 255 * (shown.astype(np.float32) / 255) ** exponents.astype(np.float32)
    _hide(lit, rng, strength)
    return lit


def _moves(count: int, rng: np.random.Generator, strength: float) -> Array:
    """(B, 2, 3) affine maps around the middle."""
    middle = (SIDE - 1) / 2
    turn = np.radians(strength * TURN_DEG * rng.uniform(-1, 1, count))
    zoom = np.exp(strength * ZOOM * rng.uniform(-1, 1, count))
    side = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    rows = [[side * zoom * np.cos(turn), zoom * np.sin(turn)], [-side * zoom * np.sin(turn), zoom * np.cos(turn)]]
    linear = np.moveaxis(np.array(rows), -1, 0)
    centre = middle + strength * SHIFT_PX * rng.uniform(-1, 1, (count, 2))
    return np.concatenate([linear, (centre - linear @ [middle, middle])[:, :, None]], axis=2)


def _hide(patches: Array, rng: np.random.Generator, strength: float) -> None:
    """Put each chosen patch's mean grey into a square somewhere, in place (Zhong et al., random erasing, 2017)."""
    for row in np.flatnonzero(rng.random(len(patches)) < strength * HIDDEN_SHARE):
        side = int(rng.integers(4, HIDDEN_PX + 1))
        top, left = rng.integers(0, SIDE - side + 1, 2)
        patches[row, top : top + side, left : left + side] = patches[row].mean()


def seconds_a_face(learn: Faces, config: Config, batches: int) -> float:
    """How long learning takes per face, of some batches once the step is compiled: for estimates."""
    import time

    learner, average = _pair(config, learn.patch)
    optimizer = optimizer_of(config, batches)
    optimizer.build(learner.trainable_variables)
    few = Faces(learn.patch[: config.batch_size * batches], learn.emotion[: config.batch_size * batches])
    epoch = _epoch(learner, average, optimizer, few, config, 0)
    epoch(0)
    began = time.perf_counter()
    epoch(1)
    return (time.perf_counter() - began) / len(few)
