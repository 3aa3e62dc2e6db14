"""What goes wrong, and when: a seed in, the same faults with the same pauses between them out."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

KILLED = ("worker-0", "worker-1", "sink", "dispatch", "warehouse")


@dataclass(frozen=True, slots=True)
class Fault:
    """After `pause_s`: `what` happens to `part`, for `length_s` where it ends by itself."""

    pause_s: float
    what: str
    part: str = ""
    length_s: float = 0.0

    def __str__(self) -> str:
        how_long = f" for {self.length_s:.0f} s" if self.length_s else ""
        return f"after {self.pause_s:.1f} s: {self.what} {self.part}{how_long}".rstrip()


def schedule(seed: int, kills: int, *, short: bool = False, full_disk: bool = False) -> list[Fault]:
    """`kills` SIGKILLs shared by all parts, in random order at random moments; between them, when not `short`, everything else once.

    A short one has a freeze of a worker beside its kills, and nothing that takes long. With `full_disk` the warehouse's disk is full once.
    """
    random = Random(seed)
    faults = [("kill", KILLED[number % len(KILLED)], 0.0) for number in range(kills)]
    if short:
        faults.append(("freeze", random.choice(KILLED[:2]), 5.0))
    else:
        faults += [("freeze", part, 20.0) for part in (*KILLED[:2], "sink", "dispatch")]
        faults += [("restart each worker in turn", "", 0.0), ("add and remove a worker", "worker-2", 15.0)]
        faults += [("restart the broker", "", 0.0), ("take away", "warehouse", 60.0)]
    if full_disk:
        faults.append(("fill the disk of", "warehouse", 20.0))
    random.shuffle(faults)
    most = 1.5 if short else 5.0
    return [Fault(round(random.uniform(0.2, most), 1), *fault) for fault in faults]
