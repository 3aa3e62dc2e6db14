"""What simulated patients are treated for: exercises, goals, medications, outcomes. Plausible, not clinical advice.

Each condition is one record; `streams.simulate.life` draws one a patient by `share`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Drill:
    """One exercise: its dose at the beginning. `rest_deg`, `first_deg`, `best_deg`: the angle at rest, reached at first, and in the end."""

    exercise_id: str
    name: str
    sets: int
    reps: int
    times_per_day: int = 1
    motion: str | None = None
    weekdays: tuple[int, ...] | None = None
    rest_deg: float = 0.0
    first_deg: float = 0.0
    best_deg: float = 0.0

    @property
    def sensed(self) -> bool:
        """Whether a device can measure it."""
        return self.motion is not None


@dataclass(frozen=True, slots=True)
class Condition:
    """What is treated. `outcome` is (instrument, score at first, score in the end), `function` the same of a test in the clinic."""

    name: str
    text: str
    area: str
    share: float
    drills: tuple[Drill, ...]
    joint: str | None = None
    procedure: bool = False
    medications: tuple[tuple[str, int], ...] = ()
    outcome: tuple[str, float, float] | None = None
    function: tuple[str, float, float] | None = None
    pain: tuple[float, float] = (4.5, 2.0)
    symptom: str | None = None
    walks: bool = False


@dataclass(frozen=True, slots=True)
class Zones:
    """Where patients live: zone and share."""

    names: tuple[str, ...] = field(
        default=(
            "America/New_York",
            "America/Chicago",
            "America/Los_Angeles",
            "America/Phoenix",
            "America/St_Johns",
            "Europe/Zurich",
            "Asia/Kolkata",
            "Australia/Lord_Howe",
        )
    )
    shares: tuple[float, ...] = field(default=(0.3, 0.2, 0.15, 0.1, 0.05, 0.1, 0.05, 0.05))


MWF = (1, 3, 5)
MSK = "musculoskeletal"

CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "knee",
        "knee replacement",
        MSK,
        0.26,
        (
            Drill("heel-slide", "Heel slides", 2, 8, 1, "flexion", None, 14.0, 72.0, 118.0),
            Drill("knee-extension", "Seated knee extension", 2, 6, 1, "extension", MWF, 75.0, 12.0, 1.0),
            Drill("quad-set", "Quadriceps sets", 2, 10, 2),
        ),
        "knee",
        procedure=True,
        medications=(("paracetamol-1g", 2),),
        outcome=("KOOS_JR", 44.0, 74.0),
        function=("timed_up_and_go_s", 18.0, 9.0),
        pain=(5.5, 1.5),
        walks=True,
    ),
    Condition(
        "hip",
        "hip replacement",
        MSK,
        0.12,
        (
            Drill("hip-flexion", "Standing hip flexion", 2, 8, 1, "flexion", None, 2.0, 60.0, 95.0),
            Drill("bridge", "Bridges", 2, 8, 1, None, MWF),
        ),
        "hip",
        procedure=True,
        outcome=("HOOS_JR", 48.0, 80.0),
        function=("sit_to_stand_30s", 7.0, 13.0),
        pain=(5.0, 1.0),
        walks=True,
    ),
    Condition(
        "shoulder",
        "rotator cuff repair",
        MSK,
        0.18,
        (
            Drill("shoulder-flexion", "Forward raises", 2, 8, 1, "flexion", None, 5.0, 78.0, 150.0),
            Drill("pendulum", "Pendulum", 2, 10, 2),
            Drill("external-rotation", "External rotation", 2, 8, 1, None, MWF),
        ),
        "shoulder",
        procedure=True,
        outcome=("QUICKDASH", 62.0, 24.0),
        pain=(5.0, 1.8),
    ),
    Condition(
        "back",
        "low back pain",
        MSK,
        0.16,
        (
            Drill("bird-dog", "Bird dog", 2, 8),
            Drill("cat-camel", "Cat camel", 1, 10, 2),
            Drill("side-plank", "Side plank", 2, 3, 1, None, MWF),
        ),
        "spine",
        outcome=("ODI", 42.0, 18.0),
        pain=(6.0, 2.5),
        walks=True,
    ),
    Condition(
        "hand",
        "distal radius fracture",
        MSK,
        0.1,
        (
            Drill("wrist-flexion", "Wrist flexion", 2, 10, 1, "flexion", None, 0.0, 34.0, 68.0),
            Drill("grip", "Putty grip", 2, 10, 2),
        ),
        "wrist",
        outcome=("QUICKDASH", 58.0, 20.0),
        function=("grip_strength_kg", 9.0, 24.0),
        pain=(4.0, 1.0),
    ),
    Condition(
        "respiratory",
        "chronic obstructive pulmonary disease",
        "respiratory",
        0.1,
        (Drill("pursed-lips", "Pursed-lip breathing", 1, 10, 2), Drill("step-ups", "Step-ups", 2, 8, 1, None, MWF)),
        medications=(("tiotropium-18ug", 1), ("budesonide-formoterol", 2)),
        outcome=("PROMIS_PF", 36.0, 42.0),
        pain=(1.5, 1.0),
        symptom="breathlessness",
        walks=True,
    ),
    Condition(
        "medication",
        "chronic pain, medication plan",
        MSK,
        0.05,
        (Drill("walk", "A walk", 1, 1, 1),),
        medications=(("duloxetine-60mg", 1), ("celecoxib-100mg", 2)),
        outcome=("PROMIS_PI", 64.0, 57.0),
        pain=(6.0, 4.0),
    ),
    Condition(
        "insomnia",
        "insomnia, cognitive behavioural therapy",
        "cognitive_behavioral",
        0.03,
        (Drill("relaxation", "Progressive relaxation", 1, 4, 1), Drill("sleep-diary", "Sleep diary", 1, 1, 1)),
        outcome=("PROMIS_PI", 60.0, 55.0),
        pain=(1.0, 0.5),
        symptom="daytime sleepiness",
    ),
)
"""Every condition."""
