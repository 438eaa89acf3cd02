# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbboot: checks what can be checked without the server, starts it detached, prints what it reports.

Output order: tip failure | BOOT FAILED box | licence box | core dump line | listener port | suspended box | banner.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .. import PRODUCTS, licence, messages, tip
from . import common
from .common import Context, say

# boot word -> (mode, flag) of the request
BOOT_WORDS = {
    "NOMOUNT": ("NOMOUNT", ""),
    "MOUNT": ("MOUNT", ""),
    "NORMAL": ("NORMAL", ""),
    "RECOVERY": ("RECOVERY", ""),
    "RESETLOGS": ("NORMAL", "RESETLOGS"),
    "FAILOVER": ("NORMAL", "FAILOVER"),
}

# an argument without meaning: the server writes its process title over the argument area, which must be long enough
TITLE_ROOM = "." * 160

# files the script of 6 reads, with how often
PROC_SYS_READS = (
    ("/proc/sys/net/ipv4/tcp_wmem", 3),
    ("/proc/sys/net/ipv4/tcp_rmem", 3),
    ("/proc/sys/net/core/wmem_max", 1),
    ("/proc/sys/net/core/rmem_max", 1),
)

USAGE = (
    "Usage: tbboot [-h] [-version] [-l] [-w] [-t BOOTMODE]\n"
    "BOOTMODE : NOMOUNT, MOUNT, NORMAL, RECOVERY, RESETLOGS, FAILOVER\n"
)


class BadMode(Exception):
    """A boot word nobody knows."""


class Refused(Exception):
    """A boot that ends before a process is started: what to print, and the outcome that has an exit code."""

    def __init__(self, text: str, outcome: str) -> None:
        super().__init__(text)
        self.text = text
        self.outcome = outcome


def parse_arguments(arguments: list[str]) -> tuple[str, str]:
    """(action, boot word): action is boot, version, licence, patches or help; any case of the word.

    Raises:
        BadMode: unknown word or option, a word too many, -t without a word.
    """
    action, word = "boot", ""
    rest = list(arguments)
    while rest:
        item = rest.pop(0)
        if item in ("-version", "-v", "--version"):
            action = "version"
        elif item == "-l":
            action = "licence"
        elif item == "-p":
            action = "patches"
        elif item in ("-h", "--help"):
            action = "help"
        elif item == "-w":
            action = "wallet" if action == "boot" else action
        elif word or (item == "-t" and not rest):
            raise BadMode(item)
        else:
            word = (rest.pop(0) if item == "-t" else item).upper()
            if word not in BOOT_WORDS:
                raise BadMode(word)
    return action, word or "NORMAL"


def version_text(ctx: Context) -> str:
    """`tbboot -version`. Invented but for the middle of line 1: the recorded version text of a monitor kit."""
    product = PRODUCTS[ctx.version]
    build = product["build"]
    return f"{ctx.product}   {build} {product['release']}\nBuild {build}\n{common.emulator_notice(ctx)}\n"


def licence_text(ctx: Context) -> str:
    """`tbboot -l` (form invented; field scripts look for "expiration")."""
    try:
        found, _ = licence.parse(
            Path(licence.path_of(ctx.tb_home)).read_text(encoding="iso-8859-1"), licence.path_of(ctx.tb_home)
        )
    except OSError:
        return licence.LicenceError(360002, licence.path_of(ctx.tb_home)).render()
    except licence.LicenceError as error:
        return error.render()
    rows = [
        ("Product", f"{found.product} {found.product_version}"),
        ("Edition", found.edition),
        ("License type", found.type),
        ("Licensee", found.licensee),
        ("Issue date", found.issue_date),
        ("Expiration date", found.end_date),
        ("Limit user", found.limit_user),
        ("Host", found.identified_by_host),
    ]
    return "".join(f"{name:<16}: {value}\n" for name, value in rows)


def check_directories(ctx: Context) -> str:
    """Make the instance's directories; "" or the lines of t7-cmrctl-start-failed-permission-and-shm."""
    log = ctx.instance / "log"
    try:
        for path in (
            ctx.instance / "path",
            log / "slog",
            log / "dlog",
            log / "ilog",
            log / "lsnr",
            ctx.instance / "dump",
        ):
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        failure = ctx.text(220015, ctx.instance, error.errno, error.strerror)
        return (
            f"{failure}\n{failure}\n{ctx.text(220014, log)}\n{ctx.text(220014, log / 'dlog')}\n"
            f"tb_open_logfd({log}/dlog/dbms.log, 1090, 420) failed.\n"
        )
    return ""


