"""A clinic's own alert rules: a TOML or JSON file in, the rules in force out. docs/alerts.md says what may stand in it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import orjson
from pydantic import ValidationError

from processors.packs import alert_rules, rule_book
from processors.packs.alerts import Overrides, RuleBook

if TYPE_CHECKING:
    from pathlib import Path


class RulesError(Exception):
    """A file of alert rules can't be used; the message names it, the place in it, and what is wrong."""


def read_rules(path: Path | None) -> RuleBook:
    """The pack's rules with what a file changes of them; the pack as it is without a file. RulesError when the file can't be used."""
    if path is None:
        return rule_book()
    try:
        text = path.read_bytes()
        written = orjson.loads(text) if path.suffix == ".json" else tomllib.loads(text.decode())
    except FileNotFoundError:
        raise RulesError(f"{path}: no such file; RTM_ALERT_RULES names a file of changes to the alert rules (docs/alerts.md)") from None
    except OSError as error:
        raise RulesError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RulesError(f"{path}: not UTF-8") from None
    except ValueError as error:
        raise RulesError(f"{path}: not {'JSON' if path.suffix == '.json' else 'TOML'}: {error}") from None
    try:
        return RuleBook(alert_rules(), Overrides.model_validate_json(orjson.dumps(written)))
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in detail["loc"]) or "the file"
        raise RulesError(f"{path}: {place}: {detail['msg'].removeprefix('Value error, ')}") from None
    except ValueError as error:
        raise RulesError(f"{path}: {error}") from None
