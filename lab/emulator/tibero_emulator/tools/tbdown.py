# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbdown: asks the server to stop over its control socket, or kills (ABNORMAL), lists (pid) or tidies up (clean)."""

from __future__ import annotations

import sys

from .. import messages
from . import common
from .common import Context, say

MODES = ("NORMAL", "POST_TX", "IMMEDIATE", "ABORT", "SWITCHOVER", "ABNORMAL")

# recording t6-tbdown-help-and-normal
USAGE = "Usage: tbdown [-h] [-t DOWNMODE]\nDOWNMODE : NORMAL, POST_TX, IMMEDIATE, ABORT, SWITCHOVER, ABNORMAL\n"

# recording t6-tbdown-already-stopped
ALREADY_STOPPED = (
    "tbdown failed. proc info file is deleted.\nHint: Please check if the tbsvr instance was already stopped.\n"
)


class BadMode(Exception):
    """A down word nobody knows."""


def parse_arguments(arguments: list[str]) -> str:
    """The word: a mode, "CLEAN", "PID" or "HELP"; raises BadMode."""
    word = ""
    rest = list(arguments)
    while rest:
        item = rest.pop(0)
        if item in ("-h", "--help"):
            return "HELP"
        if word or (item == "-t" and not rest):
            raise BadMode(item)
        word = (rest.pop(0) if item == "-t" else item).upper()
        if word not in (*MODES, "CLEAN", "PID"):
            raise BadMode(word)
    return word or "NORMAL"


def terminated(ctx: Context, mode: str) -> str:
    """The line of a stop that worked."""
    return f"Tibero instance terminated ({ctx.settings['down_banner_mode'].get(mode, mode)} mode).\n"


def clean(ctx: Context) -> int:
    """`tbdown clean`: asks, refuses while the instance lives (250093). Question and closing words are invented."""
    if common.live_pids(ctx):
        say(ctx.text(250093) + "\n")
        return ctx.exit_code("tbdown_failed")
    say(str(ctx.settings["clean_prompt"]))
    answer = sys.stdin.readline().strip().lower()
    say("\n")
    if answer not in ("y", "yes"):
        say(f"{ctx.settings['clean_refused_answer']}\n")
        return ctx.exit_code("tbdown_failed")
    common.remove_leftovers(ctx)
    say(f"{ctx.settings['clean_done']}\n")
    return ctx.exit_code("tbdown_ok")


def list_processes(ctx: Context) -> int:
    """`tbdown pid`: one `pid:threads` line a process (form M, details invented)."""
    pids = common.live_pids(ctx)
    if not pids:
        say(ALREADY_STOPPED)
        return ctx.exit_code("tbdown_failed")
    for pid in pids:
        threads = 1
        try:
            with open(f"/proc/{pid}/status", encoding="utf-8") as status:
                threads = next((int(line.split()[1]) for line in status if line.startswith("Threads:")), 1)
        except OSError:
            continue
        say(f"{pid}:{threads}\n")
    return ctx.exit_code("tbdown_ok")


def abnormal(ctx: Context) -> int:
    """Kill the recorded processes without connecting; what they leave is for `tbdown clean` or the next boot."""
    if not common.kill_recorded(ctx):
        say(ALREADY_STOPPED)
        return ctx.exit_code("tbdown_failed")
    say(terminated(ctx, "ABNORMAL"))
    return ctx.exit_code("tbdown_ok")


def stop(ctx: Context, mode: str) -> int:
    """Ask the server to stop in `mode` and wait, without a limit, for its answer."""
    if not common.live_pids(ctx):
        say(ALREADY_STOPPED)
        return ctx.exit_code("tbdown_failed")
    try:
        for event in common.control_events(ctx, {"op": "down", "mode": mode}):
            if event.get("event") == "terminated":
                common.wait_until(lambda: not common.live_pids(ctx), 30.0)
                say(terminated(ctx, mode))
                return ctx.exit_code("tbdown_ok")
            if event.get("event") == "error":
                say(error_line(event) + "\n")
                return ctx.exit_code("tbdown_failed")
    except common.NoControl:
        pass
    if not common.live_pids(ctx):  # it died, or was stopped by another, while we waited
        say(ALREADY_STOPPED)
    else:
        say("tbdown failed. The server does not answer.\n")
    return ctx.exit_code("tbdown_failed")


def error_line(event: dict[str, object]) -> str:
    """ "TBR-n: text" of an error event, whether or not its text already starts so."""
    code, text = int(str(event.get("code", 0))), str(event.get("text", ""))
    return text if text.startswith(("TBR-", "TBS-")) else f"{messages.prefix(code)}-{code}: {text}"


def main(arguments: list[str]) -> int:
    """The program; returns its exit code."""
    try:
        ctx = common.context()
    except common.MissingEnvironment:
        say(messages.text(250092, "tbdown") + "\n")
        return 1
    try:
        word = parse_arguments(arguments)
    except BadMode:
        say(f"{ctx.line(70028)}\n")
        return ctx.exit_code("tbdown_usage")
    if word == "HELP":
        say(USAGE)
        return ctx.exit_code("tbdown_ok")
    if word == "CLEAN":
        return clean(ctx)
    if word == "PID":
        return list_processes(ctx)
    if word == "ABNORMAL":
        return abnormal(ctx)
    return stop(ctx, word)


if __name__ == "__main__":
    common.run(main)