def running_box(ctx: Context, tip_file: tip.Tip) -> str:
    """The BOOT FAILED box for a living instance or for leftovers, or "" when the way is free.

    With BOOT_WITH_AUTO_DOWN_CLEAN=Y leftovers are removed and 250095 is printed instead.
    """
    alive = common.live_pids(ctx)
    title = ctx.text(250109)
    if alive:
        return messages.box(messages.BOX_BOOT_FAILED, title, ctx.text(250111, alive[0]))
    if not common.leftovers(ctx):
        return ""
    if tip_file.flag("BOOT_WITH_AUTO_DOWN_CLEAN"):
        common.remove_leftovers(ctx)
        say(ctx.text(250095))
        return ""
    if ctx.settings["box_boot_failed_form"] == 250086:
        return messages.box(messages.BOX_BOOT_FAILED, ctx.text(250086, "tbdown"))
    return messages.box(messages.BOX_BOOT_FAILED, title, ctx.text(250110))


def proc_sys_noise(ctx: Context) -> str:
    """What the script of 6 prints where these files are missing, as in a container (t6-tbboot-nomount-...)."""
    choice = ctx.settings["proc_sys_noise"]
    if choice == "never" or (choice == "auto" and ctx.version != "6"):
        return ""
    wanted = [path for path, times in PROC_SYS_READS for _ in range(times)]
    missing = [path for path in wanted if choice == "always" or not os.path.exists(path)]
    return "".join(f"cat: {path}: No such file or directory\n" for path in missing)


def core_directory_line(ctx: Context) -> str:
    """Line 1 of a boot: only where the core directory is set up (tibero.md 1.2)."""
    directory = os.environ.get("TB_PROF_DIR") or f"{ctx.tb_home}/bin/prof"
    return ctx.text(210003, directory) + "\n" if os.path.isdir(directory) else ""


def listener_lines(ctx: Context, ports: list[int]) -> str:
    """The line or lines that name the listener's port."""
    if ctx.settings["ipv6_listener"]:
        return ctx.text(270113, ports[0], ports[0]) + "\n"
    return ctx.text(270042, ports[0]) + "\n"


def start_server(request: dict[str, Any]) -> IO[str]:
    """Start the server in a session of its own, hand it the request, return its stream of events.

    It keeps our stdout and stderr: who reads them through a pipe waits until the instance stops, as with the real one.
    """
    request_read, request_write = os.pipe()
    event_read, event_write = os.pipe()
    command = [sys.executable, "-s", "-B", "-m", "tibero_emulator.server.main"]
    command += ["--request-fd", str(request_read), "--event-fd", str(event_write), "--title-room", TITLE_ROOM]
    sys.stdout.flush()
    with open(os.devnull, "rb") as nothing:
        process = subprocess.Popen(
            command, stdin=nothing, pass_fds=(request_read, event_write), start_new_session=True, cwd=request["tb_home"]
        )
    os.close(request_read)
    os.close(event_write)
    try:
        with os.fdopen(request_write, "w", encoding="utf-8") as pipe:
            json.dump(request, pipe)
            pipe.write("\n")
    except BrokenPipeError:
        pass  # the server died at once: the event stream ends without a verdict, which is reported there
    process.wait()  # only the first of its two forks; the server itself is init's child by now
    return os.fdopen(event_read, "r", encoding="utf-8")


def read_events(stream: IO[str]) -> Iterator[dict[str, Any]]:
    """The server's JSON lines."""
    for line in stream:
        if line.strip():
            yield json.loads(line)


def refusal_text(ctx: Context, event: dict[str, Any]) -> str:
    """What a refused boot prints: the box or lines the server gave, then 270049."""
    text = str(event.get("text", ""))
    if not text.endswith("\n"):
        text += "\n"
    if event.get("box"):
        text = messages.box(int(event["box"]), *text.rstrip("\n").split("\n"))
    return f"{text}{ctx.text(270049, 'Tibero')}\n"


def suspended_box(event: dict[str, Any]) -> str:
    """The svmode box of a "suspended" event."""
    text = str(event["text"])
    code = f"TBR-{event['code']}:"
    if text.startswith(code):
        text = text[len(code) :].strip()
    return messages.svmode_box(int(event["code"]), text, str(event["mode"]), tuple(event.get("extra") or ()))


def follow(ctx: Context, word: str, stream: IO[str]) -> int:
    """Print what the server reports until its verdict; returns the exit code."""
    for event in read_events(stream):
        kind = event.get("event")
        if kind == "listening":
            say(listener_lines(ctx, list(event["ports"])))
        elif kind == "warning":
            say(str(event["text"]).rstrip("\n") + "\n")
        elif kind == "up":
            words = ctx.settings["boot_banner_mode"].get(word, word)
            say(common.banner(ctx) + ctx.text(270050, "Tibero", words) + "\n")
            return ctx.exit_code("tbboot_up")
        elif kind == "suspended":
            say(suspended_box(event) + common.banner(ctx) + ctx.text(270051, "Tibero", event["mode"]) + "\n")
            return ctx.exit_code("tbboot_suspended")
        elif kind == "refused":
            say(refusal_text(ctx, event))
            return ctx.exit_code("tbboot_refused")
    say(ctx.text(270049, "Tibero") + "\n")
    return ctx.exit_code("tbboot_refused")


