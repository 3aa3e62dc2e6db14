"""`routes.toml` as it stands in the file: tables and fields, and what of one must fit another; `streams.dispatch.routes` reads it.

Every table refuses fields it doesn't know; no message holds a value of the file.
"""

from __future__ import annotations

import datetime
import ipaddress
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from processors.routing import EVERY_CLINIC, ON_CALL, THERAPIST

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_WAIT_MIN = 3 * 24 * 60

Kind = Literal["webhook", "pagerduty", "alertmanager", "chat"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Text = Annotated[str, Field(min_length=1)]
Severity = Literal["info", "warning", "urgent"]


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine itself."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def safe_url(text: str) -> str:
    """The URL, when it may be sent to: https, or http to this machine; without user and password."""
    try:
        url = parse_url(text)
    except LocationParseError:
        raise ValueError("not a URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("not an https:// URL")
    if url.scheme == "http" and not is_loopback(url.host):
        raise ValueError("must be https://, unless the host is this machine (127.0.0.1)")
    if url.auth is not None:
        raise ValueError("must hold no user and password")
    return text


def _minutes(value: Any) -> int:
    """Minutes since midnight, of `08:30` or a TOML time; 24:00 is the day's end."""
    if isinstance(value, datetime.time):
        return value.hour * 60 + value.minute
    parts = value.split(":") if isinstance(value, str) else []
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) == 2 for part in parts):
        raise ValueError("must be a time as HH:MM")
    minutes = int(parts[0]) * 60 + int(parts[1])
    if int(parts[1]) > 59 or minutes > 24 * 60:
        raise ValueError("must be a time as HH:MM, from 00:00 to 24:00")
    return minutes


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _zone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError("not an IANA time zone, as Europe/Berlin")
    return text


Minute = Annotated[int, BeforeValidator(_minutes)]
OneOrMore = Annotated[list[Text], BeforeValidator(_listed), Field(min_length=1)]


class Entry(BaseModel):
    """Any table of the file."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, populate_by_name=True)


class EndpointEntry(Entry):
    """`[[endpoints]]`: where messages go, and in which form. Secrets stand in variables or files; several while one is being replaced."""

    name: Name
    kind: Kind = "webhook"
    url: Annotated[str, AfterValidator(safe_url)] | None = None
    url_env: Text | None = None
    url_file: Text | None = None
    secret_env: OneOrMore | None = None
    secret_file: OneOrMore | None = None
    clinics: Annotated[list[Text], Field(min_length=1)] | None = None
    allow_private: bool = False
    heartbeat_s: Annotated[int, Field(ge=10)] | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        urls = [each for each in (self.url, self.url_env, self.url_file) if each is not None]
        if len(urls) > 1 or (not urls and self.kind != "pagerduty"):
            raise ValueError("give url, url_env or url_file, one of them")
        secrets = [each for each in (self.secret_env, self.secret_file) if each is not None]
        if self.kind in {"webhook", "pagerduty"} and len(secrets) != 1:
            raise ValueError("give secret_env or secret_file, one of them")
        if self.kind == "chat" and secrets:
            raise ValueError("a chat's secret is its URL: give url_env or url_file, and no secret")
        if len(secrets) > 1:
            raise ValueError("give secret_env or secret_file, not both")
        if self.kind != "webhook" and secrets and len(secrets[0]) > 1:
            raise ValueError("only a webhook has several secrets")
        if self.kind != "webhook" and self.heartbeat_s is not None:
            raise ValueError("only a webhook has a heartbeat")
        return self


class WindowEntry(Entry):
    """`[[clinics.quiet_hours]]`: weekdays, from when to when; to no later than from: up to the next day's."""

    days: Annotated[list[Weekday], Field(min_length=1)] = [*WEEKDAYS]
    begins: Annotated[Minute, Field(alias="from")] = 0
    ends: Annotated[Minute, Field(alias="to")] = 24 * 60


class ShiftEntry(WindowEntry):
    """`[[clinics.rota]]`: a weekly shift, and who is on call in it."""

    on_call: OneOrMore


