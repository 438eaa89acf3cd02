# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbrmgr backup and recover: file copies around SQL, with a catalogue of backup sets in the backup folder.

Recorded: the banner (t7-tbrmgr-banner-and-tablespace-ddl). Documented (tibero.md 11.3): the options. Invented: all else
that is printed, the files in the backup folder, and that `recover --for-standby` leaves the instance down with a
standby control file, ready for `tbboot -t RECOVERY`. Incremental backups are not emulated and are refused.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from .. import messages, tip
from . import common
from .common import Context, say
from .session import Login, ServerError, open_session

CATALOGUE = "rmgr_backup_sets.json"
CHUNK = 1 << 20
USAGE = """Usage: tbrmgr backup  -o DIR [-v] [-s] [-c] [-p N] [--with-archivelog] [--with-password-file] [--for-standby]
       tbrmgr recover -o DIR [-v] [--with-archivelog] [--with-password-file] [--for-standby]
       common: [--userid USER/PASSWORD]
"""

FLAGS = {
    "-v": "verbose",
    "--verbose": "verbose",
    "-s": "skip_unused",
    "--skip-unused": "skip_unused",
    "-c": "compress",
    "--compress": "compress",
    "--with-archivelog": "with_archivelog",
    "--with-password-file": "with_password_file",
    "--for-standby": "for_standby",
}
VALUES = {
    "-o": "directory",
    "--output": "directory",
    "-p": "parallel",
    "--userid": "userid",
    "--wallet": "wallet",
    "--untilchange": "untilchange",
    "--untiltime": "untiltime",
}


class Failed(Exception):
    """A run that ends with one line."""


class Options(NamedTuple):
    """The command line."""

    action: str
    directory: Path
    flags: frozenset[str]
    values: dict[str, str]


class File(NamedTuple):
    """One file of a backup set: kind, place in the database, name in the set, bytes and sha256 of the original."""

    kind: str
    path: str
    name: str
    size: int
    sha256: str


def parse_arguments(arguments: list[str]) -> Options:
    """The command line; raises Failed with the usage."""
    rest = list(arguments)
    action = rest.pop(0) if rest else ""
    flags: set[str] = set()
    values: dict[str, str] = {}
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word in FLAGS:
            flags.add(FLAGS[word])
        elif name in VALUES and (equals or rest):
            values[VALUES[name]] = value if equals else rest.pop(0)
        elif word in ("-i", "-C", "--incremental", "--cumulative"):
            raise Failed("Incremental backup is not available in the emulator.")
        else:
            raise Failed(USAGE.rstrip("\n"))
    if action not in ("backup", "recover") or "directory" not in values:
        raise Failed(USAGE.rstrip("\n"))
    return Options(action, Path(values["directory"]), frozenset(flags), values)


def banner(ctx: Context) -> str:
    """The box of the start."""
    line = "=" * 78
    rows = ["Recovery Manager(RMGR) starts", "", ctx.copyright]
    return "\n".join([line, *(f"= {row:<74} =" for row in rows), line]) + "\n"


# --- SQL ------------------------------------------------------------------------------------------------------------


class Admin:
    """Runs SQL as SYS: with --userid through the listener, else locally over the control socket (invented)."""

    def __init__(self, ctx: Context, userid: str | None) -> None:
        self._ctx = ctx
        self._session = None
        if userid:
            user, _, password = userid.partition("/")
            self._session = open_session(ctx.tb_home, ctx.sid, Login(user, password, ""))

    def run(self, sql: str) -> list[list[str | None]]:
        """Rows of a query, [] for another statement; raises ServerError."""
        if self._session is not None:
            return self._session.execute(sql).rows
        for event in common.control_events(self._ctx, {"op": "sql", "sql": sql}):
            if event.get("event") == "error" or "code" in event:
                raise ServerError(int(event.get("code", 590001)), str(event.get("text", "")))
            rows: list[list[str | None]] = event.get("rows") or []
            return rows
        raise ServerError(2131, messages.text(2131))

    def column(self, sql: str) -> list[str]:
        """The first column of a query, without NULLs."""
        return [str(row[0]) for row in self.run(sql) if row[0] is not None]

    def close(self) -> None:
        """Log out."""
        if self._session is not None:
            self._session.close()


# --- catalogue of sets ----------------------------------------------------------------------------------------------


def read_sets(directory: Path) -> list[dict[str, Any]]:
    """The sets of a backup folder, oldest first; raises Failed for a catalogue that cannot be read."""
    path = directory / CATALOGUE
    if not path.exists():
        return []
    try:
        found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Failed(f"{path}: not a backup catalogue: {error}") from error
    return found


def write_sets(directory: Path, sets: list[dict[str, Any]]) -> None:
    """Replace the catalogue in one step."""
    with tempfile.NamedTemporaryFile("w", dir=directory, delete=False, encoding="utf-8") as stream:
        json.dump(sets, stream, indent=1)
    os.replace(stream.name, directory / CATALOGUE)


