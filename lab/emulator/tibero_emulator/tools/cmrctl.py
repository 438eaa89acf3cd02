# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cmrctl on a database node: add, del, show, start, stop of resources. Observer commands are not emulated."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from . import cm as manager
from . import common
from .common import Context, say

# recording t6-cmrctl-show-node-and-help
HELP = """Usage: cmrctl [action]
       cmrctl [action] [res_type]

Action (action):
    add, del, show, start, stop, act, deact, modify

Resource Types (res_type):
    file, network, cluster, service, as, db, vip

For more information, type 'cmrctl help [action]' or 'cmrctl help [action] [res_type]'
"""

TYPES = ("file", "network", "cluster", "service", "as", "db", "vip")
WIDTHS = (11, 8, 14, 8, 24)
NAMES = ("CLUSTER", "TYPE", "NAME", "STATUS", "DETAIL")


def options_of(words: list[str]) -> dict[str, str]:
    """`--name value` pairs."""
    found = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            found[word[2:]] = rest.pop(0) if rest and not rest[0].startswith("--") else ""
    return found


def row(ctx: Context, resource: dict[str, Any]) -> tuple[str, str, str, str, str]:
    """One line of `cmrctl show`."""
    kind, name, given = str(resource["type"]), str(resource["name"]), resource["options"]
    status = "UP" if resource.get("up", True) else "DOWN"
    cluster = "COMMON" if kind in ("network", "cluster") else str(resource.get("cluster", ""))
    if kind == "network":
        place = f"{given['ipaddr']}/{given.get('portno', '')}" if "ipaddr" in given else given.get("ifname", "")
        detail = f"({given.get('nettype', 'private')}) {place}"
    elif kind == "cluster":
        detail = f"inc: {given.get('incnet', '')}, pub: {given.get('pubnet', 'N/A')}"
    elif kind == "service":
        detail = "Database, Active Cluster (auto-restart: OFF)"
    elif kind == "db":
        status = manager.instance_status(ctx, name)
        detail = f"{given.get('svcname', '')}, {given.get('dbhome', '')}, failed retry cnt: 0"
    else:
        detail = str(given.get("cfile", given.get("ipaddr", "")))
    return cluster, kind, name, status, detail


def table(ctx: Context, title: str, found: list[dict[str, Any]]) -> str:
    """The list of `cmrctl show`: four columns to the right, the last to the left (recorded)."""
    line = "=" * (sum(WIDTHS) + len(WIDTHS) - 1)
    head = " ".join(name.center(width) for name, width in zip(NAMES, WIDTHS, strict=True)).rstrip()
    body = [
        " ".join([*(text.rjust(width) for text, width in zip(cells[:4], WIDTHS[:4], strict=True)), cells[4]])
        for cells in (row(ctx, resource) for resource in found)
    ]
    dashes = " ".join("-" * width for width in WIDTHS)
    return "\n".join([f"Resource List of Node {title}", line, head, dashes, *body, line]) + "\n"


def act_show(ctx: Context, found: manager.Cm, words: list[str]) -> int:
    """`cmrctl show`."""
    del words
    say(table(ctx, found.name, manager.resources(found)))
    return ctx.exit_code("cmrctl_ok")


def _cluster_of(kind: str, given: dict[str, str], known: list[dict[str, Any]]) -> str:
    if kind == "service":
        return given.get("cname", "")
    if kind in ("db", "vip", "as"):
        owner = next((one for one in known if one["type"] == "service" and one["name"] == given.get("svcname")), None)
        return str(owner["cluster"]) if owner else ""
    return ""


def act_add(ctx: Context, found: manager.Cm, words: list[str]) -> int:
    """`cmrctl add TYPE --name X ...`: `Resource add success!` is recorded; that a name twice fails is invented."""
    kind, given = words[0] if words else "", options_of(words[1:])
    known = manager.resources(found)
    name = given.pop("name", "")
    taken = any(one["type"] == kind and one["name"] == name for one in known)
    if kind not in TYPES or not name or taken:
        say(f"Resource add failed! ({kind}, {name})\n")
        return ctx.exit_code("cmrctl_failed")
    new: dict[str, Any] = {"type": kind, "name": name, "options": given, "up": kind != "cluster"}
    new["cluster"] = _cluster_of(kind, given, known)
    known.append(new)
    if kind == "cluster" and given.get("cfile"):
        files = {
            "type": "file",
            "name": f"{name}:0",
            "options": {"cfile": given["cfile"]},
            "up": False,
            "cluster": name,
        }
        known.append(files)
    manager.save(found, known)
    say(f"Resource add success! ({kind}, {name})\n")
    return ctx.exit_code("cmrctl_ok")