class ExceptionEntry(Entry):
    """`[[clinics.exceptions]]`: the shifts that begin on a date, instead of the weekly ones; nobody is on call where `on_call` is empty."""

    date: datetime.date
    begins: Annotated[Minute, Field(alias="from")] = 0
    ends: Annotated[Minute, Field(alias="to")] = 24 * 60
    on_call: Annotated[list[Text], BeforeValidator(_listed)] = []


class StepEntry(Entry):
    """`[[clinics.steps]]`: whom to tell, and how long after the step before it, if nobody has acknowledged the alert."""

    to: OneOrMore
    after_min: Annotated[int, Field(ge=0, le=LONGEST_WAIT_MIN)] = 0
    severities: Annotated[list[Severity], Field(min_length=1)] = ["info", "warning", "urgent"]


class ClinicEntry(Entry):
    """`[[clinics]]`: who of a clinic is told what, and when."""

    clinic: Text
    timezone: Annotated[str, AfterValidator(_zone)]
    people: dict[str, OneOrMore] = {}
    rota: list[ShiftEntry] = []
    exceptions: list[ExceptionEntry] = []
    quiet_hours: list[WindowEntry] = []
    steps: list[StepEntry] = []
    bundle_s: Annotated[float, Field(ge=0, le=300, strict=False)] = 1.0
    most_messages_per_hour: Annotated[int, Field(ge=1)] | None = None
    feedback: Name | None = None

    @field_validator("steps")
    @classmethod
    def _not_too_long(cls, steps: list[StepEntry]) -> list[StepEntry]:
        if sum(step.after_min for step in steps) > LONGEST_WAIT_MIN:
            raise ValueError(f"together they wait longer than {LONGEST_WAIT_MIN} minutes")
        return steps


class OperationsEntry(Entry):
    """`[operations]`: which endpoint hears that an alert reaches nobody, or that the dispatcher lags."""

    endpoint: Name
    lag_s: Annotated[int, Field(ge=10)] = 300


class RoutesFile(Entry):
    """`routes.toml`."""

    endpoints: Annotated[list[EndpointEntry], Field(min_length=1)]
    clinics: list[ClinicEntry] = []
    operations: OperationsEntry | None = None

    def misfits(self) -> list[str]:
        """What names something that isn't there, or stands twice; each with its table and field."""
        found = _twice("endpoints", [each.name for each in self.endpoints]) + _twice("clinics", [each.clinic for each in self.clinics])
        endpoints = {each.name for each in self.endpoints}
        if self.operations and self.operations.endpoint not in endpoints:
            found.append("operations.endpoint: no endpoint has this name")
        for number, clinic in enumerate(self.clinics):
            found += [f"clinics.{number}.{each}" for each in _misfits_of(clinic, endpoints)]
        webhooks = {each.name for each in self.endpoints if each.kind == "webhook"}
        found += [
            f"clinics.{number}.feedback: must name an endpoint of kind webhook"
            for number, clinic in enumerate(self.clinics)
            if clinic.feedback is not None and clinic.feedback not in webhooks
        ]
        return found


def _twice(table: str, names: list[str]) -> list[str]:
    return [f"{table}: the name {name} stands twice" for name in sorted({name for name in names if names.count(name) > 1})]


def _misfits_of(clinic: ClinicEntry, endpoints: set[str]) -> list[str]:
    found = [
        f"people.{person}: {name} is no endpoint" for person, names in clinic.people.items() for name in names if name not in endpoints
    ]
    found += [f"people: {name} is a word of the steps, no person" for name in (THERAPIST, ON_CALL, EVERY_CLINIC) if name in clinic.people]
    on_call = [(f"rota.{number}", shift.on_call) for number, shift in enumerate(clinic.rota)]
    on_call += [(f"exceptions.{number}", each.on_call) for number, each in enumerate(clinic.exceptions)]
    found += [f"{place}.on_call: {name} is not in people" for place, names in on_call for name in names if name not in clinic.people]
    for number, step in enumerate(clinic.steps):
        words = {THERAPIST, ON_CALL, *clinic.people}
        found += [f"steps.{number}.to: {name} is not in people" for name in step.to if name not in words]
        if ON_CALL in step.to and not clinic.rota and not clinic.exceptions:
            found.append(f"steps.{number}.to: on_call needs a rota")
    return found
