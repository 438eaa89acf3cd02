#!/usr/bin/env python3
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pack the Tibero emulator like the vendor's tarball, and make licences for it.

    pack.py --version 7 --output DIR       -> DIR/tibero7-bin-<build>-linux64-emulator.tar.gz; its path, sha256
    pack.py --licence HOST --days 30 [--kind tsc] [--output DIR]
                                           -> DIR/license.xml (or standard output)

The same input gives the same bytes: entries sorted, times, owners and modes fixed. sqlglot is taken from the
environment that runs this program and goes into lib/python, so that the unpacked tree needs a Python and nothing else.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.metadata
import importlib.util
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from tibero_emulator import PRODUCTS, licence  # noqa: E402  (the package lies beside this file)

TIME = 1577836800  # 2020-01-01 UTC: any fixed time does
EXECUTABLE_FOLDERS = ("bin", "client/bin", "scripts")


class Entry(NamedTuple):
    """One member of the tarball below the top folder: path, bytes (None = folder), link target, executable."""

    path: str
    data: bytes | None = None
    link: str = ""
    executable: bool = False


class PackError(Exception):
    """Something that is needed for packing is missing."""


def _files(folder: Path, below: str) -> Iterator[Entry]:
    """All files under `folder` as entries under `below`, without caches."""
    for path in sorted(folder.rglob("*")):
        if "__pycache__" in path.parts or path.suffix == ".pyc" or not path.is_file() or ".ruff_cache" in path.parts:
            continue
        name = f"{below}/{path.relative_to(folder).as_posix()}".lstrip("/")
        data = path.read_bytes()
        yield Entry(name, data, executable=data.startswith(b"#!"))


def sqlglot_entries() -> Iterator[Entry]:
    """sqlglot's Python files and licence, from the running environment; raises PackError when it is not installed."""
    spec = importlib.util.find_spec("sqlglot")
    if spec is None or spec.origin is None:
        raise PackError(
            "sqlglot is not installed in this environment: use the Python the project's tools are installed for"
        )
    for entry in _files(Path(spec.origin).parent, "lib/python/sqlglot"):
        if entry.path.endswith((".py", ".typed")):
            yield entry._replace(executable=False)
    distribution = importlib.metadata.distribution("sqlglot")
    for file in sorted(distribution.files or [], key=str):
        if "licens" in str(file).lower():
            path = Path(str(distribution.locate_file(file)))
            yield Entry(f"lib/python/sqlglot/{path.name}", path.read_bytes())


def entries(version: str, tbprobe: bool = False, python: str = "") -> list[Entry]:
    """Everything the tarball of `version` holds, sorted by path.

    Args:
        python: the interpreter the programs shall use, for which they are compiled too; empty means that they look for
            one on PATH.
    """
    found: dict[str, Entry] = {}
    for source in (HERE / "vendor" / "common", HERE / "vendor" / version):
        for entry in _files(source, ""):
            found[entry.path] = entry
    if not tbprobe:
        found.pop("bin/tbprobe", None)
    for entry in _files(HERE / "tibero_emulator", "lib/python/tibero_emulator"):
        found[entry.path] = entry._replace(executable=False)
    for entry in sqlglot_entries():
        found[entry.path] = entry
    found["lib/emulator_version"] = Entry("lib/emulator_version", f"{version}\n".encode())
    if python:
        found["lib/emulator_python"] = Entry("lib/emulator_python", f"{python}\n".encode())
        for entry in compiled([entry for entry in found.values() if entry.path.endswith(".py")], python):
            found[entry.path] = entry
    found["bin/tbdown"] = Entry("bin/tbdown", link="tbsvr")
    for folder in ("license", "client/lib", "client/include", "database", "instance"):
        found[folder] = Entry(folder)
    folders = {str(parent) for path in found for parent in Path(path).parents if str(parent) != "."}
    for folder in folders - set(found):
        found[folder] = Entry(folder)
    return [found[path] for path in sorted(found)]


