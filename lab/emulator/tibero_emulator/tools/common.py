# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the programs share: their environment, the instance's places, its process record, its control socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .. import EMULATOR_VERSION, PRODUCTS, messages
from .. import settings as switches


class MissingEnvironment(Exception):
    """TB_HOME or TB_SID is not set."""


class Context(NamedTuple):
    """Where a program runs: TB_HOME, TB_SID, major version, settings."""

    tb_home: str
    sid: str
    version: str
    settings: dict[str, Any]

    @property
    def instance(self) -> Path:
        """`$TB_HOME/instance/$TB_SID`."""
        return Path(self.tb_home) / "instance" / self.sid

    @property
    def proc_info(self) -> Path:
        """The record of the running processes."""
        return self.instance / "path" / "proc_info"

    @property
    def control(self) -> Path:
        """The control socket."""
        return self.instance / "path" / "control"

    @property
    def tip_path(self) -> str:
        """`$TB_HOME/config/$TB_SID.tip`."""
        return f"{self.tb_home}/config/{self.sid}.tip"

    @property
    def product(self) -> str:
        """ "Tibero 7"."""
        return PRODUCTS[self.version]["product"]

    @property
    def copyright(self) -> str:
        """The copyright line of the banners."""
        return str(self.settings.get("banner_copyright") or PRODUCTS[self.version]["copyright"])

    def text(self, number: int, *arguments: Any) -> str:
        """A catalogue text, with the overrides of the settings."""
        return messages.text(number, *arguments, overrides=self.settings.get("message_overrides"))

    def line(self, number: int, *arguments: Any) -> str:
        """ "TBR-n: text"."""
        return messages.line(number, *arguments, overrides=self.settings.get("message_overrides"))

    def exit_code(self, what: str) -> int:
        """The (invented) exit code of an outcome."""
        return int(self.settings["exit_codes"][what])


def major_version(tb_home: str, environ: Mapping[str, str]) -> str:
    """ "6" or "7": written by packing into lib/emulator_version; TB_EMULATOR_VERSION for runs from the checkout."""
    try:
        found = (Path(tb_home) / "lib" / "emulator_version").read_text(encoding="ascii").strip()
    except OSError:
        found = environ.get("TB_EMULATOR_VERSION", "7")
    if found not in PRODUCTS:
        raise SystemExit(f"lib/emulator_version says {found!r}: one of {', '.join(PRODUCTS)} expected")
    return found


def context(environ: Mapping[str, str] | None = None, need_sid: bool = True) -> Context:
    """The context of this program.

    Raises:
        MissingEnvironment: TB_HOME, or TB_SID where it is needed, is not set.
        SystemExit: the settings cannot be read.
    """
    environment = os.environ if environ is None else environ
    tb_home, sid = environment.get("TB_HOME", ""), environment.get("TB_SID", "")
    if not tb_home or (need_sid and not sid):
        raise MissingEnvironment
    tb_home = tb_home.rstrip("/") or "/"
    try:
        settings = switches.load(tb_home, environment)
    except switches.SettingsError as error:
        raise SystemExit(f"emulator settings: {error}") from error
    return Context(tb_home, sid, major_version(tb_home, environment), settings)


def banner(ctx: Context) -> str:
    """Blank line, product, blank line, copyright: message 270033."""
    product = ctx.product + " " * int(ctx.settings.get("banner_trailing_blanks", 0))
    return f"\n{product}\n\n{ctx.copyright}\n"


def emulator_notice(ctx: Context) -> str:
    """The line by which every help and version text says what this is."""
    return f"Emulator {EMULATOR_VERSION} of {ctx.product} (firedrill.standby lab). This is not Tibero."


def say(text: str) -> None:
    """Write to stdout and flush: a child of ours may keep the descriptor, so nothing may linger in a buffer."""
    sys.stdout.write(text)
    sys.stdout.flush()


def run(main: Callable[[list[str]], int]) -> None:
    """Run a program's main with the process's arguments and end the process with its code."""
    for stream in (sys.stdout, sys.stdin):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    try:
        code = main(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    raise SystemExit(code)


# --- processes ------------------------------------------------------------------------------------------------------


def command_line(pid: int) -> str:
    """The argument area of a process with blanks for NULs, or "" when there is none (gone, zombie)."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""


def is_server(pid: int, sid: str) -> bool:
    """Whether `pid` is a process of this instance: after a host's restart the number may belong to another program."""
    text = command_line(pid)
    if text.startswith(("tbsvr", "tblistener")):
        return text.split()[-1] == sid or text.startswith("tblistener")
    return "tibero_emulator.server" in text


def read_proc_info(ctx: Context) -> dict[str, Any] | None:
    """The process record, or None when there is none; an unreadable one counts as a record without processes."""
    try:
        found = json.loads(ctx.proc_info.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def all_pids(info: Mapping[str, Any]) -> list[int]:
    """Every process id in a record, the main one first; accepts `pids` as a list, or as name -> id, and `pid`."""
    found: list[int] = []
    for key in ("pid", "pids", "children"):
        value = info.get(key)
        values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
        for one in values:
            pid = one.get("pid") if isinstance(one, dict) else one
            if isinstance(pid, int) and pid > 1 and pid not in found:
                found.append(pid)
    return found


def live_pids(ctx: Context, info: Mapping[str, Any] | None = None) -> list[int]:
    """The recorded processes that still live and are this instance's."""
    record = info if info is not None else read_proc_info(ctx)
    return [pid for pid in all_pids(record or {}) if is_server(pid, ctx.sid)]


def leftovers(ctx: Context) -> list[Path]:
    """The files a stopped instance must not leave: process record and control socket."""
    return [path for path in (ctx.proc_info, ctx.control) if path.exists() or path.is_symlink()]


def remove_leftovers(ctx: Context) -> None:
    """Take them away: the body of `tbdown clean`."""
    for path in leftovers(ctx):
        path.unlink(missing_ok=True)


def wait_until(condition: Callable[[], bool], limit: float, interval: float = 0.05) -> bool:
    """Whether `condition` became true within `limit` seconds on the monotonic clock."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True


def kill_recorded(ctx: Context) -> list[int]:
    """SIGKILL to every live recorded process, and wait until they are gone; returns the ids."""
    pids = live_pids(ctx)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_until(lambda: not [pid for pid in pids if is_server(pid, ctx.sid)], 10.0)
    return pids


# --- control socket -------------------------------------------------------------------------------------------------


class NoControl(Exception):
    """Nobody listens on the control socket."""


def _open_control(path: Path) -> socket.socket:
    """Connect; a path too long for a socket address is reached through the descriptor of its directory."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    directory = -1
    try:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        connection.connect(f"/proc/self/fd/{directory}/{path.name}")
    except OSError as error:
        connection.close()
        raise NoControl(f"{path}: {error.strerror}") from error
    finally:
        if directory >= 0:
            os.close(directory)
    return connection


def control_events(ctx: Context, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Send one request over the control socket and yield the events that come back, until the server closes.

    Waits without a limit: a NORMAL or SWITCHOVER stop may wait for ever, as the real one does.
    Raises:
        NoControl: nobody listens.
    """
    with _open_control(ctx.control) as connection:
        try:
            connection.sendall(json.dumps(request).encode("utf-8") + b"\n")
            with connection.makefile("r", encoding="utf-8") as lines:
                for line in lines:
                    if line.strip():
                        yield json.loads(line)
        except (BrokenPipeError, ConnectionResetError):
            return
