"""Where alerts go: `routes.toml` in, endpoints with their secrets out.

    [[endpoints]]
    name = "on-call"
    url = "https://hooks.example.org/rtm"
    secret_env = "ON_CALL_SECRET"        # or secret_file = "/run/secrets/on-call"; never the secret itself
    clinics = ["*"]                      # or the clinics whose alerts it gets

An error says where in the file and what to do, never a secret.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

SECRET_BYTES = range(24, 65)
PREFIX = "whsec_"


class RoutesError(Exception):
    """The routes can't be used; the message names the file, the place in it, and what is wrong."""


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine itself."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class EndpointEntry(BaseModel):
    """An endpoint as it stands in the file."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    url: str
    secret_env: Annotated[str, Field(min_length=1)] | None = None
    secret_file: Annotated[str, Field(min_length=1)] | None = None
    clinics: Annotated[list[str], Field(min_length=1)] = ["*"]

    @field_validator("url")
    @classmethod
    def _safe(cls, text: str) -> str:
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

    @model_validator(mode="after")
    def _one_secret(self) -> EndpointEntry:
        if (self.secret_env is None) == (self.secret_file is None):
            raise ValueError("give secret_env or secret_file, one of them")
        return self


class RoutesFile(BaseModel):
    """`routes.toml`."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    endpoints: Annotated[list[EndpointEntry], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where webhooks go; `secret` is the signing key, 24 to 64 bytes. `clinics` holds `*` for every clinic."""

    name: str
    url: str
    secret: bytes
    clinics: frozenset[str]

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r})"

    def wants(self, clinic: str) -> bool:
        """Whether this clinic's alerts go here."""
        return "*" in self.clinics or clinic in self.clinics


def load_routes(path: Path) -> tuple[Endpoint, ...]:
    """The endpoints of the file, with their secrets; RoutesError when it can't be used."""
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
        routes = RoutesFile.model_validate(written)
    except ValidationError as error:
        raise RoutesError(f"{path}: {_told(error)}") from None
    names = [entry.name for entry in routes.endpoints]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RoutesError(f"{path}: endpoints: the name {twice[0]} stands twice")
    return tuple(Endpoint(entry.name, entry.url, _secret(path, entry), frozenset(entry.clinics)) for entry in routes.endpoints)


def _told(error: ValidationError) -> str:
    found = []
    for detail in error.errors(include_url=False, include_context=False, include_input=False)[:3]:
        place = ".".join(str(part) for part in detail["loc"]) or "the file"
        found.append(f"{place}: {detail['msg'].removeprefix('Value error, ')}")
    return "; ".join(found)


def _secret(path: Path, entry: EndpointEntry) -> bytes:
    """The endpoint's signing key, from where the entry says; relative files lie beside routes.toml."""
    where = f"{path}: endpoint {entry.name}"
    if entry.secret_env is not None:
        text = os.environ.get(entry.secret_env, "")
        source = f"the environment variable {entry.secret_env}"
    else:
        source = f"the file {entry.secret_file}"
        try:
            text = (path.parent / str(entry.secret_file)).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise RoutesError(f"{where}: {source} can't be read") from None
    if not text.strip():
        raise RoutesError(f"{where}: {source} holds no secret")
    try:
        encoded = text.strip().removeprefix(PREFIX).rstrip("=")
        secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) not in SECRET_BYTES:
        raise RoutesError(f"{where}: {source} must hold {PREFIX} and base64 of 24 to 64 bytes")
    return secret