def compiled(sources: list[Entry], python: str) -> Iterator[Entry]:
    """What the interpreter would compile anew at every start of a program: nobody may write beside an installed one.

    Valid whatever times the unpacked files get; an interpreter of another version does not look at it.
    """
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for entry in sources:
            path = place / entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(entry.data or b"")
        command = [python, "-m", "compileall", "-q", "-s", name, "--invalidation-mode", "unchecked-hash", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PackError(f"{python} cannot compile the emulator: {done.stdout}{done.stderr}")
        for path in sorted(place.rglob("*.pyc")):
            yield Entry(path.relative_to(place).as_posix(), path.read_bytes())


def _member(top: str, entry: Entry) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"{top}/{entry.path}" if entry.path else top)
    info.mtime = TIME
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    if entry.link:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
    elif entry.data is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    else:
        info.size, info.mode = len(entry.data), 0o755 if entry.executable else 0o644
    return info


def pack(version: str, output: Path, tbprobe: bool = False, python: str = "") -> tuple[Path, str]:
    """Write the tarball of `version` into the folder `output`; returns its path and sha256.

    Raises:
        PackError: sqlglot is not installed, or the named interpreter is none of 3.11 or later.
    """
    if python:
        test = [python, "-c", "import sys, sqlite3; sys.exit(sys.version_info < (3, 11))"]
        if subprocess.run(test, capture_output=True, check=False).returncode:
            raise PackError(f"{python} is no Python 3.11 or later with sqlite3; name another one with --python")
    top = f"tibero{version}"
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for entry in [Entry(""), *entries(version, tbprobe, python)]:
            archive.addfile(_member(top, entry), io.BytesIO(entry.data) if entry.data is not None else None)
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0, compresslevel=6) as stream:
        stream.write(raw.getvalue())
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{top}-bin-{PRODUCTS[version]['build']}-linux64-emulator.tar.gz"
    path.write_bytes(packed.getvalue())
    return path, hashlib.sha256(packed.getvalue()).hexdigest()


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Pack the Tibero emulator (not Tibero), or make a licence for it.")
    parser.add_argument("--version", choices=sorted(PRODUCTS), default="7", help="major version (default 7)")
    parser.add_argument("--output", type=Path, help="folder to write to (created)")
    parser.add_argument(
        "--tbprobe", action="store_true", help="pack bin/tbprobe, whose presence in 6 and 7 is not verified"
    )
    parser.add_argument("--python", default="", help="interpreter for the programs (default: the first on PATH)")
    parser.add_argument("--licence", metavar="HOST", help="make license.xml for this host name instead of a tarball")
    parser.add_argument(
        "--days", type=int, default=30, help="days the licence is valid; 0 or less = expired (default 30)"
    )
    parser.add_argument(
        "--kind", choices=sorted(licence.KINDS), default="tsc", help="what the licence allows (default tsc)"
    )
    parser.add_argument("--start", metavar="YYYY/MM/DD", help="first day of the licence (default today)")
    return parser.parse_args(arguments)


def make_licence(options: argparse.Namespace) -> None:
    """Write license.xml, or print it when no folder is given."""
    start = datetime.strptime(options.start, "%Y/%m/%d").date() if options.start else None
    text = licence.render(licence.make(options.licence, options.days, options.kind, options.version, start))
    if options.output is None:
        print(text)
        return
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "license.xml"
    path.write_text(text, encoding="iso-8859-1")
    print(path)


def main(arguments: list[str]) -> int:
    """The program; returns its exit code."""
    options = parse_arguments(arguments)
    if options.licence:
        make_licence(options)
        return 0
    try:
        path, digest = pack(options.version, options.output or Path("."), options.tbprobe, options.python)
    except PackError as error:
        print(f"pack.py: {error}", file=sys.stderr)
        return 1
    print(path)
    print(f"sha256:{digest}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