# --- backup ---------------------------------------------------------------------------------------------------------


def _copy(source: IO[bytes], target: IO[bytes]) -> tuple[int, str]:
    """Copy a stream; (bytes, sha256)."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
        target.write(chunk)
    return size, digest.hexdigest()


def _open(path: Path, mode: str) -> IO[bytes]:
    """A stored file, compressed if its name says so."""
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, mode))
    return cast("IO[bytes]", path.open(mode))


def back_up_file(kind: str, path: str, number: int, folder: Path, compress: bool) -> File:
    """Copy one file into the set."""
    name = f"{kind}_{number:04d}_{Path(path).name}" + (".gz" if compress else "")
    with open(path, "rb") as source, _open(folder / name, "wb") as target:
        size, digest = _copy(source, target)
    return File(kind, path, name, size, digest)


def copy_all(paths: Iterable[tuple[str, str]], folder: Path, options: Options, first: int = 1) -> list[File]:
    """Copy files with a line each under -v (progress lines are invented)."""
    done = []
    for number, (kind, path) in enumerate(paths, first):
        if "verbose" in options.flags:
            say(f"  {kind:<11} {path}\n")
        done.append(back_up_file(kind, path, number, folder, "compress" in options.flags))
    return done


def hot_copy(admin: Admin, folder: Path, options: Options) -> list[File]:
    """Data files in backup mode, then a log switch, then control file, online and archived logs."""
    data = [("datafile", path) for path in admin.column("SELECT NAME FROM V$DATAFILE ORDER BY FILE#")]
    admin.run("ALTER DATABASE BEGIN BACKUP")
    try:
        files = copy_all(data, folder, options)
    finally:
        admin.run("ALTER DATABASE END BACKUP")
    admin.run("ALTER SYSTEM SWITCH LOGFILE")
    copy = folder / "controlfile.copy"
    admin.run(f"ALTER DATABASE BACKUP CONTROLFILE TO '{copy}'")
    size, digest = copy.stat().st_size, hashlib.sha256(copy.read_bytes()).hexdigest()
    for path in admin.column("SELECT NAME FROM V$CONTROLFILE"):
        files.append(File("controlfile", path, copy.name, size, digest))
    others = [("logfile", path) for path in admin.column("SELECT MEMBER FROM V$LOGFILE ORDER BY GROUP#")]
    others += [("tempfile", path) for path in admin.column("SELECT NAME FROM V$TEMPFILE")]
    if "with_archivelog" in options.flags:
        archived = admin.column("SELECT NAME FROM V$ARCHIVED_LOG ORDER BY SEQUENCE#")
        others += [("archivelog", path) for path in archived if Path(path).exists()]
    return files + copy_all(others, folder, options, len(data) + 1)


def backup(ctx: Context, options: Options, admin: Admin) -> None:
    """`tbrmgr backup`; raises Failed or ServerError."""
    if admin.column("SELECT LOG_MODE FROM V$DATABASE") != ["ARCHIVELOG"]:
        raise Failed("Online backup needs ARCHIVELOG mode.")
    options.directory.mkdir(parents=True, exist_ok=True)
    sets = read_sets(options.directory)
    number = max((int(one["set_id"]) for one in sets), default=0) + 1
    folder = options.directory / f"set_{number}"
    folder.mkdir()
    started = time.strftime("%Y/%m/%d %H:%M:%S")
    try:
        files = hot_copy(admin, folder, options)
        if "with_password_file" in options.flags:
            base = tip.read(ctx.tip_path, ctx.tb_home, ctx.sid, ctx.version, ctx.settings).text("DB_CREATE_FILE_DEST")
            files += copy_all([("passwd", f"{base}/.passwd")], folder, options, len(files) + 1)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    # the order of the words is that of the recorded V$BACKUP_SET.Options (t6-monitor-backup-set-for-standby)
    words = (("for_standby", "FOR_STANDBY"), ("with_archivelog", "WITH_ARCHIVELOG"), ("compress", "COMPRESSION"))
    sets.append(
        {
            "set_id": number,
            "backup_type": "FULL",
            "status": "COMPLETED",
            "version": ctx.version,
            "db_name": admin.column("SELECT NAME FROM V$DATABASE")[0],
            "start": started,
            "finish": time.strftime("%Y/%m/%d %H:%M:%S"),
            "options": [word for flag, word in words if flag in options.flags],
            "files": [list(one) for one in files],
        }
    )
    write_sets(options.directory, sets)
    say(f"RMGR backup set {number}: {len(files)} files.\nRMGR backup succeeded.\n")


# --- recover --------------------------------------------------------------------------------------------------------


def chosen_set(options: Options, sets: list[dict[str, Any]]) -> dict[str, Any]:
    """The latest set, if it can do what is asked; raises Failed with the catalogue's text."""
    if not sets:
        raise Failed(f"{options.directory}: no backup set.")
    latest = sets[-1]
    if "for_standby" in options.flags and "FOR_STANDBY" not in latest["options"]:
        raise Failed(messages.line(24105))
    if "with_archivelog" in options.flags and "WITH_ARCHIVELOG" not in latest["options"]:
        raise Failed(messages.line(24068, latest["set_id"]))
    return latest


