"""`rtm alerts`: the alerts of the warehouse, those that stand or all, as a table or as JSON Lines."""

from __future__ import annotations

from dataclasses import replace

import click

from streams.cli.warehouse_option import warehouse_option

SHOWN = """
SELECT alert_id, opened_at, severity, status, rule_id, patient_id, therapist_id, clinic_id, reason
FROM rtm.alerts
WHERE ({all:UInt8} OR status IN ('open', 'acknowledged', 'snoozed'))
  AND ({clinic:String} = '' OR clinic_id = {clinic:String})
  AND ({therapist:String} = '' OR therapist_id = {therapist:String})
ORDER BY status IN ('resolved', 'expired'), indexOf(['urgent', 'warning', 'info'], severity), opened_at, alert_id
"""
IN_FULL = SHOWN.replace("alert_id, opened_at, severity, status, rule_id, patient_id, therapist_id, clinic_id, reason", "*", 1)
SHORT_ID = 8


@click.command()
@click.option("--all", "everything", is_flag=True, help="Those that are over, too.")
@click.option("--clinic", default="", help="One clinic's alone.")
@click.option("--therapist", default="", help="One therapist's alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, every column.")
@warehouse_option
def alerts(clinic: str, therapist: str, warehouse: str, *, everything: bool, as_json: bool) -> None:
    """List the alerts that stand, the most urgent first.

    An alert is named by its id or by the beginning of it that is shown, in rtm ack, rtm snooze and rtm close.

    \b
    Examples:
      rtm alerts
      rtm alerts --clinic clinic-harbour --all
      rtm alerts --therapist therapist-1 --json
    """
    from streams.cli.sql import table_lines, write_json  # noqa: PLC0415 - the help needs none of it
    from streams.warehouse.connection import open_warehouse  # noqa: PLC0415

    bound = {"all": int(everything), "clinic": clinic, "therapist": therapist}
    with open_warehouse(warehouse, read_only=True) as opened:
        result = opened.query(IN_FULL if as_json else SHOWN, bound)
    if as_json:
        write_json(result, result.rows)
        return
    rows = [(name[:SHORT_ID], str(opened_at)[:16], *rest) for name, opened_at, *rest in result.rows]
    for line in table_lines(replace(result, columns=["alert", "opened (UTC)", *result.columns[2:]]), rows, widest=60):
        click.echo(line)
