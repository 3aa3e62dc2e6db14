"""One HTTP request: a message and its endpoint in, what was answered out. It never raises for what the network does.

Certificates are verified, redirects are not followed, an answer's body is read no further than a little and only to use the connection
again. The address that a name resolves to is checked, and the connection is made to that very address: no name leads into the private
network, unless the endpoint says so. The whole request has one time limit, however slowly an answer drips.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.exceptions import SSLError as CertificateError
from urllib3.exceptions import TimeoutError as NoAnswerError
from urllib3.util import connection as socket_maker
from urllib3.util import parse_url

from schemas.instants import SECOND
from streams.dispatch.kinds import FORMS
from streams.dispatch.routes_file import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from urllib3 import BaseHTTPResponse

    from streams.dispatch.deadlines import Deadlines
    from streams.dispatch.messages import Message
    from streams.dispatch.routes import Endpoint

BUSY = frozenset({429, 503})
GONE = 410
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""An IPv4 address stands in the last 32 bits (RFC 6052)."""
MOST_READ = 64 << 10
"""So much of an answer's body is read (bytes); a longer one costs the connection."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request: when it was sent (ns), the answer's status (None: nothing in time), how long it took, how long it asks to wait (s).

    `problem` says in a few words why there is no answer.
    """

    sent_at: int
    status: int | None
    latency_ms: float
    retry_after_s: float | None = None
    problem: str | None = None

    @property
    def delivered(self) -> bool:
        """Whether the endpoint took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the endpoint wants no more."""
        return self.status == GONE

    @property
    def dead(self) -> bool:
        """Whether it looks as if nobody were there, whatever is sent."""
        return self.status is None or (self.status >= 500 and self.retry_after_s is None)


class AddressError(OSError):
    """A name leads to an address that may not be written to."""


class Sender:
    """Sends to one endpoint, from several threads."""

    def __init__(self, endpoint: Endpoint, timeout_s: float, deadlines: Deadlines, connections: int = 1) -> None:
        self.endpoint = endpoint
        self._form = FORMS[endpoint.kind]
        url = parse_url(endpoint.url)
        host = str(url.host).strip("[]")
        self._target = url.request_uri
        self._timeout_s, self._deadlines = timeout_s, deadlines
        anywhere = endpoint.allow_private or is_loopback(host)
        kind: type[HTTPConnectionPool] = HTTPSConnectionPool if url.scheme == "https" else HTTPConnectionPool
        self._pool = kind(host, url.port, maxsize=connections, timeout=Timeout(total=timeout_s), retries=False)
        self._pool.ConnectionCls = _connecting(url.scheme == "https", anywhere, self._watch)

    def _watch(self, connection: HTTPConnection) -> None:
        self._deadlines.set(connection, self._timeout_s)

    def send(self, message: Message) -> Attempt:
        """Make one attempt."""
        sent_at = time.time_ns()
        request = self._form(message, self.endpoint, sent_at)
        headers = {**request.headers, "user-agent": "rtm"}
        began = time.perf_counter_ns()
        answer: BaseHTTPResponse | None = None
        try:
            answer = self._pool.urlopen(
                "POST", self._target, body=request.body, headers=headers, redirect=False, retries=False, preload_content=False
            )
            latency = (time.perf_counter_ns() - began) / 1e6
            self._finish(answer)
        except (HTTPError, OSError, ValueError) as error:
            latency = (time.perf_counter_ns() - began) / 1e6
            if answer is None:
                return Attempt(sent_at, None, latency, problem=_problem(error))
            answer.close()
        finally:
            self._deadlines.clear()
        wait = retry_after(answer.headers.get("retry-after"), sent_at) if answer.status in BUSY else None
        return Attempt(sent_at, answer.status, latency, wait)

    def _finish(self, answer: BaseHTTPResponse) -> None:
        """Read a short body, so that the connection can be used again; drop the connection otherwise."""
        if int(answer.headers.get("content-length") or 0) <= MOST_READ and len(answer.read(MOST_READ + 1)) <= MOST_READ:
            answer.release_conn()
        else:
            answer.close()

    def close(self) -> None:
        """Drop the connections."""
        self._pool.close()


def _problem(error: Exception) -> str:
    reason: BaseException = error
    while isinstance(reason, HTTPError) and reason.__cause__ is not None:
        reason = reason.__cause__
    if isinstance(reason, AddressError):
        return str(reason)
    if isinstance(error, CertificateError) or isinstance(reason, ssl.SSLError):
        return "its certificate is not accepted"
    if isinstance(reason, socket.gaierror):
        return "its name leads nowhere"
    if isinstance(error, NoAnswerError) and not isinstance(error, NewConnectionError):
        return "no answer in time"
    return "no connection"


def _connecting(secure: bool, anywhere: bool, watch: Callable[[HTTPConnection], None]) -> type[HTTPConnection]:
    """The connections of one pool: to addresses that are checked, each request watched."""
    base: type[HTTPConnection] = HTTPSConnection if secure else HTTPConnection

    class Connection(base):  # type: ignore[valid-type,misc]
        def _new_conn(self) -> socket.socket:
            """A socket to an address that may be written to."""
            try:
                return _connect(self._dns_host, self.port or self.default_port, self.timeout, self.socket_options, anywhere)
            except TimeoutError as error:
                raise ConnectTimeoutError(self, "no answer in time") from error
            except OSError as error:
                raise NewConnectionError(self, "no connection") from error

        def request(self, *arguments: Any, **options: Any) -> None:
            watch(self)
            super().request(*arguments, **options)

    return Connection


def _connect(host: str, port: int, timeout: float | None, options: Any, anywhere: bool) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = dict.fromkeys(str(place[4][0]) for place in found)
    if not anywhere:
        addresses = {address: None for address in addresses if is_public(address)}
        if not addresses:
            raise AddressError("its address is private: allow_private in the routes allows that")
    problem: OSError | None = None
    for address in addresses:
        try:
            return socket_maker.create_connection((address, port), timeout, socket_options=options)
        except OSError as error:
            problem = error
    raise problem or OSError("no address")


def is_public(address: str) -> bool:
    """Whether an IP address lies in the public network.

    >>> [is_public(each) for each in ("8.8.8.8", "10.0.0.1", "169.254.169.254", "127.0.0.1", "224.0.0.1")]
    [True, False, False, False, False]
    >>> [is_public(each) for each in ("2001:4860:4860::8888", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "64:ff9b::a00:1")]
    [True, False, False, False, False]
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found.sixtofour or (ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if found in NAT64 else found)
    return found.is_global and not found.is_multicast


def retry_after(text: str | None, now: int) -> float | None:
    """How long to wait (s) by a Retry-After header, seconds or an HTTP date (RFC 9110, 10.2.3); None where it says nothing legible.

    >>> retry_after("120", 0), retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 0), retry_after("soon", 0)
    (120.0, 60.0, None)
    """
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, instant.timestamp() - now / SECOND)
