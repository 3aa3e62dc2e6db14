"""Dead letters as they lie in rtm.dead-letters.v1: what is chosen comes in, the letters that fit go out, each place once.

A letter that was sent again is told by a marker in the same topic: no value, and a header that names the letter's place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from schemas.facts import Reason
from schemas.topics import DEAD_LETTERS
from streams.kafka.outgoing import Outgoing
from streams.redrive.marker import REDRIVEN, is_marker

if TYPE_CHECKING:
    from streams.kafka.outgoing import HeaderList
    from streams.kafka.reading import Reader

MENDABLE: tuple[Reason, ...] = ("misplaced", "unparsable", "unknown_type", "invalid", "crash")
"""The reasons that a fix can mend; of the others the same would become again."""
NOT_MENDABLE = tuple(reason for reason in get_args(Reason) if reason not in MENDABLE)
OWN_HEADERS = ("rtm-reason", "rtm-error", "rtm-topic", "rtm-partition", "rtm-offset", "rtm-event-id", "rtm-received-at")
"""What a dead letter says of itself, behind the original's headers."""

Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which letters are wanted; what is empty or None restricts nothing. Times in ns, by when the letter was read."""

    reasons: frozenset[str] = frozenset()
    topic: str | None = None
    partition: int | None = None
    first_offset: int | None = None
    last_offset: int | None = None
    since: int | None = None
    until: int | None = None

    def fits(self, letter: Letter) -> bool:
        """Whether a letter is one of them."""
        topic, partition, offset = letter.place
        return (
            (not self.reasons or letter.reason in self.reasons)
            and self.topic in (None, topic)
            and self.partition in (None, partition)
            and (self.first_offset is None or offset >= self.first_offset)
            and (self.last_offset is None or offset <= self.last_offset)
            and (self.since is None or letter.received >= self.since)
            and (self.until is None or letter.received < self.until)
        )


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: where the original lay, why it was not used, when it was read (ns), and the original itself."""

    place: Place
    reason: str
    received: int
    key: bytes | None
    value: bytes | None
    headers: HeaderList
    partition: int
    """Where the letter itself lies."""

    def marker(self) -> Outgoing:
        """What tells that it was sent again."""
        return Outgoing(DEAD_LETTERS.name, self.partition, self.key, None, [(REDRIVEN, place_text(self.place).encode())])


def place_text(place: Place) -> str:
    """A place as one word.

    >>> place_text(("rtm.events.v1", 3, 17))
    'rtm.events.v1/3/17'
    """
    return "/".join(map(str, place))


def read_letters(reader: Reader, chosen: Chosen) -> tuple[list[Letter], set[str]]:
    """The letters that fit, of each place the newest, in the order of the places; and the places of all that were sent again."""
    places = reader.places(DEAD_LETTERS.name)
    found: dict[Place, Letter] = {}
    redriven: set[str] = set()
    for record in reader.records(reader.begins(places), reader.ends(places)):
        said = dict(record.headers)
        if is_marker(record.headers):
            redriven.add(said[REDRIVEN].decode())
        elif (letter := _letter(record, said)) is not None and chosen.fits(letter):
            found[letter.place] = letter
    return [found[place] for place in sorted(found)], redriven


def _letter(record: Any, said: dict[str, bytes]) -> Letter | None:
    try:
        place = (said["rtm-topic"].decode(), int(said["rtm-partition"]), int(said["rtm-offset"]))
        reason, received = said["rtm-reason"].decode(), int(said["rtm-received-at"])
    except (KeyError, ValueError):
        return None
    return Letter(place, reason, received, record.key, record.value, _original(list(record.headers)), record.partition)


def _original(headers: HeaderList) -> HeaderList:
    """The original's headers: without what the letter says of itself, which stands last."""
    own = len(headers)
    while own and headers[own - 1][0] in OWN_HEADERS and len(headers) - own < len(OWN_HEADERS):
        own -= 1
    return headers[:own]