def confirm(ctx: Context, word: str) -> bool:
    """Ask 270107 where the settings say that this boot word asks; anything but yes stops the boot."""
    if word not in ctx.settings["confirm_boot_modes"]:
        return True
    say(ctx.text(270107, word))
    answer = sys.stdin.readline().strip().lower()
    say("\n")
    return answer in ("yes", "y")


@contextmanager
def one_boot_at_a_time(ctx: Context) -> Iterator[None]:
    """Hold the instance's boot lock: a second tbboot waits, and then finds the first one's process (invented)."""
    with (ctx.instance / "path" / "tbboot.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read_tip(ctx: Context, word: str) -> tip.Tip:
    """The tip, checked for this boot word; raises Refused."""
    try:
        tip_file = tip.read(ctx.tip_path, ctx.tb_home, ctx.sid, ctx.version, ctx.settings)
        tip.check_replication(tip_file.values, word)
    except tip.TipError as error:
        raise Refused(error.render(ctx.tip_path, ctx.settings), "tbboot_refused") from error
    return tip_file


def read_licence(ctx: Context, word: str, tip_file: tip.Tip) -> licence.Licence:
    """The licence, if it covers this boot; raises Refused."""
    try:
        found = licence.check(ctx.tb_home, ctx.version, ctx.settings)
    except licence.LicenceError as error:
        raise Refused(error.render(ctx.settings.get("message_overrides")), "tbboot_licence") from error
    replicates = word == "RECOVERY" or (
        word in tip.PRIMARY_BOOTS and tip_file.text("LOG_REPLICATION_MODE") not in ("", "UNPROTECTED")
    )
    if ctx.settings["licence_tsc_needed"] and replicates and not licence.allows_replication(found):
        text = ctx.text(int(ctx.settings["licence_tsc_code"]))
        raise Refused(f"{text}\n{ctx.text(270049, 'Tibero')}\n", "tbboot_licence")
    return found


def boot_request(ctx: Context, word: str, tip_file: tip.Tip, found: licence.Licence) -> dict[str, Any]:
    """What the server is told."""
    mode, flag = BOOT_WORDS[word]
    return {
        "tb_home": ctx.tb_home,
        "sid": ctx.sid,
        "mode": mode,
        "flag": flag,
        "word": word,
        "version": ctx.version,
        "tip": tip_file.values,
        "tip_given": list(tip_file.given),
        "tip_path": ctx.tip_path,
        "settings": ctx.settings,
        "licence": found._asdict(),
    }


def boot(ctx: Context, word: str) -> int:
    """Boot with the given word; returns the exit code. Raises Refused before a process is started."""
    sys.stderr.write(proc_sys_noise(ctx))
    sys.stderr.flush()
    tip_file = read_tip(ctx, word)
    failure = check_directories(ctx)
    if failure:
        raise Refused(failure, "tbboot_refused")
    with one_boot_at_a_time(ctx):
        failure = running_box(ctx, tip_file)
        if failure:
            raise Refused(failure, "tbboot_refused")
        found = read_licence(ctx, word, tip_file)
        if not confirm(ctx, word):
            raise Refused("", "tbboot_refused")
        say(core_directory_line(ctx))
        with start_server(boot_request(ctx, word, tip_file, found)) as stream:
            return follow(ctx, word, stream)


def main(arguments: list[str]) -> int:
    """The program; returns its exit code."""
    try:
        ctx = common.context()
    except common.MissingEnvironment:
        say(messages.text(250092, "tbboot") + "\n")
        return 1
    try:
        action, word = parse_arguments(arguments)
    except BadMode:
        say(ctx.text(270045, "tbboot") + "\n")
        return ctx.exit_code("tbboot_usage")
    if action == "version":
        say(version_text(ctx))
    elif action == "licence":
        say(licence_text(ctx))
    elif action == "patches":
        say("No patch is applied.\n")
    elif action == "help":
        say(f"{USAGE}{common.emulator_notice(ctx)}\n")
    else:
        if action == "wallet":
            sys.stdin.readline()
        try:
            return boot(ctx, word)
        except Refused as refused:
            say(refused.text)
            return ctx.exit_code(refused.outcome)
    return 0


if __name__ == "__main__":
    common.run(main)
