# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `python3 -m lab up|down|status|inventory|cut|heal|rate|freeze|thaw|crash|start|run ...`."""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from lab.hosts.api import Lab
from lab.hosts.errors import LabError
from lab.hosts.inventory import parse_value
from lab.hosts.processes import kill_tree
from lab.hosts.spec import BACKENDS, STATE_VARIABLE, LabSpec, state_root
from lab.hosts.state import lab_names


def _say(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)


def _lab(arguments: argparse.Namespace) -> Lab:
    return Lab.open(arguments.name, arguments.state)


def _up(arguments: argparse.Namespace) -> int:
    spec = LabSpec(
        name=arguments.name,
        hosts=tuple(arguments.hosts),
        backend=arguments.backend,
        subnet=arguments.subnet,
        port_base=arguments.port_base,
        shares=tuple(os.path.abspath(share) for share in arguments.share),
        install=not arguments.no_install,
        python=arguments.python,
    )
    lab = Lab.up(spec, arguments.state, _say)
    _print_status(lab.status())
    return 0


def _down(arguments: argparse.Namespace) -> int:
    names = lab_names(state_root(arguments.state)) if arguments.all else [arguments.name]
    for name in names:
        removed = Lab(arguments.state, name).down()
        print(f"lab {name} is gone" if removed else f"there is no lab {name}: nothing to do")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    status = _lab(arguments).status()
    if arguments.json:
        print(json.dumps(status, indent=1))
    else:
        _print_status(status)
    return 0


def _print_status(status: dict[str, Any]) -> None:
    note = "" if status["complete"] else " (half built: remove it with `down`)"
    print(f"lab {status['name']}: {status['backend']}, {status['directory']}{note}")
    for name, host in status["hosts"].items():
        place = host["address"] if status["backend"] == "namespaces" else f"{host['address']}:{host['port_base']}"
        print(f"  {name:<16} {host['condition']:<7} {place:<16} {host['processes']} processes")
    for fault in status["faults"]:
        what = f"{fault['rate']} ({fault['direction']})" if fault["rate"] else ", ".join(fault["edges"])
        left = "" if fault["seconds_left"] is None else f", {fault['seconds_left']} s left"
        dead = "" if fault["timer_alive"] in (None, True) else ", ITS TIMER IS DEAD: heal it by hand"
        failed = f", FAILED TO HEAL: {fault['error']}" if fault["error"] else ""
        print(f"  fault {fault['number']}: {fault['kind']} {fault['host']} {what}{left}{dead}{failed}")


def _inventory(arguments: argparse.Namespace) -> int:
    variables = {}
    for text in arguments.group_var:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise LabError(f"group variable {text!r} is not of the form KEY=VALUE")
        variables[key] = parse_value(value)
    text = _lab(arguments).inventory(arguments.group, arguments.host_var, variables)
    if arguments.output:
        Path(arguments.output).write_text(text)
    else:
        print(text, end="")
    return 0


def _cut(arguments: argparse.Namespace) -> int:
    number = _lab(arguments).cut(
        arguments.host,
        arguments.peer,
        one_way=arguments.one_way,
        port=arguments.port,
        controller=not arguments.keep_controller,
        seconds=arguments.seconds,
    )
    print(f"fault {number}")
    return 0


def _heal(arguments: argparse.Namespace) -> int:
    ended = _lab(arguments).heal(arguments.host, arguments.peer, one_way=arguments.one_way)
    print(f"{ended} faults ended")
    return 0


def _rate(arguments: argparse.Namespace) -> int:
    number = _lab(arguments).rate(
        arguments.host, arguments.rate, direction=arguments.direction, seconds=arguments.seconds
    )
    print(f"fault {number}" if number else f"{arguments.host}: no limit")
    return 0


def _freeze(arguments: argparse.Namespace) -> int:
    print(f"fault {_lab(arguments).freeze(arguments.host, seconds=arguments.seconds)}")
    return 0


def _thaw(arguments: argparse.Namespace) -> int:
    print(f"{arguments.host} goes on" if _lab(arguments).thaw(arguments.host) else f"{arguments.host} was not frozen")
    return 0


def _crash(arguments: argparse.Namespace) -> int:
    print(f"fault {_lab(arguments).crash(arguments.host, seconds=arguments.seconds)}")
    return 0


