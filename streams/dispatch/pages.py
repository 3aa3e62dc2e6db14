"""The pages behind links, as HTML: what they show in, text out. They need no network but their own address, and read well on a phone.

No page names a patient, and only that of a session shows what was measured.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from processors.session_feedback import Feedback

SNOOZES = ((4, "4 hours"), (24, "1 day"), (72, "3 days"))

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1.125rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 0 auto; padding: 1.25rem; }
h1 { font-size: 1.5rem; line-height: 1.25; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; }
form { display: grid; gap: .75rem; margin-top: 1.5rem; }
button, select { font: inherit; min-height: 3rem; padding: .5rem 1rem; border-radius: .5rem; border: 2px solid currentColor; }
button.first { background: #0b5cad; border-color: #0b5cad; color: #fff; font-weight: 600; }
:focus-visible { outline: 3px solid #f5a623; outline-offset: 2px; }
"""

CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{escape(title)}</title><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def said(title: str, text: str) -> str:
    """A page that says one thing.

    >>> "<p role=status>Done &amp; told.</p>" in said("Done", "Done & told.")
    True
    """
    return _page(title, f"<p role=status>{escape(text)}</p>")


def alert_page(rule_id: str, severity: str, opened_at: str, status: str | None, form: str) -> str:
    """The page of an alert: why it is there, and what one can do. `form` is the form's token; `status` where it is known here."""
    rows = [("Reason", _rule(rule_id)), ("Severity", severity), ("Open since", f"{opened_at[:16].replace('T', ' ')} UTC")]
    rows += [("Status", status)] if status else []
    facts = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    options = "".join(f'<option value="{hours}">{text}</option>' for hours, text in SNOOZES)
    return _page(
        f"Alert: {_rule(rule_id)}",
        f'<dl>{facts}</dl><form method="post"><input type="hidden" name="form" value="{escape(form)}">'
        '<button class="first" name="do" value="acknowledge">Acknowledge: I take care of it</button></form>'
        f'<form method="post"><input type="hidden" name="form" value="{escape(form)}">'
        f'<label for="hours">Remind me again in</label><select id="hours" name="hours">{options}</select>'
        '<button name="do" value="snooze">Snooze</button></form>',
    )


def session_page(found: Feedback) -> str:
    """The page of a session: repetitions against the plan, range against the goal, days in a row."""
    rows = [("Repetitions", f"{found.reps} in this session")]
    if found.prescribed_reps:
        rows.append(("That day", f"{found.completed_reps} of {found.prescribed_reps} planned"))
    if found.range_deg is not None:
        goal = f", goal {found.goal_deg:.0f}°" if found.goal_deg is not None else ""
        rows.append(("Range", f"{found.range_deg:.0f}°{goal}"))
    rows.append(("Days in a row", str(found.streak)))
    return _page("Your session", "<dl>" + "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in rows) + "</dl>")


def _rule(rule_id: str) -> str:
    return rule_id.replace("_", " ")
