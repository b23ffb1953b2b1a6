"""How the memory network is built and learns; what the paper leaves open is ours and says so."""

from __future__ import annotations

from cinelake.spec.task import Field, Params
from models.affect.critic import Kind


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
    critic: Kind = "line"
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
