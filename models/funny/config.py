"""What the agent of `funny` learns from, what it sees, how it is paid, and how it learns."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
from pydantic import field_validator, model_validator

from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.task import Field, Params
from models.shots.tables import EmbeddingsTable

StepInput = Literal["sound", "laughter", "rhythm", "picture", "expressions", "turns", "words"]
StepKind = Literal["clip", "line"]
FunnyLearner = Literal["agent", "logistic", "mlp"]

LABELS = LabelContract(
    doc="What is funny, by spans or shots. Where every row of a film leaves is_funny empty, or there is no such "
    "column, the film was watched whole: what no row covers is not funny. Where a row says is_funny, only what rows "
    "cover is known; a row without times speaks of the whole film, so that one row (is_funny: false) says that a film "
    "was watched and nothing found. Of two rows on a step the later counts.",
    shape="spans",
    columns=(Column("is_funny", pa.bool_(), "Whether the span is funny; empty: it is.", nullable=True),),
    about=(),
)


class Config(Params):
    """What the agent sees, how it is paid, and how it learns."""

    learner: FunnyLearner = "agent"
    """agent: decides step by step. logistic, mlp: learn the known labels of single steps, from the same inputs."""
    use: tuple[StepInput | EmbeddingsTable, ...] = ("sound", "laughter")
    """What is seen of a step: sound, laughter, rhythm, picture, expressions, turns, words (the last two: subtitles), or
    a table `embeddings_…` that another network makes (`embeddings_text: {task: embeddings, source: lines, …}`)."""
    step: StepKind = "clip"
    """What a step is: a clip of `step_s`, or a line that is said (needs a table `subtitles`)."""
    step_s: float = Field(1.0, ge=0.2, le=60)
    """Length of a clip, in seconds."""
    language: str | None = None
    """Language of the lines, as the subtitles name it; null: any. Of several sets the one with most lines is read."""
    components: int = Field(32, ge=1, le=4096)
    """A kind of input with more numbers than this is turned to so many principal components."""
    context: int = Field(2, ge=0, le=32)
    """e(t) holds so many steps before and after, too (ours; the publication: 0)."""
    scene_steps: int = Field(16, ge=1, le=256)
    """Steps of a scene, the agent's episode; it begins undecided."""
    alpha: float = Field(0.5, gt=0, le=1)
    """α: how much of the affective vector, and of the vote, the newest step is (ours)."""
    vote_weight: float = Field(0.25, ge=0, le=1)
    """How much of the reward is for the vote so far; the rest is for the action itself (ours)."""
    show_labels: float = Field(0.5, ge=0, le=1)
    """How often a known label takes the place of the agent's own action in a(t+1) (the publication: always)."""
    balance: float = Field(0.0, ge=0, le=1)
    """How much more the rarer class is worth: 0 not, 1 as much together as the other (ours)."""
    remember_unlabelled: bool = False
    """Whether steps without a label, which pay nothing, are remembered too (ours: no)."""
    gamma: float = Field(0.7, ge=0, lt=1)
    """Discount of the reward to come (ours; the publication: 0.99, whose rewards far ahead drown what is at hand)."""
    n_step: int = Field(1, ge=1, le=64)
    """Rewards that are added up before the target network is asked (Sutton and Barto, ch. 7)."""
    both_actions: bool = True
    """Whether an update is for both actions of a step, as the world can say what the other would have paid; one step
    ahead only (ours; the publication: only the action that was taken)."""
    double: bool = True
    """Double DQN: the learning network chooses the next action, the target network says what it is worth."""
    supervision: float = Field(0.0, ge=0)
    """Weight of the cross-entropy of softmax(Q) on known labels beside the Q-learning loss (ours)."""
    memory: int = Field(5000, ge=1)
    """Transitions that are remembered; it is filled before anything is learned."""
    batch_size: int = Field(64, ge=1)
    """Transitions of an update."""
    target_every: int = Field(100, ge=1)
    """Updates after which the target network becomes the learning one."""
    steps_per_update: int = Field(4, ge=1)
    """Steps of the environment for each update."""
    learning_rate: float = Field(1e-3, gt=0)
    """Of Adam."""
    weight_decay: float = Field(0.0, ge=0)
    """Of the weights (AdamW), times the learning rate; the publication: 0."""
    dropout: float = Field(0.3, ge=0, lt=1)
    """Share of the embedding's numbers, and of the hidden units, dropped while learning; the publication: 0."""
    epsilon: float = Field(1.0, ge=0, le=1)
    """Share of actions drawn at random in the first scene."""
    epsilon_decay: float = Field(0.995, gt=0, le=1)
    """What it is multiplied by for each scene."""
    epsilon_least: float = Field(0.01, ge=0, le=1)
    """It never falls below."""
    scenes: int = Field(1000, ge=1)
    """Scenes that are played; after 920 of them ε has come down to its least."""
    scenes_at_once: int = Field(32, ge=1)
    """Scenes that are played side by side."""
    update_scenes: int = Field(400, ge=1)
    """Scenes that are played when a champion is brought up to date with labels that came later."""
    refit: bool = True
    """Whether the validation films are learned from too, once they have given the threshold."""

    @field_validator("use")
    @classmethod
    def _check_use(cls, use: tuple[str, ...]) -> tuple[str, ...]:
        if not use or len(set(use)) < len(use):
            raise ValueError(f"'use' names at least one kind of input, each once. Received: {list(use)}")
        return use

    @model_validator(mode="after")
    def _check_sizes(self) -> Config:
        if self.both_actions and self.n_step > 1:
            raise ValueError(f"'both_actions' looks one step ahead: set it to false. Received: n_step={self.n_step}")
        if self.scene_steps * self.scenes_at_once > self.memory:
            steps = self.scene_steps * self.scenes_at_once
            raise ValueError(f"'memory' holds at least the steps of the scenes played at once, {steps}. "
                             f"Received: {self.memory}")  # fmt: skip
        return self
