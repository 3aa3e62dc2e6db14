"""`rtm`, the command line: the group of all commands, and `main`, which turns every failure into one line and an exit status.

A command's module is imported only when the command is asked for: `rtm --help` is quick, and a broken command breaks no other.
Exit status: 0 done, 1 the work failed, 2 wrong use, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType


@dataclass(frozen=True, slots=True)
class Entry:
    """A command in the catalogue: its section, what it does, and where it stands (`streams.cli.<module>`, attribute of its name)."""

    section: str
    summary: str
    module: str


COMMANDS: dict[str, Entry] = {
    "demo": Entry("see it", "Real recordings become sessions, adherence, an alert and a board.", "demo"),
    "board": Entry("see it", "Write the board, one page of HTML that needs no network, or serve it.", "board"),
    "sql": Entry("see it", "Ask the tables with SQL.", "sql"),
    "explain": Entry("see it", "Why a day's rows say what they say.", "explain"),
    "motion": Entry("see it", "Analyse one recording: repetitions and a picture.", "motion"),
    "doctor": Entry("see it", "Show every setting, and check all that is needed.", "doctor"),
    "replay": Entry("embedded", "Replay files of events into the tables.", "replay"),
    "simulate": Entry("embedded", "Make a cohort of patients, and the truth about them.", "simulate"),
    "schema": Entry("embedded", "Print the events' JSON Schema or the AsyncAPI document.", "schema"),
    "up": Entry("live", "Run everything on this machine: Kafka, worker, dispatcher, tables, board.", "up"),
    "kafka": Entry("live", "Run a real Kafka on this machine: start, stop, status.", "kafka"),
    "topics": Entry("live", "Make the topics on Kafka, and tell what differs.", "topics"),
    "send": Entry("live", "Send files of events to Kafka.", "send"),
    "worker": Entry("live", "Fold what comes in over Kafka into rows and alerts.", "worker"),
    "sink": Entry("live", "Write what comes in over Kafka into the tables.", "sink"),
    "dispatch": Entry("live", "Send alerts as signed webhooks.", "dispatch"),
    "migrate": Entry("warehouse", "Make or update the tables and views.", "migrate"),
    "dashboards": Entry("warehouse", "Grafana's dashboards: write, push, compare.", "dashboards"),
    "export": Entry("warehouse", "Write facts back as CloudEvents.", "export"),
    "rebuild": Entry("warehouse", "Fold the log anew, beside the running system.", "rebuild"),
    "alerts": Entry("care", "List the alerts that stand.", "alerts"),
    "ack": Entry("care", "Take an alert on.", "alert_actions"),
    "snooze": Entry("care", "Let an alert rest for a while.", "alert_actions"),
    "close": Entry("care", "End an alert by hand.", "alert_actions"),
    "backtest": Entry("care", "What other rules would have told.", "backtest"),
    "redrive": Entry("operate", "Send dead letters again, after a fix.", "redrive"),
    "reconcile": Entry("operate", "Compare what was read, what lies in Kafka and what stands in the tables.", "reconcile"),
    "forget": Entry("operate", "Erase a patient, on request.", "forget"),
}
"""Every command, by section in the contract's order."""

EXAMPLES = """\
Examples:
  rtm demo
  rtm replay events.jsonl more.jsonl.gz
  rtm sql "SELECT * FROM adherence_daily ORDER BY local_date DESC LIMIT 10"
"""


class Commands(click.Group):
    """The group of the catalogue's commands, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported now; None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"streams.cli.{COMMANDS[cmd_name].module}"), cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"streams.cli.{COMMANDS[cmd_name].module}.{cmd_name} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The commands by section."""
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            with formatter.section(section[:1].upper() + section[1:]):
                formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items() if entry.section == section])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Examples."""
        formatter.write_paragraph()
        formatter.write(EXAMPLES)


def _version() -> str:
    try:
        return version("rtm")
    except PackageNotFoundError:
        return "not installed"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="rtm", message="%(prog)s %(version)s")
def rtm() -> None:
    """Remote Therapeutic Monitoring: facts about patients in; sessions, adherence, range of motion and alerts out.

    Each command has its own help: rtm COMMAND --help. Settings are environment variables, RTM_*.
    """


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _known_failures() -> tuple[type[Exception], ...]:
    """The errors whose message is all that needs to be said; imported only when there was one."""
    known: list[type[Exception]] = [OSError]
    for module, name in (
        ("streams.settings", "SettingsError"),
        ("streams.replay.reading", "ReadError"),
        ("streams.replay.files", "ReplayError"),
        ("streams.warehouse.connection", "WarehouseError"),
        ("streams.kafka.jars", "KafkaError"),
        ("streams.send.journal", "JournalError"),
        ("streams.send.tick_gate", "TickError"),
        ("streams.dispatch.dispatcher", "DispatchError"),
        ("streams.grafana.server", "GrafanaError"),
        ("streams.dispatch.page_server", "ListenError"),
        ("streams.worker.worker", "WorkerError"),
    ):
        if module in sys.modules:
            known.append(getattr(sys.modules[module], name))
    return tuple(known)


def _say(message: str, command: str) -> None:
    line = "rtm: " + " ".join(message.split())
    if command in COMMANDS and COMMANDS[command].section == "live" and os.environ.get("RTM_LOG") == "json":
        from streams.telemetry.lines import json_line  # noqa: PLC0415 - seldom needed

        line = json_line(command, "error", message)
    click.echo(line, err=True)


def _told(error: OSError) -> str:
    if error.errno == errno.ENOSPC and not error.filename:
        return "no space left on the disk of its output, or of its temporary files (TMPDIR names their folder)"
    said = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error.strerror or str(error)
    return said or type(error).__name__


def _status(error: BaseException, command: str) -> int:
    """The exit status of a command's failure, told in one line."""
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "rtm"
        _say(f"{error.format_message()} (see {path} --help)", command)
        return 2
    if isinstance(error, click.ClickException):
        _say(error.format_message(), command)
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        _say("stopped", command)
        return 130
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if isinstance(error, _known_failures()):
        _say(_told(error) if isinstance(error, OSError) else str(error) or type(error).__name__, command)
        return 2 if type(error).__name__ == "SettingsError" else getattr(error, "status", 1)
    _say(f"{type(error).__name__}, which should not happen; RTM_DEBUG=1 shows where", command)
    return 1


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; its exit status. Nothing but RTM_DEBUG=1 lets an error out."""
    try:
        made = rtm.main(arguments, prog_name="rtm", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("RTM_DEBUG") == "1" and not isinstance(error, click.ClickException | KeyboardInterrupt):
            raise
        return _status(error, next(iter(sys.argv[1:] if arguments is None else arguments), ""))
    return made if isinstance(made, int) else 0


def main() -> None:
    """The program `rtm`."""
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(run())