def act_del(ctx: Context, found: manager.Cm, words: list[str]) -> int:
    """`cmrctl del TYPE --name X` (words invented)."""
    kind, name = words[0] if words else "", options_of(words[1:]).get("name", "")
    known = manager.resources(found)
    kept = [one for one in known if (one["type"], one["name"]) != (kind, name)]
    manager.save(found, kept)
    say(f"Resource delete {'success' if len(kept) < len(known) else 'failed'}! ({kind}, {name})\n")
    return ctx.exit_code("cmrctl_ok" if len(kept) < len(known) else "cmrctl_failed")


def _run(program: str, sid: str, arguments: list[str]) -> int:
    """tbboot or tbdown for a registered instance, with our own output."""
    command = ["/usr/bin/env", f"TB_SID={sid}", sys.executable, "-s", "-B", "-m", f"tibero_emulator.tools.{program}"]
    return subprocess.run([*command, *arguments], check=False).returncode


def act_start(ctx: Context, found: manager.Cm, words: list[str]) -> int:
    """`cmrctl start db|cluster --name X [--option "-t MODE"]` (recorded: t7-cmrctl-add-and-start-tac)."""
    kind, given = words[0] if words else "", options_of(words[1:])
    known = manager.resources(found)
    name = given.get("name", "")
    if not any(one["type"] == kind and one["name"] == name for one in known):
        say(f"Failed to start the resource '{name}'\n")
        return ctx.exit_code("cmrctl_failed")
    if kind == "db":
        arguments = given.get("option", "").split()
        _run("tbboot", name, arguments)
        if manager.instance_status(ctx, name) == "DOWN":
            say(f"Failed to start the resource '{name}'\n")
            return ctx.exit_code("cmrctl_failed")
        say(f"BOOT SUCCESS! (MODE : {arguments[-1].upper() if arguments else 'NORMAL'})\n")
        return ctx.exit_code("cmrctl_ok")
    for one in known:
        if (one["type"], one["name"]) == (kind, name) or (kind == "cluster" and one.get("cluster") == name):
            one["up"] = True
    manager.save(found, known)
    say("MSG SENDING SUCCESS!\n")
    return ctx.exit_code("cmrctl_ok")


def act_stop(ctx: Context, found: manager.Cm, words: list[str]) -> int:
    """`cmrctl stop db --name X [--option "-t MODE"]`."""
    kind, given = words[0] if words else "", options_of(words[1:])
    if kind == "db":
        return _run("tbdown", given.get("name", ""), given.get("option", "").split())
    known = manager.resources(found)
    for one in known:
        if (one["type"], one["name"]) == (kind, given.get("name")):
            one["up"] = False
    manager.save(found, known)
    say("MSG SENDING SUCCESS!\n")
    return ctx.exit_code("cmrctl_ok")


ACTIONS: dict[str, Callable[[Context, manager.Cm, list[str]], int]] = {
    "add": act_add,
    "del": act_del,
    "show": act_show,
    "start": act_start,
    "stop": act_stop,
}


def main(arguments: list[str]) -> int:
    """The program; returns its exit code."""
    try:
        ctx = common.context(need_sid=False)
    except common.MissingEnvironment:
        say("cmrctl: environment variable TB_HOME is not set.\n")
        return 1
    action = arguments[0] if arguments else "help"
    if action == "help":
        say(HELP)
        return ctx.exit_code("cmrctl_ok")
    if action not in ACTIONS:
        say(f"'{action}' is not available in the emulator.\n{common.emulator_notice(ctx)}\n")
        return ctx.exit_code("cmrctl_failed")
    try:
        found = manager.read(ctx.tb_home)
        if not manager.is_up(found):
            raise manager.CmError("cluster manager is not running")
        return ACTIONS[action](ctx, found, arguments[1:])
    except manager.CmError as error:
        say(f"cmrctl failed: {error}\n")
        return ctx.exit_code("cmrctl_failed")


if __name__ == "__main__":
    common.run(main)