def restore_file(one: File, folder: Path, target: Path) -> None:
    """Put one file back and prove its digest; raises Failed (24141) for a set that is not whole."""
    stored = folder / one.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _open(stored, "rb") as source, target.open("wb") as sink:
            size, digest = _copy(source, sink)
    except OSError as error:
        raise Failed(f"{messages.line(24141)}\n{stored}: {error}") from error
    if (size, digest) != (one.size, one.sha256):
        raise Failed(f"{messages.line(24141)}\n{stored}: digest differs")
    if one.kind in ("controlfile", "logfile", "passwd"):
        target.chmod(0o600)


def targets(files: Iterable[File], tip_file: tip.Tip, for_standby: bool) -> list[tuple[File, Path]]:
    """Where each file of a set goes: control files by CONTROL_FILES, others converted by STANDBY_FILE_NAME_CONVERT."""
    convert = tip.name_convert(tip_file.values) if for_standby else None
    archive, base = Path(tip_file.text("LOG_ARCHIVE_DEST")), Path(tip_file.text("DB_CREATE_FILE_DEST"))
    controls = tip_file.values["CONTROL_FILES"]
    found: list[tuple[File, Path]] = []
    control_done = False
    for one in files:
        if one.kind == "controlfile":
            if not control_done:
                found += [(one, Path(path)) for path in (controls if isinstance(controls, list) else [controls])]
            control_done = True
        elif one.kind == "archivelog":
            found.append((one, archive / Path(one.path).name))
        elif one.kind == "passwd":
            found.append((one, base / ".passwd"))
        else:
            path = one.path
            if convert and path.startswith(convert[0].rstrip("/") + "/"):
                path = convert[1].rstrip("/") + path[len(convert[0].rstrip("/")) :]
            found.append((one, Path(path)))
    return found


def run_boot(ctx: Context, program: str, word: str) -> None:
    """tbboot or tbdown with output to a file: the server keeps the descriptor. Raises Failed with what was printed."""
    log = ctx.instance / "log" / "rmgr_boot.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        command = [sys.executable, "-s", "-B", "-m", f"tibero_emulator.tools.{program}", "-t", word]
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, check=False)
    text = log.read_text(encoding="utf-8", errors="replace")
    if f"({word} mode)" not in text:
        raise Failed(text.rstrip("\n"))


def recover(ctx: Context, options: Options) -> None:
    """`tbrmgr recover`: restore, boot MOUNT, recover or make a standby control file; raises Failed or ServerError."""
    if common.live_pids(ctx):
        raise Failed("The instance must be down.")
    latest = chosen_set(options, read_sets(options.directory))
    tip_file = tip.read(ctx.tip_path, ctx.tb_home, ctx.sid, ctx.version, ctx.settings)
    for_standby = "for_standby" in options.flags
    kinds = {"datafile", "controlfile", "logfile", "tempfile"}
    kinds |= {"archivelog"} if "with_archivelog" in options.flags else set()
    kinds |= {"passwd"} if "with_password_file" in options.flags else set()
    wanted = [File(*one) for one in latest["files"] if one[0] in kinds]
    for one, target in targets(wanted, tip_file, for_standby):
        if "verbose" in options.flags:
            say(f"  {one.kind:<11} {target}\n")
        restore_file(one, options.directory / f"set_{latest['set_id']}", target)
    run_boot(ctx, "tbboot", "MOUNT")
    admin = Admin(ctx, options.values.get("userid"))
    try:
        if for_standby:
            admin.run("ALTER DATABASE STANDBY CONTROLFILE")
        else:
            admin.run("ALTER DATABASE RECOVER AUTOMATIC DATABASE")
    finally:
        admin.close()
    run_boot(ctx, "tbdown", "IMMEDIATE")
    say("RMGR recovery succeeded.\n")


def main(arguments: list[str]) -> int:
    """The program; returns its exit code."""
    try:
        ctx = common.context()
    except common.MissingEnvironment:
        say(messages.text(250092, "tbrmgr") + "\n")
        return 1
    if arguments[:1] in (["-h"], ["--help"], []):
        say(f"{USAGE}{common.emulator_notice(ctx)}\n")
        return 0
    say(banner(ctx))
    try:
        options = parse_arguments(arguments)
        if options.action == "backup":
            admin = Admin(ctx, options.values.get("userid"))
            try:
                backup(ctx, options, admin)
            finally:
                admin.close()
        else:
            recover(ctx, options)
    except ServerError as error:
        say(f"{error.line}\n")
        return ctx.exit_code("tbrmgr_failed")
    except (Failed, OSError, common.NoControl, tip.TipError) as error:
        say(f"{error}\n")
        return ctx.exit_code("tbrmgr_failed")
    return ctx.exit_code("tbrmgr_ok")


if __name__ == "__main__":
    common.run(main)
