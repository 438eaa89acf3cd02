# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Installing scheduled drills on the controller, and what may be asked of their calendar. What the modules drill_schedule and drill_calendar_info do.

Root owns program, configuration, units and lock files; the user of a drill owns the directory of its attempts.
"""

import glob
import json
import os
import pwd
import re
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import (
    archive,
    drill_calendar,
    drill_program,
    drill_units,
    evidence_folder,
    installed,
    timer_grammar,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._core.installed import File
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome

PRESENT, ABSENT = "present", "absent"
AUTO, SYSTEMD, CRON = "auto", "systemd", "cron"
PROGRAM = "ansible_collections.firedrill.standby.plugins.module_utils._core.drill_program"
#: Directories from which systemd takes units; a unit anywhere else is only written.
LIVE = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system")
RUNNING = "/run/systemd/system"
ANALYZE = "systemd-analyze"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}\Z")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
#: Longest window that is looked through for a line of cron.
_MINUTES = 62 * 1440

DRILL_SPEC: Dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "playbook": {"type": "str", "required": True, "choices": sorted(drill_calendar.TYPES)},
    "cluster": {"type": "str", "required": True},
    "inventory": {"type": "path", "required": True},
    "policy": {"type": "path"},
    "when": {"type": "str", "default": ""},
    "cron": {"type": "str", "default": ""},
    "extra_vars": {"type": "path"},
    "group": {"type": "str", "default": ""},
    "user": {"type": "str", "required": True},
    "vault_password_file": {"type": "path", "no_log": False},
    "evidence": {"type": "path"},
    "directory": {"type": "path", "default": "/"},
    "lock": {"type": "str", "default": "drills"},
    "timeout": {"type": "int", "default": 14400},
    "delay": {"type": "int", "default": 0},
}
SCHEDULE_SPEC: Dict[str, Any] = {
    "state": {"type": "str", "choices": [PRESENT, ABSENT], "default": PRESENT},
    "drills": {"type": "list", "elements": "dict", "default": [], "options": DRILL_SPEC},
    "policies": {"type": "dict", "default": {}},
    "digests": {"type": "dict", "default": {}},
    "manager": {"type": "str", "choices": [AUTO, SYSTEMD, CRON], "default": AUTO},
    "ansible_playbook": {"type": "path", "default": "/usr/bin/ansible-playbook"},
    "playbook_dir": {"type": "path"},
    "program": {"type": "path", "default": "/usr/local/sbin/firedrill-drills"},
    "config": {"type": "path", "default": "/etc/firedrill-drills.json"},
    "state_dir": {"type": "path", "default": "/var/lib/firedrill-drills"},
    "unit_dir": {"type": "path", "default": "/etc/systemd/system"},
    "cron_dir": {"type": "path", "default": "/etc/cron.d"},
    "textfile": {"type": "path"},
    "alarm": {
        "type": "dict",
        "default": {},
        "options": {
            "when": {"type": "str", "default": "*-*-* 07:00:00"},
            "cron": {"type": "str", "default": "0 7 * * *"},
            "user": {"type": "str", "default": "root"},
            "command": {"type": "list", "elements": "str", "default": []},
        },
    },
}
CALENDAR_SPEC: Dict[str, Any] = {
    "policy": {"type": "dict", "required": True},
    "cluster": {"type": "str", "required": True},
    "playbook": {"type": "str", "choices": sorted(k for k, v in drill_calendar.TYPES.items() if v), "required": True},
    "evidence": {"type": "path", "required": True},
}


def _wrong(name: str, seen: str, meaning: str, remedy: str) -> Refusal:
    return Refusal("drill {0}: {1}".format(name, seen), meaning, remedy, details={"drill": name})


def _uid(user: str) -> int:
    try:
        return pwd.getpwnam(user).pw_uid if _USER.match(user) else -1
    except KeyError:
        return -1


class Wish(NamedTuple):
    """What shall be there: files, links of enabled timers, directories with their owners, and what the program is told."""

    files: Dict[str, File]
    links: Dict[str, str]
    directories: Dict[str, int]
    config: drill_program.Config
    timers: Tuple[drill_units.Timer, ...]
    manager: str


# ------------------------------------------------------------------------------------- the wish


def command_of(params: Mapping[str, Any], drill: Mapping[str, Any]) -> Tuple[str, ...]:
    """The call of ansible-playbook: paths only, no secret."""
    name = str(drill["playbook"])
    directory = params.get("playbook_dir")
    playbook = os.path.join(directory, name) if directory else "firedrill.standby." + name[: -len(".yml")]
    words = [params["ansible_playbook"], "-i", drill["inventory"], playbook]
    words += ["-e", "@" + drill["policy"]] if drill.get("policy") else []
    words += ["-e", "@" + drill["extra_vars"]] if drill.get("extra_vars") else []
    words += ["-e", '{{"standby_cluster": "{0}"}}'.format(drill["group"])] if drill.get("group") else []
    words += ["-e", '{{"drill_directory": "{0}"}}'.format(drill["evidence"])] if drill.get("evidence") else []
    if drill.get("evidence"):
        # What was missed before the run is told in its evidence.
        attempts = os.path.join(params["state_dir"], str(drill["name"]), "attempts.json")
        words += ["-e", '{{"drill_attempts": "{0}"}}'.format(attempts)]
    words += ["--vault-password-file", drill["vault_password_file"]] if drill.get("vault_password_file") else []
    return tuple(str(word) for word in words)


def _policy(params: Mapping[str, Any], drill: Mapping[str, Any]) -> Optional[Mapping[str, Any]]:
    """The policy of a drill, seen to be one; None for readiness. :raises Refusal: when it says nothing of when."""
    name = drill["name"]
    if not drill_calendar.TYPES[drill["playbook"]]:
        if drill.get("policy"):
            raise _wrong(
                name,
                "it has a policy",
                "{0} asks and changes nothing, so it needs none".format(drill["playbook"]),
                "leave policy out",
            )
        return None
    for key in ("policy", "evidence"):
        if not drill.get(key):
            raise _wrong(
                name,
                "{0} is not set".format(key),
                "A drill has a policy, and leaves evidence by which the next one is due",
                "set " + key,
            )
    content = _data(params["policies"].get(drill["policy"]))
    policy = content.get("drill_policy", content) if isinstance(content, Mapping) else None
    if not isinstance(policy, Mapping) or not policy.get("objectives"):
        raise _wrong(
            name,
            "{0} holds no drill_policy with objectives".format(drill["policy"]),
            "A drill without objectives is refused when its timer fires, at night",
            "set drill_policy there as the module drill_objectives documents it",
        )
    drill_calendar.due(policy, ())
    # YAML makes moments and dates of some texts; here they are texts again.
    dates = [str(each) for each in policy.get("blackout_dates") or ()]
    kept = {
        key: policy[key] for key in ("name", "version", "environment", "cadence_days") if policy.get(key) is not None
    }
    window = {key: str(policy["window"][key]) for key in ("start", "end")}
    return dict(kept, window=window, blackout_dates=dates, due_date=str(policy.get("due_date") or ""))


def _data(content: Any) -> Any:
    """What is in a policy file: as data, or as a text of JSON; None for a text that is none.

    Before 2.19 Ansible hands on a mapping in which a moment or a date stands as one text that nobody can read, so the role makes texts of it first.
    """
    if not isinstance(content, str):
        return content
    try:
        return json.loads(content)
    except ValueError:
        return None


def _scheduled(params: Mapping[str, Any], drill: Mapping[str, Any]) -> drill_program.Scheduled:
    name = str(drill["name"])
    if not _NAME.match(name) or name == "alarm":
        raise _wrong(
            name,
            "that name",
            "It becomes part of file names: small letters, digits, - and _, and alarm is taken",
            "rename it",
        )
    if not _NAME.match(drill["lock"]):
        raise _wrong(
            name,
            "lock is {0!r}".format(drill["lock"]),
            "It becomes part of a file name",
            "use small letters, digits, - and _",
        )
    for key in ("inventory", "policy", "extra_vars", "vault_password_file", "evidence", "directory"):
        value = drill.get(key)
        if value and (not os.path.isabs(value) or re.search(r"[\x00-\x1f\x7f\"\\]", value)):
            raise _wrong(
                name,
                "{0} is {1!r}".format(key, value),
                "A timer has no directory to begin from, and quotes would change the command",
                "write an absolute path without quotes and backslashes",
            )
    if not re.match(r"[A-Za-z0-9_.-]*\Z", drill["group"]):
        raise _wrong(name, "group is {0!r}".format(drill["group"]), "It is a group of the inventory", "correct group")
    if _uid(drill["user"]) < 0:
        raise _wrong(
            name, "there is no user {0!r} on this host".format(drill["user"]), "The drill runs as that user", "set user"
        )
    return drill_program.Scheduled(
        name,
        drill["cluster"],
        drill_calendar.TYPES[drill["playbook"]],
        command_of(params, drill),
        drill["directory"],
        drill.get("evidence") or "",
        drill["lock"],
        _policy(params, drill),
        drill.get("policy") or "",
        str(params["digests"].get(drill.get("policy"), "")),
    )


def _timers(params: Mapping[str, Any], manager: str) -> Tuple[drill_units.Timer, ...]:
    found = []
    call = (params["program"], params["config"])
    for drill in params["drills"]:
        name = drill["name"]
        key = "when" if manager == SYSTEMD else "cron"
        if not drill[key]:
            raise _wrong(
                name,
                "{0} is not set, and timers here are those of {1}".format(key, manager),
                "It would never begin",
                "set " + key,
            )
        title = "{0} of {1} (firedrill.standby)".format(drill["playbook"][: -len(".yml")], drill["cluster"])
        timer = drill_units.Timer(
            name,
            title,
            drill["user"],
            drill[key] if manager == SYSTEMD else "",
            drill[key] if manager == CRON else "",
            drill["timeout"],
            drill["delay"],
            call + ("run", name),
            call + ("ended", name),
        )
        found.append(timer)
    alarm = params["alarm"]
    if _uid(alarm["user"]) < 0:
        raise _wrong(
            "alarm",
            "there is no user {0!r} on this host".format(alarm["user"]),
            "The alarm runs as that user",
            "set alarm.user",
        )
    title = "Tells of missed drills (firedrill.standby)"
    found.append(drill_units.Timer("", title, alarm["user"], alarm["when"], alarm["cron"], 900, 0, call + ("alarm",)))
    for timer in found:
        _check_times(timer, manager)
    return tuple(found)


def _check_times(timer: drill_units.Timer, manager: str) -> None:
    text = timer.when if manager == SYSTEMD else timer.cron
    if re.search(r"[\x00-\x1f\x7f%]", text + timer.title):
        raise _wrong(
            timer.name or "alarm",
            "{0!r} holds a line end or %".format(text + timer.title),
            "It would make another line",
            "correct it",
        )
    if manager == CRON:
        timer_grammar.cron_times(text)
    if not 60 <= timer.timeout <= 7 * 86400 or not 0 <= timer.delay <= 86400:
        raise _wrong(
            timer.name or "alarm",
            "timeout is {0} s and delay {1} s".format(timer.timeout, timer.delay),
            "Allowed are 60 s to 7 days, and 0 to 1 day",
            "correct it",
        )


def wish(params: Mapping[str, Any], manager: str) -> Wish:
    """What shall be there. :raises Refusal: for a list that cannot be meant."""
    drills = tuple(_scheduled(params, each) for each in params["drills"])
    names = [each.name for each in drills]
    if len(set(names)) != len(names):
        raise Refusal(
            "The drills are named {0}".format(", ".join(names)), "Each has a name of its own", "rename one of them"
        )
    if params.get("textfile") and not params["textfile"].endswith(".prom"):
        raise Refusal(
            "textfile is {0}".format(params["textfile"]), "The collector reads *.prom only", "end it in .prom"
        )
    program = params["ansible_playbook"]
    if not os.access(program, os.X_OK):
        raise Refusal(
            "{0} is not there, or no program".format(program),
            "The drills are run by it",
            "set drill_schedule_ansible_playbook",
        )
    timers = _timers(params, manager)
    config = drill_program.Config(
        params["state_dir"], params.get("textfile") or "", tuple(params["alarm"]["command"]), drills
    )
    packed = archive.program(PROGRAM, sys.executable)
    files = {
        params["program"]: File(packed, 0o755, shown="the program, {0} bytes".format(len(packed))),
        params["config"]: File(config.text().encode("utf-8"), 0o644),
    }
    links = {}
    if manager == SYSTEMD:
        for name, text in drill_units.units(timers).items():
            path = os.path.join(params["unit_dir"], name)
            files[path] = File(text.encode("utf-8"), 0o644)
            if name.endswith(".timer"):
                links[os.path.join(params["unit_dir"], "timers.target.wants", name)] = path
    else:
        text = drill_units.cron_file(timers)
        files[os.path.join(params["cron_dir"], drill_units.CRON_NAME)] = File(text.encode("utf-8"), 0o644)
    for each in drills:
        files[drill_program.lock_path(config, each.lock)] = File(b"", 0o644)
    owners = {os.path.join(config.state_dir, drill["name"]): _uid(drill["user"]) for drill in params["drills"]}
    owners[os.path.join(config.state_dir, "alarm")] = _uid(params["alarm"]["user"])
    return Wish(files, links, owners, config, timers, manager)


# ----------------------------------------------------------------------------------- validation


def _has_analyze(context: Context) -> bool:
    try:
        return context.runner(Command((ANALYZE, "--version"))).returncode == 0
    except OSError:
        return False


def validate(context: Context, wanted: Wish) -> None:
    """Have systemd read the units before they are put in place; without it, the grammar decides. :raises Refusal: for a unit that is not understood."""
    if wanted.manager != SYSTEMD:
        return
    if not _has_analyze(context):
        for timer in wanted.timers:
            timer_grammar.check_calendar(timer.when)
        return
    with tempfile.TemporaryDirectory() as place:
        # The program is not installed yet: what stands for it is one that is there.
        timers = [
            each._replace(
                words=(sys.executable,) + each.words[1:], ended=each.ended and (sys.executable,) + each.ended[1:]
            )
            for each in wanted.timers
        ]
        paths = []
        for name, text in drill_units.units(timers).items():
            paths.append(os.path.join(place, name))
            with open(paths[-1], "w", encoding="utf-8", errors="strict") as target:
                target.write(text)
        done = context.runner(Command((ANALYZE, "verify", "--man=no", *paths), deadline=120.0))
        said = [line for line in (done.output + done.errors).splitlines() if "firedrill-drill" in line]
        if said or done.returncode != 0:
            lines = said or (done.output + done.errors).splitlines()
            raise Refusal(
                seen="systemd-analyze verify: {0}".format("; ".join(lines[:5]).replace(place + "/", "")),
                meaning="systemd does not understand a unit as it is meant, and would drop that line",
                remedy="correct what it names, such as 'when' of a drill; systemd-analyze calendar shows what is understood",
                details=done.describe(),
            )


def _local(at: float) -> time.struct_time:
    return time.localtime(at)


def _next(context: Context, when: str, start: int) -> Optional[int]:
    """When a timer fires first from a moment on, seconds since 1970; None when it never does; -1 when systemd does not tell."""
    done = context.runner(Command((ANALYZE, "calendar", "--base-time=@{0}".format(start - 1), when)))
    utc = re.search(r"\(in UTC\): \w+ (\S+ \S+) UTC", done.output) or re.search(
        r"Next elapse: \w+ (\S+ \S+) UTC", done.output
    )
    if done.returncode != 0 or not (utc or "Next elapse: never" in done.output):
        return -1
    return drill_calendar.wall(drill_calendar.utc(utc.group(1))) // 10**9 if utc else None


def remarks(context: Context, wanted: Wish, local: Callable[[float], time.struct_time] = _local) -> List[str]:
    """Timers that do not fire within the window of their policy: the usual way in which a change to summer time makes a drill be missed."""
    found = []
    analyze = wanted.manager == SYSTEMD and _has_analyze(context)
    timers = {each.name: each for each in wanted.timers}
    for drill in wanted.config.drills:
        if drill.policy is None:
            continue
        window = drill_calendar.window_of(drill.policy)
        start, end = (drill_calendar.wall(each) // 10**9 for each in (window.start, window.end))
        timer = timers[drill.name]
        fires: Optional[int] = -1
        if analyze:
            fires = _next(context, timer.when, start)
        elif wanted.manager == CRON and end - start <= _MINUTES * 60:
            fires = _next_of_cron(timer_grammar.cron_times(timer.cron), start, end, local)
        if fires is None or fires >= end:
            at = "never after its start" if fires is None else drill_calendar.at_wall(fires * 10**9).isoformat()
            text = "drill {0}: its timer {1!r} does not fire within the window {2} to {3} of its policy, but {4}; mind the zone of the timer"
            at = "not at all" if wanted.manager == CRON else at
            found.append(
                text.format(drill.name, timer.when or timer.cron, window.start.isoformat(), window.end.isoformat(), at)
            )
    return found


def _next_of_cron(
    times: timer_grammar.CronTimes, start: int, end: int, local: Callable[[float], time.struct_time]
) -> Optional[int]:
    for at in range(-(-start // 60) * 60, end, 60):
        if times.fires(local(at)):
            return at
    return None


# --------------------------------------------------------------------------------- what is there


def _ours(path: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.readline().rstrip("\n") == drill_units.MARK
    except OSError:
        return False


def _there(params: Mapping[str, Any]) -> List[str]:
    """Units, links and the file of cron that are ours, sorted."""
    units, cron = params["unit_dir"], os.path.join(params["cron_dir"], drill_units.CRON_NAME)
    found = [cron] if _ours(cron) else []
    for pattern in (drill_units.UNIT + "*.service", drill_units.UNIT + "*.timer", drill_units.ALARM_UNIT + ".*"):
        for path in glob.glob(os.path.join(glob.escape(units), pattern)):
            if _ours(path):
                link = os.path.join(units, "timers.target.wants", os.path.basename(path))
                found += [path] + ([link] if os.path.islink(link) else [])
    return sorted(found)


def _foreign(params: Mapping[str, Any], wanted: Wish) -> None:
    """:raises Refusal: for a unit, or a file of cron, of somebody else that has the name of one of ours."""
    for path in wanted.files:
        if (
            os.path.dirname(path) in (params["unit_dir"], params["cron_dir"])
            and os.path.lexists(path)
            and not _ours(path)
        ):
            raise Refusal(
                seen="{0} is there and was not written by this collection".format(path),
                meaning="It would be overwritten",
                remedy="move it away, or rename the drill",
            )


def _own(path: str, owner: int) -> bool:
    try:
        seen = os.lstat(path)
    except OSError:
        return False
    return os.path.isdir(path) and not os.path.islink(path) and (os.geteuid() != 0 or seen.st_uid == owner)


def _systemctl(context: Context, *words: str) -> None:
    done = context.runner(Command(("systemctl",) + words, deadline=120.0))
    if done.returncode != 0:
        raise CommandFailed(
            seen="systemctl {0} ended with {1}: {2}".format(" ".join(words), done.returncode, done.errors.strip()),
            meaning="The timers are written, and systemd does not take them",
            remedy="see `systemctl status {0}`".format(words[-1]),
            details=done.describe(),
        )


def _live(params: Mapping[str, Any], running: str) -> bool:
    return os.path.isdir(running) and os.path.realpath(params["unit_dir"]) in LIVE


def _manager(params: Mapping[str, Any], running: str) -> str:
    if params["manager"] != AUTO:
        return str(params["manager"])
    if os.path.isdir(running):
        return SYSTEMD
    if os.path.isdir(params["cron_dir"]):
        return CRON
    raise UnknownState(
        seen="Neither does systemd run here nor is there {0}".format(params["cron_dir"]),
        meaning="What starts a program at its time on this host is not known",
        remedy="install cron, or set drill_schedule_manager",
    )


# ------------------------------------------------------------------------------------- the verbs


def ensure_schedule(context: Context, running: str = RUNNING) -> Outcome:
    """Install, refresh or remove; see the module drill_schedule. :arg running: the directory that is there where systemd runs."""
    params = context.params
    if params["state"] == ABSENT:
        return _remove(context, running)
    wanted = wish(params, _manager(params, running))
    _foreign(params, wanted)
    validate(context, wanted)
    wrong = [path for path, file in wanted.files.items() if not installed.is_as(path, file)]
    missing = [link for link, target in wanted.links.items() if installed.target_of(link) != target]
    bare = [path for path, owner in wanted.directories.items() if not _own(path, owner)]
    stale = [path for path in _there(params) if path not in wanted.files and path not in wanted.links]
    before = dict(
        {path: installed.shown(path, wanted.files[path]) for path in wrong}, **dict.fromkeys(stale, "present")
    )
    after: Dict[str, str] = {}
    for path in wrong:
        after[path] = wanted.files[path].shown or wanted.files[path].content.decode("utf-8")
    if not context.check_mode:
        _apply(context, wanted, wrong, missing, bare)
        _take_away(context, stale, _live(params, running))
    started = _start(context, wanted, bool(wrong or missing or stale), _live(params, running))
    values = {
        "manager": wanted.manager,
        "program": params["program"],
        "written": sorted(wrong + missing + bare),
        "removed": stale,
        "started": started,
    }
    changed = bool(wrong or missing or bare or stale or started)
    return Outcome(
        changed,
        values,
        before,
        dict(after, **dict.fromkeys(stale, "absent")),
        "scheduled drills",
        remarks(context, wanted),
    )


def _apply(context: Context, wanted: Wish, wrong: Sequence[str], missing: Sequence[str], bare: Sequence[str]) -> None:
    for path in bare:
        os.makedirs(path, mode=0o755, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(path, wanted.directories[path], -1, follow_symlinks=False)
    for path in wrong:
        installed.write(path, wanted.files[path])
    for link in missing:
        installed.lay_link(link, wanted.links[link])


def _take_away(context: Context, paths: Sequence[str], live: bool) -> None:
    if live:
        # Only timers are stopped: a drill that runs goes on to its end.
        for path in paths:
            if path.endswith(".timer") and not os.path.islink(path):
                _systemctl(context, "stop", os.path.basename(path))
    for path in paths:
        os.unlink(path)


def _start(context: Context, wanted: Wish, reload: bool, live: bool) -> List[str]:
    """Timers that had to be started."""
    if wanted.manager != SYSTEMD or not live:
        return []
    if reload and not context.check_mode:
        _systemctl(context, "daemon-reload")
    started = []
    for timer in wanted.timers:
        name = timer.unit + ".timer"
        done = context.runner(Command(("systemctl", "is-active", "--quiet", name)))
        if done.returncode != 0:
            started.append(name)
        if not context.check_mode and (reload or done.returncode != 0):
            _systemctl(context, "restart", name)
    return started


def _remove(context: Context, running: str) -> Outcome:
    """Take everything away but the evidence; a drill that runs goes on."""
    params = context.params
    paths = _there(params)
    state = params["state_dir"]
    own = [params["program"], params["config"]] + ([params["textfile"]] if params.get("textfile") else [])
    own = [path for path in own if os.path.lexists(path)]
    inside = [
        os.path.join(directory, name)
        for directory, names, files in os.walk(state, topdown=False)
        for name in files + names
    ] + ([state] if os.path.isdir(state) else [])
    if inside and not _is_state(state):
        raise Refusal(
            seen="{0} holds more than the records of scheduled drills".format(state),
            meaning="It would be removed with them",
            remedy="correct drill_schedule_state_dir, or remove it by hand",
        )
    found = paths + own + inside
    if not context.check_mode and found:
        live = _live(params, running)
        _take_away(context, paths, live)
        for path in own:
            os.unlink(path)
        for path in inside:
            (os.rmdir if os.path.isdir(path) and not os.path.islink(path) else os.unlink)(path)
        if live:
            _systemctl(context, "daemon-reload")
    values = {"manager": "", "program": params["program"], "written": [], "removed": sorted(found), "started": []}
    return Outcome(
        bool(found), values, dict.fromkeys(found, "present"), dict.fromkeys(found, "absent"), "scheduled drills"
    )


def _is_state(directory: str) -> bool:
    """Whether nothing lies in a directory but what the program and this module write there."""
    files = [
        os.path.join(place, name)[len(directory) :].lstrip("/")
        for place, _names, found in os.walk(directory)
        for name in found
    ]
    return all(
        re.match(r"lock\.[a-z0-9_-]+\Z|[a-z0-9_-]+/(attempts\.json|attempts\.lock|told\.json)\Z", each)
        for each in files
    )


def calendar_info(context: Context, clock: drill_program.Now = drill_program.now) -> Outcome:
    """Tell whether a drill may begin now and when it is due. What the module drill_calendar_info does."""
    params, now = context.params, clock()
    policy, kind = params["policy"], drill_calendar.TYPES[params["playbook"]]
    window = drill_calendar.window_of(policy)
    documents, damaged = evidence_folder.documents(params["evidence"], params["cluster"], "~")
    drills = [drill_calendar.drill_of(each) for each in documents]
    seen = drill_calendar.Seen("", params["cluster"], kind, policy, drills, (), False)
    start = drill_calendar.may_begin(policy, now, [each.started_wall_ns for each in seen.own])
    due, last = drill_calendar.due(policy, seen.own), drill_calendar.last_of(seen.own)
    values = {
        "may_begin": start.code == 0,
        "grade": start.grade,
        "why": start.why,
        "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
        "due": due.at.isoformat() if due else None,
        "due_by": due.why if due else "",
        "overdue": due.at <= now if due else None,
        "last": last.drill_id if last else "",
        "left_out": damaged,
    }
    return Outcome(False, values)