def _start(arguments: argparse.Namespace) -> int:
    _lab(arguments).start(arguments.host)
    print(f"{arguments.host} is up")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    argv = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    command = _lab(arguments).command(arguments.host, argv)
    try:
        process = subprocess.Popen(command.argv, env=command.env, cwd=command.cwd)
    except OSError as error:
        raise LabError(f"cannot run {command.argv[0]}: {error.strerror}") from error
    try:
        rc = process.wait(arguments.timeout or None)
    except subprocess.TimeoutExpired as error:
        kill_tree(process.pid)
        process.wait(10)
        raise LabError(f"{' '.join(argv)} did not end within {arguments.timeout:g} s and was killed") from error
    except BaseException:
        kill_tree(process.pid)
        process.wait(10)
        raise
    return 128 - rc if rc < 0 else rc


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    act: Callable[[argparse.Namespace], int],
    text: str,
    timed: bool = False,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(act=act)
    name = os.environ.get("FIREDRILL_LAB_NAME", "lab")
    parser.add_argument("--name", default=name, help="lab name (default: $FIREDRILL_LAB_NAME or lab)")
    parser.add_argument("--state", help=f"directory of all labs (default: ${STATE_VARIABLE} or .cache/lab)")
    if timed:
        parser.add_argument("--for", dest="seconds", type=float, default=0.0, metavar="SECONDS", help="then heal")
    return parser


def _life(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _add(commands, "up", _up, "build and boot a lab")
    parser.add_argument("hosts", nargs="+", metavar="HOST")
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="auto: as root the first")
    parser.add_argument("--subnet", default="", help="private IPv4 /24 (default: a free 10.78.x.0/24)")
    parser.add_argument("--port-base", type=int, default=0, help="directories: first port (default: a free block)")
    parser.add_argument("--share", action="append", default=[], metavar="PATH", help="hosts see it, read-only")
    parser.add_argument("--no-install", action="store_true", help="never install packages, refuse instead")
    parser.add_argument("--python", default="", help="interpreter named in the inventory")
    parser = _add(commands, "down", _down, "remove a lab, half-built or whole")
    parser.add_argument("--all", action="store_true", help="every lab of the state directory")
    parser = _add(commands, "status", _status, "what is seen of a lab now")
    parser.add_argument("--json", action="store_true")
    parser = _add(commands, "inventory", _inventory, "print the Ansible inventory")
    parser.add_argument("--group", action="append", default=[], metavar="GROUP[:HOST,HOST]")
    parser.add_argument("--host-var", action="append", default=[], metavar="HOST:KEY=VALUE")
    parser.add_argument("--group-var", action="append", default=[], metavar="KEY=VALUE", help="variable of all hosts")
    parser.add_argument("--output", default="", metavar="FILE", help="write it there instead")
    parser = _add(commands, "run", _run, "run a command in a host, as on its console")
    parser.add_argument("--timeout", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("host")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")


def _fault_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _add(commands, "cut", _cut, "lose traffic between two ends, or between a host and everyone", timed=True)
    parser.add_argument("host")
    parser.add_argument("peer", nargs="?", default="", help="the other end, a host or `controller` (default: everyone)")
    parser.add_argument("--one-way", action="store_true", help="lose only what the first host sends")
    parser.add_argument("--port", type=int, default=0, help="lose only TCP and UDP with this port at either end")
    parser.add_argument("--keep-controller", action="store_true", help="without a peer: not the controller's link")
    parser = _add(commands, "heal", _heal, "heal cuts and, without a peer, rates: all, of a host, between two ends")
    parser.add_argument("host", nargs="?", default="")
    parser.add_argument("peer", nargs="?", default="")
    parser.add_argument("--one-way", action="store_true", help="heal only what the first host sends")
    parser = _add(commands, "rate", _rate, "limit a host's cable", timed=True)
    parser.add_argument("host")
    parser.add_argument("rate", help="e.g. 512kbit, 10mbit, 1gbit, or off")
    parser.add_argument("--direction", choices=("in", "out", "both"), default="both", help="as seen from the host")
    for name, act, text in (
        ("freeze", _freeze, "stop every process of a host"),
        ("crash", _crash, "lose a host's power; its disk stays"),
    ):
        _add(commands, name, act, text, timed=True).add_argument("host")
    _add(commands, "thaw", _thaw, "let a frozen host go on").add_argument("host")
    _add(commands, "start", _start, "boot a host that is down").add_argument("host")


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    about = "Hosts to run playbooks and drills on; see docs/lab.md."
    top = argparse.ArgumentParser(prog="python3 -m lab", description=about)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _life(commands)
    _fault_commands(commands)
    return top


def _terminate(number: int, frame: object) -> NoReturn:
    # SIGTERM must run the same clean-up as Ctrl-C.
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns 0, 1 (refused, failed), 2 (wrong usage), 130 (interrupted), or the code of `run`."""
    given = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return int(given.act(given))
    except (LabError, OSError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
