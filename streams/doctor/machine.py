"""What this machine has: Python and packages, time zones, disk space, a Java and jars for a Kafka of its own, routes. Findings out."""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from packaging.requirements import Requirement

from streams.dispatch.links import SecretError, links_of
from streams.dispatch.routes import RoutesError, load_routes
from streams.doctor.finding import Finding, ok
from streams.kafka.jars import INSTALL, KafkaError, find_java, jars_version
from streams.warehouse.dsn import ChdbAddress, WarehouseError, parse_dsn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.settings import Settings

OLDEST = (3, 11)
GIBIBYTE = 1 << 30
WARN_BYTES, FAIL_BYTES = 5 * GIBIBYTE, GIBIBYTE // 2
EXTRAS = ("live", "demo")


def check_machine(settings: Settings) -> list[Finding]:
    """All of it, in the order in which one would mend it."""
    return [_python(), *_packages(), _zones(), *_disks(settings), _java(settings), _routes(settings)]


def _python() -> Finding:
    said = sys.version.split()[0]
    if sys.version_info[:2] < OLDEST:
        return Finding("python", "fail", said, f"install Python {OLDEST[0]}.{OLDEST[1]} or newer")
    return ok("python", said)


def _packages() -> list[Finding]:
    """What `rtm` itself requires, as its own metadata says; extras that are missing are a warning."""
    try:
        wanted = [Requirement(line) for line in requires("rtm") or ()]
    except PackageNotFoundError:
        return [Finding("packages", "fail", "rtm is not installed here", "pip install the project: make setup")]
    findings = []
    for extra in ("", *EXTRAS):
        own = [each for each in wanted if _belongs(each, extra)]
        lacking = list(_lacking(own))
        name = f"packages [{extra}]" if extra else "packages"
        if not lacking:
            findings.append(ok(name, f"{len(own)} as required"))
        else:
            remedy = f"pip install 'rtm[{extra}]'" if extra else "pip install rtm again"
            findings.append(Finding(name, "warn" if extra else "fail", f"missing or too old: {', '.join(lacking)}", remedy))
    return findings


def _belongs(requirement: Requirement, extra: str) -> bool:
    if requirement.marker is None:
        return not extra
    return requirement.marker.evaluate({"extra": extra}) and (not extra or not requirement.marker.evaluate({"extra": ""}))


def _lacking(requirements: Iterable[Requirement]) -> Iterable[str]:
    for requirement in requirements:
        try:
            if not requirement.specifier.contains(version(requirement.name), prereleases=True):
                yield f"{requirement.name} {version(requirement.name)}, must be {requirement.specifier}"
        except PackageNotFoundError:
            yield requirement.name


def _zones() -> Finding:
    try:
        ZoneInfo("Europe/Berlin")
        return ok("time zones", f"tzdata {version('tzdata')}")
    except (ZoneInfoNotFoundError, PackageNotFoundError):
        return Finding("time zones", "fail", "no time zone data", "pip install tzdata")


def _disks(settings: Settings) -> Iterable[Finding]:
    """Room for what is written here: tables, the Kafka of this machine, and the temporary files of a replay and of workers."""
    places = {"temporary files": Path(tempfile.gettempdir()), "kafka's folder": settings.kafka_folder}
    try:
        address = parse_dsn(settings.warehouse)
    except WarehouseError:
        address = None
    if isinstance(address, ChdbAddress):
        places["warehouse's folder"] = address.path
    for name, folder in places.items():
        there = next(place for place in (folder.resolve(), *folder.resolve().parents) if place.exists())
        free = shutil.disk_usage(there).free
        said = f"{free / GIBIBYTE:.1f} GiB free for {name} ({there})"
        if free >= WARN_BYTES:
            yield ok("disk", said)
        else:
            yield Finding("disk", "fail" if free < FAIL_BYTES else "warn", said, "make room there, or name another folder")


def _java(settings: Settings) -> Finding:
    """A warning at most: only `rtm kafka` and `rtm up` need it, and only where RTM_KAFKA names no other."""
    if "kafka" in settings.model_fields_set:
        return ok("java", "not needed: RTM_KAFKA names a Kafka")
    try:
        java = find_java()
    except KafkaError as error:
        said, _, remedy = str(error).partition(": ")
        return Finding("java", "warn", said, remedy)
    jars = settings.kafka_jars
    if found := jars_version(jars):
        return ok("java", f"{java}; Kafka {found} in {jars}")
    return Finding("java", "warn", f"{java}; no Kafka jars in {jars}", f"rtm kafka start fetches them once (43 MB; {INSTALL})")


def _routes(settings: Settings) -> Finding:
    if not settings.routes.exists():
        state = "fail" if "routes" in settings.model_fields_set else "warn"
        return Finding("routes", state, f"no {settings.routes}: nobody is told of alerts", "rtm dispatch --help shows one")  # type: ignore[arg-type]
    try:
        directory, _ = load_routes(settings.routes), links_of(settings)
    except (RoutesError, SecretError) as error:
        return Finding("routes", "fail", str(error), "mend it; rtm dispatch --help shows a file, docs/delivery.md the settings")
    return ok("routes", f"{settings.routes}: {', '.join(directory.endpoints)}")
