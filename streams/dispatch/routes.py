"""Where alerts go: `routes.toml` in; endpoints with their secrets, and the routes that `processors.routing` decides by, out.

    [[endpoints]]
    name = "on-call"
    url = "https://hooks.example.org/rtm"
    secret_env = "ON_CALL_SECRET"        # or secret_file = "/run/secrets/on-call"; never the secret itself
    clinics = ["*"]                      # or the clinics whose every alert it gets

With `[[clinics]]` it says who is told what, and when: docs/delivery.md. An error says where in the file and what to do, never a secret.
"""

from __future__ import annotations

import base64
import binascii
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from processors.rota import Calendar, Window
from processors.routing import EVERY_CLINIC, ClinicRoute, Routes, Step
from streams.dispatch.routes_file import PAGERDUTY_URL, WEEKDAYS, RoutesFile, safe_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from streams.dispatch.routes_file import ClinicEntry, EndpointEntry, Kind, WindowEntry

SECRET_BYTES = range(24, 65)
PREFIX = "whsec_"
LAG_S = 300


class RoutesError(Exception):
    """The routes can't be used; the message names the file, the place in it, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where messages go, in which form. `keys` sign a webhook's (24 to 64 bytes each); `token` is PagerDuty's routing key or a bearer's.

    `files` are those that its secrets were read from.
    """

    name: str
    url: str
    keys: tuple[bytes, ...] = ()
    kind: Kind = "webhook"
    token: str = ""
    allow_private: bool = False
    heartbeat_s: int | None = None
    files: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r})"


@dataclass(frozen=True, slots=True)
class Directory:
    """All that `routes.toml` says. `feedback` names the endpoint of each clinic that wants to hear of sessions."""

    endpoints: Mapping[str, Endpoint]
    routes: Routes
    operations: str | None = None
    lag_s: int = LAG_S
    feedback: Mapping[str, str] | None = None


def load_routes(path: Path) -> Directory:
    """What the file says, with the secrets it names; RoutesError when it can't be used."""
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RoutesError(
            f"{path}: no such file; it says where alerts go (rtm dispatch --help shows one), RTM_ROUTES names another"
        ) from None
    except OSError as error:
        raise RoutesError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RoutesError(f"{path}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise RoutesError(f"{path}: not TOML: {error}") from None
    try:
        file = RoutesFile.model_validate(written)
    except ValidationError as error:
        raise RoutesError(f"{path}: {_told(error)}") from None
    if misfits := file.misfits():
        raise RoutesError(f"{path}: {'; '.join(misfits[:3])}")
    endpoints = {entry.name: _endpoint(path, entry) for entry in file.endpoints}
    feedback = {clinic.clinic: clinic.feedback for clinic in file.clinics if clinic.feedback}
    operations = file.operations
    return Directory(
        endpoints,
        _routes(file),
        operations.endpoint if operations else None,
        operations.lag_s if operations else LAG_S,
        feedback,
    )


def _told(error: ValidationError) -> str:
    found = []
    for detail in error.errors(include_url=False, include_context=False, include_input=False)[:3]:
        place = ".".join(str(part) for part in detail["loc"]) or "the file"
        found.append(f"{place}: {detail['msg'].removeprefix('Value error, ')}")
    return "; ".join(found)


# -- who is told -----------------------------------------------------------------------------------------------------------------------


def _routes(file: RoutesFile) -> Routes:
    default = [] if file.clinics else [EVERY_CLINIC]
    everywhere = [(entry.name, frozenset(default if entry.clinics is None else entry.clinics)) for entry in file.endpoints]
    return Routes(
        {clinic.clinic: _clinic(clinic) for clinic in file.clinics},
        tuple((name, clinics) for name, clinics in everywhere if clinics),
        frozenset(entry.name for entry in file.endpoints if entry.kind == "pagerduty"),
    )


def _clinic(entry: ClinicEntry) -> ClinicRoute:
    weekly = tuple(_window(shift, tuple(shift.on_call)) for shift in entry.rota)
    instead: dict[date, tuple[Window, ...]] = {}
    for each in entry.exceptions:
        found = Window(each.begins, each.ends, people=tuple(each.on_call))
        instead[each.date] = (*instead.get(each.date, ()), found)
    quiet = tuple(_window(window, ()) for window in entry.quiet_hours)
    return ClinicRoute(
        steps=tuple(Step(step.after_min * 60, tuple(step.to), frozenset(step.severities)) for step in entry.steps),
        people={person: tuple(names) for person, names in entry.people.items()},
        rota=Calendar(entry.timezone, weekly, instead) if weekly or instead else None,
        quiet=Calendar(entry.timezone, quiet) if quiet else None,
        bundle_s=entry.bundle_s,
        most_messages=entry.most_messages_per_hour or 0,
    )


def _window(entry: WindowEntry, people: tuple[str, ...]) -> Window:
    return Window(entry.begins, entry.ends, frozenset(WEEKDAYS.index(day) + 1 for day in entry.days), people)


# -- secrets ---------------------------------------------------------------------------------------------------------------------------


def _endpoint(path: Path, entry: EndpointEntry) -> Endpoint:
    where = f"{path}: endpoint {entry.name}"
    found = [(f"the environment variable {name}", os.environ.get(name, "")) for name in entry.secret_env or ()]
    found += [(f"the file {name}", _read(path, where, name)) for name in entry.secret_file or ()]
    for source, text in found:
        if not text.strip():
            raise RoutesError(f"{where}: {source} holds no secret")
    keys = tuple(_key(where, source, text) for source, text in found) if entry.kind == "webhook" else ()
    token = "" if entry.kind == "webhook" or not found else found[0][1].strip()
    files = tuple(path.parent / name for name in (*(entry.secret_file or ()), *([entry.url_file] if entry.url_file else ())))
    url = _url(path, where, entry)
    return Endpoint(entry.name, url, keys, entry.kind, token, entry.allow_private, entry.heartbeat_s, files)


def _read(path: Path, where: str, name: str) -> str:
    """The text of a file that holds a secret; relative files lie beside routes.toml."""
    try:
        return (path.parent / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise RoutesError(f"{where}: the file {name} can't be read") from None


def _url(path: Path, where: str, entry: EndpointEntry) -> str:
    if entry.url is not None:
        return entry.url
    if entry.url_env is None and entry.url_file is None:
        return PAGERDUTY_URL
    source = f"the environment variable {entry.url_env}" if entry.url_env else f"the file {entry.url_file}"
    text = os.environ.get(entry.url_env, "") if entry.url_env else _read(path, where, str(entry.url_file))
    try:
        return safe_url(text.strip())
    except ValueError as error:
        raise RoutesError(f"{where}: {source}: {error}") from None


def _key(where: str, source: str, text: str) -> bytes:
    """A signing key of Standard Webhooks."""
    try:
        encoded = text.strip().removeprefix(PREFIX).rstrip("=")
        secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) not in SECRET_BYTES:
        raise RoutesError(f"{where}: {source} must hold {PREFIX} and base64 of 24 to 64 bytes")
    return secret
