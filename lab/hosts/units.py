# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of systemd that a lab host has: at boot it starts the services that multi-user.target wants, as their units say.

It knows the few settings that the collection's own units use and refuses a unit with any other, so that no test passes on a setting that was passed
over. Nothing of the lab is imported: process 1 of a host loads this file by its path.
"""

import os
import pwd
import re
import signal
import sys
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

DIRECTORY = "/etc/systemd/system"
WANTS = "multi-user.target.wants"
LOGS = "/var/log"
#: Whose units are started; what else a host's image has enabled needs the real systemd.
OURS = re.compile(r"firedrill-[A-Za-z0-9_-]+\.service")

TARGETS = ("network-online.target", "remote-fs.target", "time-sync.target")
#: Settings that are known, with the values that are; None takes any. What the lab does nothing for is here too: limits, time-outs, mounts.
KNOWN: Mapping[str, Mapping[str, "tuple[str, ...] | None"]] = {
    "Unit": {"Description": None, "Documentation": None, "Wants": None, "After": None, "RequiresMountsFor": None},
    "Service": {
        "Type": ("simple", "oneshot"),
        "RemainAfterExit": ("yes", "no"),
        "User": None,
        "ExecStart": None,
        "ExecStop": None,
        "Restart": ("no", "always"),
        "RestartSec": None,
        "TimeoutStartSec": None,
        "TimeoutStopSec": None,
        "KillMode": ("process", "control-group"),
        "LimitNOFILE": None,
        "LimitNPROC": None,
        "TasksMax": None,
    },
    "Install": {"WantedBy": ("multi-user.target",)},
}


class UnitError(Exception):
    """A unit that cannot be run honestly."""


class Unit(NamedTuple):
    """What is run of a unit."""

    name: str
    argv: tuple[str, ...]
    user: str
    oneshot: bool
    restart: bool
    pause: float
    after: tuple[str, ...]


def parse(name: str, text: str) -> Unit:
    """A unit from its text.

    Raises:
        UnitError: a section, a setting or a value is not known, or stands there twice.
    """
    settings: dict[tuple[str, str], str] = {}
    section = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("["):
            section = line.strip("[]")
            if section not in KNOWN or line != f"[{section}]":
                raise UnitError(f"{name}, line {number}: section {line} is not known here")
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        allowed = KNOWN.get(section, {})
        if not equals or key not in allowed or line.endswith("\\"):
            raise UnitError(f"{name}, line {number}: {line!r} in [{section}] is not known here")
        choices = allowed[key]
        if choices is not None and value not in choices:
            raise UnitError(f"{name}, line {number}: {key} is {value!r}; known here: {', '.join(choices)}")
        if (section, key) in settings:
            raise UnitError(f"{name}, line {number}: {key} stands there twice")
        settings[section, key] = value
    return _unit(name, settings)


def _unit(name: str, settings: "Mapping[tuple[str, str], str]") -> Unit:
    command = settings.get(("Service", "ExecStart"), "")
    if not command.startswith("/") or re.search(r"[\"'\\$%;]", command):
        raise UnitError(f"{name}: ExecStart {command!r} is not an absolute path with plain words")
    after = tuple(each for each in settings.get(("Unit", "After"), "").split() if each not in TARGETS)
    pause = settings.get(("Service", "RestartSec"), "1")
    if not pause.isdigit():
        raise UnitError(f"{name}: RestartSec {pause!r} is not a number of seconds")
    return Unit(
        name,
        tuple(command.split()),
        settings.get(("Service", "User"), "root"),
        settings.get(("Service", "Type"), "simple") == "oneshot",
        settings.get(("Service", "Restart"), "no") == "always",
        float(pause),
        after,
    )


def wanted(directory: str = DIRECTORY) -> list[Unit]:
    """The units of ours that are enabled, each after those that it names in After=.

    Raises:
        UnitError: one of them cannot be run honestly, or they wait for each other.
    """
    place = os.path.join(directory, WANTS)
    found = {}
    for name in sorted(os.listdir(place)) if os.path.isdir(place) else []:
        if OURS.fullmatch(name):
            with open(os.path.join(place, name), encoding="utf-8") as source:
                found[name] = parse(name, source.read())
    ordered: list[Unit] = []
    while len(ordered) < len(found):
        done = {unit.name for unit in ordered}
        ready = [each for name, each in found.items() if name not in done and not (set(each.after) & set(found)) - done]
        if not ready:
            raise UnitError(f"units wait for each other: {', '.join(sorted(set(found) - done))}")
        ordered += ready
    return ordered


def _become(unit: Unit) -> NoReturn:
    """Turn this process into what the unit runs."""
    try:
        log = os.open(f"{LOGS}/{unit.name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        null = os.open("/dev/null", os.O_RDONLY)
        for handle, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(handle, target)
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        account = pwd.getpwnam(unit.user)
        os.initgroups(unit.user, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        os.chdir("/")
        home = {"HOME": account.pw_dir, "USER": unit.user, "LOGNAME": unit.user}
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        os.execve(unit.argv[0], list(unit.argv), {"PATH": path, "LANG": "C.UTF-8", **home})
    except (OSError, KeyError) as error:
        os.write(2, f"{unit.name}: {error}\n".encode())
        os._exit(203)


class Manager:
    """Starts units and starts those again that are to be; process 1 tells it which children have ended."""

    def __init__(self) -> None:
        self._running: dict[int, Unit] = {}

    def start(self, unit: Unit) -> None:
        """Run what a unit says. A oneshot is not waited for: nothing here comes after one."""
        child = os.fork()
        if child == 0:
            _become(unit)
        self._running[child] = unit

    def ended(self, pid: int) -> "Unit | None":
        """The unit that has to be started again after its pause, None for any other child."""
        unit = self._running.pop(pid, None)
        return unit if unit is not None and unit.restart else None


def start_all(manager: Manager, directory: str = DIRECTORY) -> None:
    """Start what is wanted; a unit that cannot be run honestly is told of in the boot log, and nothing is started then."""
    try:
        units = wanted(directory)
    except UnitError as error:
        sys.stderr.write(f"no unit is started: {error}\n")
        return
    for unit in units:
        manager.start(unit)
