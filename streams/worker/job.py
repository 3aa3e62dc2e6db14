"""What all partitions of a worker have in common."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from processors.topology import MOTION
from streams.kafka.topics import state_topic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processors.policy import Policy
    from processors.topology import Stage
    from streams.worker.local_state import StateFolder
    from streams.worker.threads import FoldThreads


@dataclass(frozen=True, slots=True)
class Job:
    """The settings of the partitions' owners. `partitions` is the number of partitions by topic; they are folded in
    `threads`.

    `muted`: changes of alerts are not told, for another generation has told them or will. A record at which a processor failed
    `max_crashes` times is set aside. `accept_loss`: go on where the log lacks what a state needs next. `topic_ids` are the ids of the
    topics that are read, and of the state topics. State is kept on the local disk where there is a `state_folder`. Of the patients used
    last about `warm_bytes` stay in memory, in all partitions together.
    """

    bootstrap: str
    group: str
    generation: int
    policy: Policy
    max_record: int
    partitions: dict[str, int]
    threads: FoldThreads
    muted: bool = False
    max_crashes: int = 3
    accept_loss: bool = False
    topic_ids: Mapping[str, str] = field(default_factory=dict)
    state_folder: StateFolder | None = None
    checkpoint_s: float = 0.05
    checkpoint_bytes: int = 8 << 20
    warm_bytes: int = 64 << 20

    @property
    def consumers(self) -> str:
        """The consumer group of this generation's workers."""
        return f"{self.group}-{self.generation}"

    def shared(self, partitions: int) -> Job:
        """The same job where so many partitions share the memory for patients."""
        return replace(self, policy=replace(self.policy, warm_bytes=self.warm_bytes // max(1, partitions)))

    def state_topic(self, stage: Stage) -> str:
        """The compacted topic that holds a stage's state."""
        return state_topic(self.group, self.generation, "motion" if stage is MOTION else "patient")
