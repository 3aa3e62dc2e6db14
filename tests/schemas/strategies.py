"""Events as a device, an app or a clinic might write them: every type, free text, any zone, extensions and unknown fields."""

import base64
import struct

from hypothesis import strategies as st

from schemas.documents import example
from schemas.events import CHUNK, EVENT_MODELS, TICK
from schemas.instants import FIRST, LAST, SECOND, format_instant

EXAMPLES = {event_type: example(event_type) for event_type in EVENT_MODELS}

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
instants = st.integers(FIRST + 2 * 86_400 * SECOND, LAST - 2 * 86_400 * SECOND)


@st.composite
def written_instants(draw):
    """(nanoseconds, one of the ways to write them)."""
    instant = draw(instants)
    minutes = draw(st.integers(-23 * 60 - 59, 23 * 60 + 59))
    text = format_instant(instant + minutes * 60 * SECOND).removesuffix("Z")
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    if draw(st.booleans()):
        text = text.lower()
    zulu = minutes == 0 and draw(st.booleans())
    return instant, text + ("Z" if zulu else f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}")


@st.composite
def chunks(draw):
    """The data of a chunk: any bit pattern of float32, NaN and infinity included."""
    channels, kind = draw(st.sampled_from([(1, "angle"), (8, "quat2"), (12, "imu6x2"), (3, "gyr3")]))
    rows = draw(st.integers(0, 4))
    samples = struct.pack(
        f"<{rows * channels}I", *draw(st.lists(st.integers(0, 2**32 - 1), min_size=rows * channels, max_size=rows * channels))
    )
    return {
        **EXAMPLES[CHUNK]["data"],
        "session_id": draw(texts),
        "seq": draw(st.integers(0, 2**40)),
        "kind": kind,
        "samples_b64": base64.b64encode(samples).decode(),
        "n": rows,
    }


@st.composite
def events(draw, types=tuple(EVENT_MODELS)):
    """A CloudEvent in structured mode."""
    event_type = draw(st.sampled_from(types))
    event = {**EXAMPLES[event_type], "id": draw(names), "source": draw(names), "time": draw(written_instants())[1]}
    if event_type != TICK:
        event["subject"] = draw(names)
    if draw(st.booleans()):
        event["recordedtime"] = draw(written_instants())[1]
    extensions = st.dictionaries(
        st.from_regex(r"x[a-z0-9]{1,8}", fullmatch=True), st.none() | texts | st.booleans() | st.integers(-9, 9), max_size=2
    )
    data = draw(chunks()) if event_type == CHUNK else event.get("data", {})
    unknown = draw(st.dictionaries(texts.map("x_".__add__), json_values, max_size=3))
    return {**event, **draw(extensions), "data": {**data, **unknown}}
