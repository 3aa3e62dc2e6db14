"""Settings: `RTM_*` environment variables in, one typed record out; where nothing is set, the contract's defaults.

A bad value is told by its variable's name and what it must be, never by the value itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from processors.packs import PackError, load_packs
from processors.packs.alerts import RuleBook
from processors.policy import Policy
from schemas.topics import PARTITIONS
from streams.alert_rules import RulesError, read_rules
from streams.kafka.jars import default_jars

MEBIBYTE = 1 << 20


class SettingsError(Exception):
    """A setting can't be used; the message names the environment variable."""


def _warehouse_here() -> str:
    return default_warehouse()


class Settings(BaseSettings):
    """Every setting, with its default and what it means; the environment variable is `RTM_` and the name in capitals."""

    model_config = SettingsConfigDict(env_prefix="RTM_", extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    warehouse: Annotated[str, Field(description="where the tables live: chdb:///path or clickhouse://user:pass@host:8123/rtm")] = Field(
        default_factory=_warehouse_here
    )
    clickhouse_cluster: Annotated[
        str,
        Field(
            pattern=r"^([A-Za-z_][\w-]*)?$", description="the ClickHouse cluster on which tables are made, replicated; empty: one server"
        ),
    ] = ""
    samples_days: Annotated[int, Field(ge=0, description="the warehouse drops raw samples so many days after it stored them; 0: never")] = 0
    warehouse_password: Annotated[SecretStr | None, Field(description="the password on a ClickHouse server, where the DSN holds none")] = (
        None
    )
    warehouse_password_file: Annotated[Path | None, Field(description="a file that holds it")] = None
    warehouse_ca_file: Annotated[
        Path | None, Field(description="who signed that server's certificate, PEM; else whom the system trusts")
    ] = None
    tick_s: Annotated[PositiveInt, Field(description="the grid of the clock, s")] = 60
    lateness_days: Annotated[PositiveInt, Field(description="how late a patient's fact may come, days of 86,400 s")] = 35
    retention_days: Annotated[PositiveInt, Field(description="after how many days a day's rows keep what they had")] = 400
    session_silence_s: Annotated[PositiveInt, Field(description="a session closes this long after its last chunk, s")] = 600
    session_hold: Annotated[PositiveInt, Field(description="how long a closed session's chunks are held for late ones, s")] = 48 * 3600
    live_interaction_per_code: Annotated[bool, Field(description="bill one live interaction per management code, not per month")] = False
    lenient_data_days: Annotated[bool, Field(description="count days with a check-in alone for the codes of a period")] = False
    alert_rules: Annotated[Path | None, Field(description="a clinic's own alert rules, TOML or JSON: docs/alerts.md")] = None
    kafka: Annotated[str, Field(description="where Kafka answers, host:port, several by commas")] = "127.0.0.1:9092"
    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], Field(description="how that Kafka is spoken to")
    ] = "PLAINTEXT"
    kafka_ca_file: Annotated[Path | None, Field(description="who signed that Kafka's certificate, PEM; else whom the system trusts")] = None
    kafka_cert_file: Annotated[Path | None, Field(description="our certificate for that Kafka, PEM, where it asks for one")] = None
    kafka_key_file: Annotated[Path | None, Field(description="its key, PEM, where it isn't in the same file")] = None
    kafka_sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], Field(description="how the user is proved to that Kafka")
    ] = "SCRAM-SHA-512"
    kafka_user: Annotated[str | None, Field(description="the user on that Kafka, for SASL")] = None
    kafka_password: Annotated[SecretStr | None, Field(description="the user's password")] = None
    kafka_password_file: Annotated[Path | None, Field(description="a file that holds the user's password")] = None
    kafka_folder: Annotated[Path, Field(description="the folder of the Kafka that rtm kafka runs here")] = Path(".rtm/kafka")
    kafka_jars: Annotated[Path, Field(description="where that Kafka's jars are kept; fetched once where it holds none")] = Field(
        default_factory=default_jars
    )
    partitions: Annotated[PositiveInt, Field(description="partitions of a topic that is made; never changes in place")] = PARTITIONS
    group: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$", description="the name of the live workers' group")] = "rtm"
    generation: Annotated[PositiveInt, Field(description="the number of the live group's generation")] = 1
    clock: Annotated[Literal["wall", "log"], Field(description="who writes the ticks: wall the worker, log whoever sends")] = "wall"
    worker_timeout_s: Annotated[PositiveInt, Field(description="a worker that is silent this long loses its partitions, s")] = 10
    state_folder: Annotated[Path, Field(description="where a worker keeps its state on this disk, beside Kafka")] = Path(".rtm/state")
    checkpoint_s: Annotated[float, Field(ge=0, description="checkpoints of a partition begin at least so far apart, s")] = 0.05
    checkpoint_bytes: Annotated[PositiveInt, Field(description="but at once when so much waits; a checkpoint's most, bytes")] = 8 * MEBIBYTE
    memory_mb: Annotated[PositiveInt, Field(description="what a worker keeps in memory of the patients used last, about, MiB")] = 128
    fold_threads: Annotated[PositiveInt | None, Field(description="threads for samples in a worker process; unset: one a core")] = None
    max_crashes: Annotated[PositiveInt, Field(description="a record at which the fold failed this often is set aside, as crash")] = 3
    routes: Annotated[Path, Field(description="where alerts go: rtm dispatch's endpoints")] = Path("routes.toml")
    alert_max_age: Annotated[PositiveInt, Field(description="an alert's change older than this is not sent any more, s")] = 24 * 3600
    webhook_timeout_s: Annotated[PositiveFloat, Field(description="an endpoint that does not answer this long has failed, s")] = 15.0
    webhook_attempts: Annotated[PositiveInt, Field(description="how often a webhook is tried before it is given up")] = 12
    webhook_backoff_s: Annotated[PositiveFloat, Field(description="the wait after a webhook's first failure; then twice as long, s")] = 1.0
    ack_url: Annotated[str | None, Field(description="how the page that acknowledges alerts is reached; unset: messages have no link")] = (
        None
    )
    ack_listen: Annotated[
        str, Field(pattern=r"^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$", description="where rtm dispatch answers for it, host:port")
    ] = "127.0.0.1:8791"
    ack_secret: Annotated[SecretStr | None, Field(description="what links are signed with; of several words the last signs")] = None
    ack_secret_file: Annotated[Path | None, Field(description="a file that holds it")] = None
    ack_hours: Annotated[PositiveInt, Field(description="how long a link in a message can be used, hours")] = 72
    sink_rows: Annotated[PositiveInt, Field(description="the sink inserts when it has so many rows in hand")] = 200_000
    sink_bytes: Annotated[PositiveInt, Field(description="the sink inserts when it has so much in hand, bytes")] = 64 * MEBIBYTE
    sink_age_s: Annotated[PositiveFloat, Field(description="the sink inserts what it has had in hand this long, s")] = 1.0
    tick_timeout_s: Annotated[PositiveInt, Field(description="rtm send gives up when the log is silent this long, RTM_CLOCK=log, s")] = 120
    grafana: Annotated[str, Field(pattern=r"^https?://", description="where Grafana answers, for rtm dashboards")] = "http://127.0.0.1:3000"
    grafana_token: Annotated[SecretStr | None, Field(description="the token of a Grafana service account that may write")] = None
    grafana_token_file: Annotated[Path | None, Field(description="the file that holds that token")] = None
    grafana_warehouse: Annotated[
        SecretStr | None, Field(description="how Grafana itself reaches ClickHouse: clickhouse://…, as --warehouse")
    ] = None
    metrics_port: Annotated[int | None, Field(ge=0, le=65535, description="where /metrics, /healthz and /readyz are; unset: nowhere")] = (
        None
    )
    metrics_host: Annotated[str, Field(description="on which address they are")] = "127.0.0.1"
    log: Annotated[Literal["text", "json"], Field(description="how live components say their lines")] = "text"
    max_record: Annotated[PositiveInt, Field(description="the largest record that is read, bytes")] = 8 * MEBIBYTE

    def policy(self, generation: int = 1) -> Policy:
        """What the processors need to know of the settings, once every pack was read. SettingsError where one can't be used."""
        try:
            load_packs()
        except PackError as error:
            raise SettingsError(f"processors/packs/{error}") from None
        return Policy(
            generation=generation,
            tick_s=self.tick_s,
            lateness_days=self.lateness_days,
            retention_days=self.retention_days,
            session_silence_s=self.session_silence_s,
            session_hold_s=self.session_hold,
            live_interaction_per_code=self.live_interaction_per_code,
            lenient_data_days=self.lenient_data_days,
            alert_rules=self._rules(),
        )

    def _rules(self) -> RuleBook:
        try:
            return read_rules(self.alert_rules)
        except RulesError as error:
            raise SettingsError(f"RTM_ALERT_RULES: {error}") from None


def secret_of(settings: Settings, name: str) -> str:
    """The secret of that name, from its variable or from the file that `<name>_file` names. SettingsError where it can't be had."""
    given: SecretStr | None = getattr(settings, name)
    path: Path | None = getattr(settings, f"{name}_file")
    if given is not None:
        return given.get_secret_value()
    variable = f"RTM_{name.upper()}"
    if path is None:
        raise SettingsError(f"{variable}: must be set, or {variable}_FILE name a file that holds it")
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{variable}_FILE: {path} can't be read") from None


def default_warehouse() -> str:
    """The DSN of the warehouse where none is named: `.rtm/warehouse` under the current directory."""
    return f"chdb://{Path.cwd() / '.rtm' / 'warehouse'}"


def load_settings() -> Settings:
    """The settings of this process; SettingsError in one line when a variable can't be used."""
    try:
        return Settings()
    except ValidationError as error:
        told = [(str(part["loc"][0]).upper(), part["msg"]) for part in error.errors(include_input=False)]
        wrong = "; ".join(f"RTM_{name}: {message[:1].lower()}{message[1:]}" for name, message in told)
        raise SettingsError(wrong) from None
