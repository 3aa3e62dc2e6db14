"""What a send did: counted while it runs, printed at its end as text or as one JSON object. No subject and no value stands in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.instants import format_instant
from schemas.topics import DEAD_LETTERS, EVENTS, SENSOR
from streams.replay.summary import PLACES_SHOWN, Place

if TYPE_CHECKING:
    from streams.send.journal import Sent


@dataclass(slots=True)
class SendSummary:
    """The counts of one send. `sent` is of all its runs; `places`, `seconds` and `acknowledged` are of this one.

    `began_at`: the line, in the order of sending, with which this run began. `already`: all of it had been sent before.
    """

    files: list[str]
    sent: Sent
    lines: int = 0
    began_at: int = 0
    acknowledged: int = 0
    as_of: int | None = None
    already: bool = False
    places: dict[str, list[Place]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def records_per_s(self) -> float:
        """Records acknowledged a second, waiting for ticks included."""
        return self.acknowledged / self.seconds if self.seconds else 0.0

    def keep_place(self, reason: str, place: Place) -> None:
        """Remember where a dead letter stood: the first few of each reason."""
        shown = self.places.setdefault(reason, [])
        if len(shown) < PLACES_SHOWN:
            shown.append(place)

    def to_json(self) -> dict[str, Any]:
        """All of it, as one JSON object."""
        sent = self.sent
        return {
            "files": self.files,
            "already_sent": self.already,
            "lines": self.lines,
            "began_at": self.began_at,
            "sent": {EVENTS.name: sent.events, SENSOR.name: sent.chunks, DEAD_LETTERS.name: sum(sent.dead.values())},
            "dead_letters": dict(sorted(sent.dead.items())),
            "dead_letter_places": {
                reason: [{"file": each.file, "file_number": each.file_number, "line": each.line, "error": each.error} for each in places]
                for reason, places in sorted(self.places.items())
            },
            "left_out": sent.left_out,
            "ticks": sent.ticks,
            "ticks_ignored": sent.ticks_ignored,
            "as_of": None if self.as_of is None else format_instant(self.as_of),
            "seconds": round(self.seconds, 3),
            "records_per_s": round(self.records_per_s, 1),
        }

    def to_text(self) -> str:
        """All of it, for people."""
        sent, dead = self.sent, sum(self.sent.dead.values())
        if self.already:
            lines = ["everything in these files has been sent already: nothing was sent now; --again sends it once more"]
        else:
            files = f"{len(self.files)} file{'s' * (len(self.files) != 1)}"
            lines = [f"{self.lines:,} lines of {files} sent in {self.seconds:.1f} s ({self.records_per_s:,.0f} records/s)"]
        if self.began_at and not self.already:
            lines.append(f"  went on at     line {self.began_at + 1:,} in the order of sending")
        lines += [f"  {EVENTS.name}  {sent.events:,}", f"  {SENSOR.name}  {sent.chunks:,}"]
        later = "" if sent.as_of is not None else ": run this again once it has come"
        lines.append(f"  left out       {sent.left_out:,}" + (f" (recorded after the as-of{later})" if sent.left_out else ""))
        if sent.ticks or sent.ticks_ignored:
            until = "" if self.as_of is None else f", the last {format_instant(self.as_of)}"
            lines.append(
                f"  ticks          {sent.ticks:,}{until}" + f", and {sent.ticks_ignored:,} in the files ignored" * bool(sent.ticks_ignored)
            )
        lines.append(f"  dead letters   {dead:,}")
        for reason, number in sorted(sent.dead.items()):
            lines.append(f"    {reason:<14} {number:,}")
            shown = self.places.get(reason, [])
            lines += [f"      {place.file}:{place.line}  {place.error}" for place in shown]
            if number > len(shown):
                lines.append(f"      … and {number - len(shown):,} more, in {DEAD_LETTERS.name}")
        return "\n".join(lines)
