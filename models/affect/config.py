"""What is predicted from what, and how the memory network is built and learns; what the paper leaves open is ours and
says so."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
from pydantic import field_validator, model_validator

from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.task import Field, Params
from models.shots.tables import EmbeddingsTable

WIDE = ("valence", "arousal")
"""Targets that are columns of the labels; all others are rows of `name` and `value`."""
NOT_FOR_CLASSES = ("lstm", "transformer", "ridge")
"""Learners that cannot predict classes."""
AffectLearner = Literal["memory", "memory_clips", "memory_tbptt", "lstm", "transformer", "ridge", "mean"]
CriticName = Literal["line", "value"]
ClipInput = Literal["sound", "place", "motion", "faces", "expressions", "subtitles"]

LABELS = LabelContract(
    doc="A line over time: valence and arousal of moments, or any other quantity as a name and its value. Moments that "
    "no row names, and null values, are neither trained on nor scored.",
    shape="moments",
    columns=(
        Column("valence", pa.float64(), "How pleasant, −1 to 1.", True, -1, 1),
        Column("arousal", pa.float64(), "How exciting, −1 to 1.", True, -1, 1),
        Column("name", pa.string(), "Another quantity's name, as in the configuration's `targets`.", True),
        Column("value", pa.float64(), "Its value, in any unit.", True),
    ),
    about=("name",),
    quantity=("name", "value"),
)


class MemorySettings(Params):
    """The memory network. Quick on short films: a minute for 20 films of a minute on two cores."""

    slots: int = Field(10, ge=1, le=1000)
    """Slots of the memory: N."""
    width: int = Field(16, ge=1, le=1024)
    """Numbers in a slot: d."""
    clip_vector: int = Field(32, ge=1, le=2048)
    """Units of the LSTM whose last state is the clip's vector."""
    hidden: int = Field(64, ge=1, le=4096)
    """Units of the policy's hidden layer."""
    longest: float = Field(100.0, ge=1)
    """Clips that the slowest slot holds what it has, before anything is learned; the fastest holds one."""
    critic: CriticName = "line"
    """line: a critic with hindsight, ours. value: Q({e, m}) with one-step targets, as in the paper."""
    discount: float = Field(0.95, gt=0, le=1)
    """λ: what a clip weighs beside the one before it. Long delays need 0.999."""
    tau: float = Field(0.02, gt=0, le=1)
    """Share of the networks that goes into their targets with each update."""
    noise_variance: float = Field(0.05, ge=0)
    """Variance of the noise on actions."""
    explore: float = Field(0.1, ge=0, le=1)
    """Share of clips at which actions are explored. 1 as in the paper wipes a memory of 1,000 clips."""
    kept: int = Field(32, ge=1)
    """After-states kept of each film that is played: all that is remembered for learning."""
    films_at_once: int = Field(16, ge=1)
    """Films played together."""
    updates: int = Field(8, ge=1)
    """Updates of critic and policy after each play."""
    batch: int = Field(256, ge=1)
    """Kept after-states per update."""
    rounds: int = Field(5, ge=1)
    """Plays in an epoch."""
    epochs: int = Field(40, ge=1)
    """At most so many epochs."""
    patience: int = Field(10, ge=1)
    """Stop after so many epochs without a smaller error on the validation part."""
    policy_rate: float = Field(2e-3, gt=0)
    """Learning rate of policy, clip's vector and the memory's start (Adam). All rates fall to a third after 60 % of
    the epochs, to a tenth after 80 %."""
    predictor_rate: float = Field(5e-3, gt=0)
    """Learning rate of the read-out."""
    critic_rate: float = Field(2e-3, gt=0)
    """Learning rate of the critic."""
    dropout: float = Field(0.3, ge=0, lt=1)
    """Share of features left out while learning from a clip."""
    weight_decay: float = Field(0.01, ge=0)
    """Of policy and clip's vector (Loshchilov & Hutter, AdamW)."""
    segment: int = Field(64, ge=1)
    """Clips played in one compiled piece."""
    compile_play: bool = False
    """Whether playing is compiled with XLA: worth its half a minute for films of many clips."""
    window: int = Field(32, ge=1)
    """Clips that truncated backpropagation looks back (learner `memory_tbptt`)."""


class Config(Params):
    """What is predicted from what, and how it is learned."""

    targets: tuple[str, ...] = WIDE
    """The lines to predict: valence, arousal, or names in the labels' column `name`."""
    classes: bool = False
    """Whether the targets are classes, one of which holds (labels: its name, value 1): lines are then shares, the
    reward is the log-likelihood. Learned by the memory network, without the linear part."""
    use: tuple[ClipInput | EmbeddingsTable, ...] = ("sound", "place", "motion", "faces")
    """What is heard and looked at: sound, place, motion, faces, expressions, subtitles, or a table `embeddings_…` that
    another network makes (`embeddings_sound: {task: embeddings, backbone: {file: yamnet.tflite}, source: sound}`)."""
    clip_s: float = Field(2.0, gt=0, le=60)
    """Seconds of a clip."""
    steps: int = Field(4, ge=1, le=64)
    """Feature steps in a clip: K."""
    components: int = Field(12, ge=1, le=512)
    """Modalities of more numbers than this are given by so many principal components."""
    learner: AffectLearner = "memory"
    """memory: learns by acting. The others are what it is compared with, on the same clips."""
    memory: MemorySettings = MemorySettings.model_validate({})
    """How the memory network is built and learns."""
    linear: bool = True
    """Whether a ridge regression on the clip alone gives a first line, and the learner what is left of it."""
    members: int = Field(3, ge=1, le=20)
    """So many memory networks are trained, and their lines averaged."""
    epochs: int = Field(60, ge=1)
    """Passes over the films: lstm, transformer. The memory network has its own, `memory.epochs`."""
    patience: int = Field(12, ge=1)
    """Stop these after so many epochs without a smaller error on the validation part."""
    smooth_s: float = Field(2.0, ge=0)
    """Predicted lines are smoothed by a Gaussian of this standard deviation in seconds."""

    @model_validator(mode="after")
    def _check_classes(self) -> Config:
        if self.classes and (len(self.targets) < 2 or self.learner in NOT_FOR_CLASSES or self.memory.critic == "value"):
            raise ValueError(
                "classes: at least two targets, the critic `line`, and none of the learners "
                f"{', '.join(NOT_FOR_CLASSES)}. Received: {len(self.targets)}, {self.memory.critic!r}, {self.learner!r}"
            )
        return self

    @property
    def planned_epochs(self) -> int:
        """How many epochs are reported at most: those of all members, one after another."""
        return self.members * self.memory.epochs if self.learner.startswith("memory") else self.epochs

    @field_validator("targets", "use")
    @classmethod
    def _check_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or len(set(names)) < len(names):
            raise ValueError(f"name at least one, and each once. Received: {list(names)}")
        return names
