"""Every setting with its value and where it came from; variables that can't be used, or that nobody reads, as findings.

Secrets are told as `hidden`, a DSN without its password.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr, ValidationError

from processors.packs import billing_packs
from streams.doctor.finding import Finding, ok
from streams.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "RTM_"
ELSEWHERE = frozenset({"RTM_DEBUG", "RTM_REQUIRE_KAFKA"})
"""Variables that are read, and are no settings: by the command line, and by the tests."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting: the variable's name, its value as text, `environment` or `default`, and what it means."""

    name: str
    value: str
    source: str
    meaning: str


def read_settings(environment: Mapping[str, str] = os.environ) -> tuple[Settings, list[Finding]]:
    """The settings, with the defaults in place of what can't be used, and what is wrong with the variables."""
    findings: list[Finding] = []
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = {str(part["loc"][0]): part["msg"] for part in error.errors(include_input=False)}
        findings += [
            Finding(
                f"{PREFIX}{name.upper()}",
                "fail",
                f"can't be used: {said[:1].lower()}{said[1:]}",
                f"set it anew, or unset it: {_meaning(name)}",
            )
            for name, said in wrong.items()
        ]
        settings = Settings(**{name: Settings.model_fields[name].get_default(call_default_factory=True) for name in wrong})
        settings.model_fields_set.difference_update(wrong)
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | ELSEWHERE
    for name in sorted(set(environment) - known):
        if name.startswith(PREFIX):
            near = difflib.get_close_matches(name, known, 1)
            findings.append(Finding(name, "warn", "nobody reads it", f"unset it{f', or did you mean {near[0]}?' if near else ''}"))
    if not findings:
        given = len(settings.model_fields_set)
        findings.append(ok("settings", f"{given} from the environment, {len(Settings.model_fields) - given} by default"))
    return settings, findings


def check_rules(settings: Settings) -> list[Finding]:
    """Whether packs and the clinic's own alert rules can be used, without which nothing is folded."""
    try:
        settings.policy()
    except SettingsError as error:
        return [Finding("rules", "fail", str(error), "mend that file: nothing is replayed, and no worker starts, before")]
    own = f", alert rules changed by {settings.alert_rules}" if settings.alert_rules else ""
    return [ok("rules", f"billing {', '.join(pack.pack for pack in billing_packs())}{own}")]


def shown_settings(settings: Settings) -> list[Shown]:
    """Every setting, in the order of their declaration."""
    return [
        Shown(
            f"{PREFIX}{name.upper()}",
            _text(getattr(settings, name)),
            "environment" if name in settings.model_fields_set else "default",
            _meaning(name),
        )
        for name in Settings.model_fields
    ]


def without_password(dsn: str) -> str:
    """A DSN as it may be shown.

    >>> without_password("clickhouse://rtm:s3c/ret@db:8123/rtm")
    'clickhouse://rtm:***@db:8123/rtm'
    """
    scheme, separator, rest = dsn.partition("://")
    who, at, where = rest.rpartition("@")
    user, colon, _ = who.partition(":")
    return f"{scheme}{separator}{user}{':***' if colon else ''}{at}{where}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "hidden"
    return without_password(str(value))


def _meaning(name: str) -> str:
    return Settings.model_fields[name].description or ""
