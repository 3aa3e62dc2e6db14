"""Small disks, and disks that are full: a folder in, a tmpfs in its place, or a file that takes all that is left of it. Needs root."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK = bytes(1 << 16)


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    """A tmpfs of this size in the folder's place."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """No byte is left on the folder's disk, which must be a small one."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(BLOCK):
                pass
        yield
    finally:
        filler.unlink()
