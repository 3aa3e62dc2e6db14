"""How Kafka is spoken to: settings in, the arguments of every client out, the same for kafka-python and aiokafka.

`RTM_KAFKA_SECURITY_PROTOCOL` says whether by TLS, with a user, or both. Here too: why a Kafka can't be reached, in one line.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING, Any

import aiokafka.errors  # type: ignore[import-untyped]
from aiokafka.conn import create_conn  # type: ignore[import-untyped]

from streams.kafka.jars import KafkaError
from streams.settings import Settings, SettingsError, load_settings, secret_of

if TYPE_CHECKING:
    from pathlib import Path

PROBE_S = 5.0
REMEDY = "start one with rtm kafka start, or set RTM_KAFKA to the address of yours"


def client_arguments(settings: Settings | None = None) -> dict[str, Any]:
    """What every Kafka client is made with, besides the address; nothing for plain text. SettingsError where a file or a password lacks.

    `settings`: those of this process, where not given.
    """
    settings = settings or load_settings()
    protocol = settings.kafka_security_protocol
    arguments: dict[str, Any] = {} if protocol == "PLAINTEXT" else {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        arguments["ssl_context"] = _ssl_context(settings)
    if protocol.startswith("SASL"):
        if not settings.kafka_user:
            raise SettingsError(f"RTM_KAFKA_USER: must be set for {protocol}")
        arguments |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": secret_of(settings, "kafka_password"),
        }
    return arguments


def faust_credentials(settings: Settings | None = None) -> Any:
    """The same for Faust's `broker_credentials`; None for plain text."""
    import faust  # noqa: PLC0415 - slow to import, and only the worker needs it
    from faust.types.auth import AuthProtocol  # noqa: PLC0415

    arguments = client_arguments(settings)
    context = arguments.get("ssl_context")
    if "sasl_mechanism" in arguments:
        return faust.SASLCredentials(
            username=arguments["sasl_plain_username"],
            password=arguments["sasl_plain_password"],
            mechanism=arguments["sasl_mechanism"],
            ssl_context=context,
        )
    if context is None:
        return None
    credentials = faust.SSLCredentials(context)
    credentials.protocol = AuthProtocol.SSL
    return credentials


def unreachable(bootstrap: str) -> KafkaError:
    """Why no Kafka answers there, and what to do: it is tried once more, by one plain connection."""
    return KafkaError(asyncio.run(why_unreachable(bootstrap)))


async def why_unreachable(bootstrap: str) -> str:
    """The same, from within a loop."""
    level = logging.getLogger("aiokafka").level
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return await _why(bootstrap) or f"no Kafka answers at {bootstrap}: {REMEDY}"
    finally:
        logging.getLogger("aiokafka").setLevel(level)


async def _why(bootstrap: str) -> str | None:
    arguments = client_arguments()
    host, _, port = bootstrap.split(",", maxsplit=1)[0].rpartition(":")
    try:
        connection = await create_conn(host, int(port), request_timeout_ms=int(PROBE_S * 1000), **arguments)
        connection.close()
    except ssl.SSLCertVerificationError as error:
        return (
            f"the certificate of Kafka at {bootstrap} can't be trusted ({error.verify_message}): "
            "RTM_KAFKA_CA_FILE must name the authority that signed it, and RTM_KAFKA the host it is made out to"
        )
    except ssl.SSLError as error:
        return (
            f"Kafka at {bootstrap} refuses TLS ({error.reason or 'no handshake'}): compare RTM_KAFKA_SECURITY_PROTOCOL with its listener, "
            "and RTM_KAFKA_CERT_FILE with what it asks for"
        )
    except (aiokafka.errors.AuthenticationFailedError, aiokafka.errors.SaslAuthenticationFailed):
        return f"Kafka at {bootstrap} refuses the user or the password: compare RTM_KAFKA_USER and RTM_KAFKA_PASSWORD with its own"
    except aiokafka.errors.UnsupportedSaslMechanismError:
        return f"Kafka at {bootstrap} does not know {arguments['sasl_mechanism']}: set RTM_KAFKA_SASL_MECHANISM to one that it does"
    except (aiokafka.errors.KafkaError, OSError, ValueError, OverflowError, TimeoutError):
        return await _spoken_wrongly(bootstrap, host, port) if arguments or port else None
    return None


async def _spoken_wrongly(bootstrap: str, host: str, port: str) -> str | None:
    """Whether somebody listens there who doesn't speak as we do."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), PROBE_S)
        writer.close()
    except (OSError, ValueError, OverflowError, TimeoutError):
        return None
    protocol = load_settings().kafka_security_protocol
    return f"what listens at {bootstrap} does not speak {protocol}: set RTM_KAFKA_SECURITY_PROTOCOL to what that Kafka's listener speaks"


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=_readable(settings.kafka_ca_file, "RTM_KAFKA_CA_FILE"))
    if settings.kafka_cert_file is not None:
        certificate = _readable(settings.kafka_cert_file, "RTM_KAFKA_CERT_FILE")
        try:
            context.load_cert_chain(str(certificate), _readable(settings.kafka_key_file, "RTM_KAFKA_KEY_FILE"), password="")
        except ssl.SSLError:
            raise SettingsError(
                "RTM_KAFKA_CERT_FILE, RTM_KAFKA_KEY_FILE: no certificate and its key in PEM, without a passphrase"
            ) from None
    return context


def _readable(path: Path | None, name: str) -> str | None:
    if path is None:
        return None
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{name}: {path}: {error.strerror}") from None
    if b"-----BEGIN" not in text:
        raise SettingsError(f"{name}: {path} is not PEM")
    return str(path)
