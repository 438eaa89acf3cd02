# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Installing the program of a member, its units, and what it has to know. What the module tibero_service does.

Root owns the program, its configuration and the units; the OS user of the instance runs them. Our own records of the member belong to that user,
so root only reads them: what has to be written there the program writes, as that user.
"""

import glob
import json
import os
import pwd
import re
import sys
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import (
    archive,
    detached,
    installed,
    standing,
    standing_wire,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    Refusal,
    UnknownState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import PRIMARY, STANDBY
from ansible_collections.firedrill.standby.plugins.module_utils._core.installed import File
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import options, readiness_task, service

PRESENT = "present"
ABSENT = "absent"
AUTO, SYSTEMD, CRON = "auto", "systemd", "cron"
REFUSE, REPORT = "refuse", "report"
PROGRAM = "ansible_collections.firedrill.standby.plugins.module_utils._tibero.service"
#: Seconds for the program to answer after it was installed.
ANSWER_LIMIT = 20.0
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}\Z")

SERVICE_SPEC: Dict[str, Any] = dict(
    options.INSTANCE_SPEC,
    state={"type": "str", "choices": [PRESENT, ABSENT], "default": PRESENT},
    database={"type": "str", "required": True},
    user={"type": "str", "default": "tibero"},
    member={"type": "str", "required": True},
    address={"type": "str", "required": True},
    port={"type": "int", "required": True},
    others={
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
        },
    },
    key={"type": "str", "no_log": True},
    role={"type": "str", "choices": [PRIMARY, STANDBY]},
    primary={"type": "str"},
    manager={"type": "str", "choices": [AUTO, SYSTEMD, CRON], "default": AUTO},
    units={"type": "dict", "default": {}},
    cron={"type": "str", "default": ""},
    unreachable={"type": "str", "choices": [standing.STAY_DOWN, standing.START], "default": standing.STAY_DOWN},
    wait={"type": "int", "default": 300},
    interval={"type": "int", "default": 3},
    foreign={"type": "str", "choices": [REFUSE, REPORT], "default": REFUSE},
)


class Places(NamedTuple):
    """Where everything lies below a root directory, which is / outside of tests."""

    root: str
    database: str

    def _under(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    @property
    def program(self) -> str:
        return self._under("usr/local/sbin", "firedrill-" + self.database)

    @property
    def config(self) -> str:
        return self._under("etc/firedrill-standby", self.database + ".json")

    @property
    def key(self) -> str:
        return self._under("etc/firedrill-standby", self.database + ".key")

    @property
    def cron(self) -> str:
        return self._under("etc/cron.d", "firedrill-" + self.database)

    @property
    def boot_unit(self) -> str:
        return "firedrill-{0}.service".format(self.database)

    @property
    def watch_unit(self) -> str:
        return "firedrill-{0}-watch.service".format(self.database)

    @property
    def systemd_runs(self) -> bool:
        """As sd_booted(3) tells it."""
        return os.path.isdir(self._under("run/systemd/system"))

    def unit(self, name: str) -> str:
        return self._under("etc/systemd/system", name)

    def wanted_by(self, name: str) -> str:
        """The link that ``systemctl enable`` makes."""
        return self._under("etc/systemd/system/multi-user.target.wants", name)


def ensure_service(context: Context, root: str = "/") -> Outcome:
    """Install, refresh or remove; see the module's documentation. :arg root: another directory than / in tests."""
    params = context.params
    places = Places(root, params["database"])
    if not _NAME.match(params["database"]):
        raise Refusal(
            seen="database is {0!r}".format(params["database"]),
            meaning="It becomes part of file names: letters, digits and underscores, a letter first",
            remedy="Set tibero_db_name",
        )
    if root == "/" and os.geteuid() != 0:
        raise Refusal(
            seen="This task runs as user {0}".format(os.geteuid()),
            meaning="Units and programs that a host starts belong to root",
            remedy="Let the task become root, or leave standby_service out where nobody may (standby_become: false)",
        )
    if params["state"] == ABSENT:
        return _remove(context, places)
    manager = _manager(params["manager"], places)
    foreign = _foreign(params, root)
    config = _config(params, places)
    wanted = _files(params, places, config, manager)
    links = {places.wanted_by(name): places.unit(name) for name in _units(params, manager)}
    return _Install(context, places, config, wanted, links, manager, foreign).run()


def _manager(wished: str, places: Places) -> str:
    if wished != AUTO:
        return wished
    if places.systemd_runs:
        return SYSTEMD
    if os.path.isdir(os.path.dirname(places.cron)):
        return CRON
    raise UnknownState(
        seen="Neither does systemd run here nor is there {0}".format(os.path.dirname(places.cron)),
        meaning="What starts programs when this host boots is not known",
        remedy="Install cron, or set standby_service_manager",
    )


def _foreign(params: Mapping[str, Any], root: str) -> List[str]:
    """What starts Tibero at boot and asks nobody for the role. :raises Refusal: unless it shall only be reported."""
    seen = readiness_task.supervisors(root)
    if not seen.is_known:
        raise UnknownState(
            seen="What boots Tibero on this host cannot be read: {0}".format(seen.why),
            meaning="Another unit may start a former primary whatever ours decides",
            remedy="Make {0} readable for root".format(seen.source),
        )
    found = [str(each["path"]) for each in seen.value or [] if not each["ours"] and _starts(root, str(each["path"]))]
    if found and params["foreign"] == REFUSE:
        raise Refusal(
            seen="{0} boots Tibero on {1}".format(", ".join(found), params["member"]),
            meaning="It knows no roles: after a failover it would open the former primary beside the new one, whatever our unit decides",
            remedy="Disable it (`systemctl disable` or remove it), or set standby_service_foreign to report if it boots another instance",
            details={"foreign": found},
        )
    return found


def _starts(root: str, path: str) -> bool:
    """Whether a file that boots Tibero is asked to at boot: a unit only when something wants it, anything else always."""
    if "/systemd/" not in path:
        return True
    name = os.path.basename(path)
    places = [os.path.join(root, place, "systemd/system") for place in ("etc", "run", "usr/lib")]
    return bool([link for place in places for link in glob.glob(os.path.join(place, "*.[wr]*s", name))])


def _config(params: Mapping[str, Any], places: Places) -> service.Config:
    names = [str(each["name"]) for each in params["others"]]
    ports = [params["port"]] + [each["port"] for each in params["others"]]
    if params["member"] in names or len(set(names)) != len(names):
        raise Refusal(
            seen="The member {0} has the others {1}".format(params["member"], ", ".join(names)),
            meaning="Each member is named once",
            remedy="Leave it to the role firedrill.standby.service, which takes them from the inventory",
        )
    if [port for port in ports if not 1 <= port <= 65535]:
        raise Refusal(
            seen="The ports are {0}".format(ports), meaning="Allowed are 1 to 65535", remedy="Set standby_service_port"
        )
    return service.Config(
        cluster=params["database"],
        member=params["member"],
        address=params["address"],
        port=params["port"],
        others=tuple(sorted((each["name"], each["address"], each["port"]) for each in params["others"])),
        tb_home=params["tb_home"],
        tb_sid=params["tb_sid"],
        key_file=places.key,
        unreachable=params["unreachable"],
        wait=params["wait"],
        interval=params["interval"],
        timeout=params["timeout"],
    )


def _units(params: Mapping[str, Any], manager: str) -> Dict[str, str]:
    return {str(name): str(text) for name, text in params["units"].items()} if manager == SYSTEMD else {}


def _files(params: Mapping[str, Any], places: Places, config: service.Config, manager: str) -> Dict[str, File]:
    key = standing_wire.check_key(params["key"] or "")
    units = _units(params, manager)
    if manager == SYSTEMD and set(units) != {places.boot_unit, places.watch_unit}:
        raise Refusal(
            seen="units are {0}".format(", ".join(sorted(units)) or "none"),
            meaning="Needed are {0} and {1}".format(places.boot_unit, places.watch_unit),
            remedy="Leave them to the role firedrill.standby.service, which renders them",
        )
    program = archive.program(PROGRAM, sys.executable)
    text = json.dumps(config._asdict(), indent=1, sort_keys=True) + "\n"
    wanted = {
        places.program: File(program, 0o755, shown="the program, {0} bytes".format(len(program))),
        places.config: File(text.encode("utf-8"), 0o644),
        places.key: File(key + b"\n", 0o400, _uid(params["user"]), "the key"),
    }
    for name, unit in units.items():
        wanted[places.unit(name)] = File(unit.encode("utf-8"), 0o644)
    if manager == CRON:
        wanted[places.cron] = File(str(params["cron"]).encode("utf-8"), 0o644)
    return wanted


def _uid(user: str) -> int:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise Refusal(
            seen="There is no user {0} on this host".format(user),
            meaning="The instance runs as that user, and so does the program",
            remedy="Set tibero_user, or let the role firedrill.standby.host make it",
        ) from None


class _Install:
    """One installation: what differs, then what is done about it."""

    def __init__(
        self,
        context: Context,
        places: Places,
        config: service.Config,
        wanted: Mapping[str, File],
        links: Mapping[str, str],
        manager: str,
        foreign: Sequence[str],
    ) -> None:
        self.context = context
        self.places = places
        self.config = config
        self.wanted = wanted
        self.links = links
        self.manager = manager
        self.foreign = list(foreign)
        self.member = service.Member(config, context.runner)
        self.key = wanted[places.key].content.strip()

    def run(self) -> Outcome:
        params, check = self.context.params, self.context.check_mode
        wrong = [path for path, file in self.wanted.items() if not installed.is_as(path, file)]
        missing = [link for link, target in self.links.items() if installed.target_of(link) != target]
        stale = [path for path in self._of_the_other_manager() if os.path.lexists(path)]
        before = {path: installed.shown(path, self.wanted[path]) for path in wrong}
        if not check:
            for path in wrong:
                installed.write(path, self.wanted[path])
            for link in missing:
                installed.lay_link(link, self.links[link])
            for path in stale:
                os.unlink(path)
        changed = bool(wrong or missing or stale)
        registered = self._register(params["role"] or "", params["primary"] or "")
        started = self._start(reload=changed)
        after = {
            path: file.shown or file.content.decode("utf-8") for path, file in self.wanted.items() if path in wrong
        }
        values = {
            "manager": self.manager,
            "program": self.places.program,
            "written": sorted(wrong + missing),
            "removed": sorted(stale),
            "registered": registered,
            "started": started,
            "foreign": self.foreign,
        }
        warnings = [
            "{0} boots Tibero on {1} and asks for no role".format(path, params["member"]) for path in self.foreign
        ]
        return Outcome(
            changed or registered or bool(started), values, before, after, "files of root", warnings=warnings
        )

    def _of_the_other_manager(self) -> List[str]:
        places = self.places
        if self.manager == SYSTEMD:
            return [places.cron]
        names = (places.boot_unit, places.watch_unit)
        return [place(name) for name in names for place in (places.wanted_by, places.unit)]

    def _register(self, role: str, primary: str) -> bool:
        """:returns: whether the role that the run saw was not registered here yet."""
        if not role:
            return False
        own = self.member.standing()
        if own.recorded == role and not service.needs_observation(own.latest, primary):
            return False
        if not self.context.check_mode:
            self._as_user("register", role, primary)
            seen = self.member.standing().recorded
            if seen != role:
                raise CommandFailed(
                    seen="{0} is registered as {1!r} after it was to be {2!r}".format(self.config.member, seen, role),
                    meaning="Its instance would not be started at boot",
                    remedy="Look at {0}".format(self.member.client.record_directory),
                )
        return True

    def _as_user(self, *arguments: str) -> None:
        argv = ("runuser", "-u", self.context.params["user"], "--", self.places.program, self.places.config) + arguments
        done = self.context.runner(Command(argv, cwd="/"))
        if done.returncode != 0:
            raise CommandFailed(
                seen="{0} ended with {1}: {2}".format(
                    " ".join(argv[4:]), done.returncode, (done.output + done.errors).strip()
                ),
                meaning="The program does not work as the user {0}".format(self.context.params["user"]),
                remedy="Run it by hand as that user",
                details=done.describe(),
            )

    # ----------------------------------------------------------------------------------- starting

    def _start(self, reload: bool) -> List[str]:
        """What had to be started so that the member is watched and will be stopped cleanly with its host."""
        files = (self.places.program, self.places.config, self.places.key)
        wanted = service.digest_of(files)
        started = []
        runs = self.manager == SYSTEMD and self.places.systemd_runs
        act = not self.context.check_mode
        if reload and runs and act:
            self._systemctl("daemon-reload")
        if reload or service.answering(self.config, self.key) != wanted:
            started.append(self.places.watch_unit)
            if act:
                self._start_watch(wanted, runs)
        if runs and not self._is_active(self.places.boot_unit) and self.member.client.processes():
            # It finds its instance running and leaves it; from now on it stops it when the host goes down.
            started.append(self.places.boot_unit)
            if act:
                self._systemctl("start", self.places.boot_unit)
        return started

    def _start_watch(self, wanted: str, runs: bool) -> None:
        if runs:
            self._systemctl("restart", self.places.watch_unit)

        def look() -> str:
            seen = service.answering(self.config, self.key)
            if seen != wanted and not runs:
                # One of the old program ends by itself when it sees the new one.
                self._as_user("watch", "--detach")
            return seen

        wait_until(
            look,
            lambda seen: seen == wanted,
            ANSWER_LIMIT,
            "{0} to answer at {1}:{2} with what was installed".format(
                self.places.watch_unit, self.config.address, self.config.port
            ),
            "See `systemctl status {0}` or {1}/watch.log; another program may hold the port (standby_service_port)".format(
                self.places.watch_unit, self.member.client.record_directory
            ),
            interval=0.5,
        )

    def _is_active(self, unit: str) -> bool:
        return self.context.runner(Command(("systemctl", "is-active", "--quiet", unit))).returncode == 0

    def _systemctl(self, *words: str) -> None:
        done = self.context.runner(Command(("systemctl",) + words, deadline=120.0))
        if done.returncode != 0:
            raise CommandFailed(
                seen="systemctl {0} ended with {1}: {2}".format(" ".join(words), done.returncode, done.errors.strip()),
                meaning="systemd does not take the units of this member",
                remedy="See `systemctl status {0}` and its journal".format(words[-1]),
                details=done.describe(),
            )


def _remove(context: Context, places: Places) -> Outcome:
    """Take everything away but the records of the member; the instance runs on."""
    units = (places.boot_unit, places.watch_unit)
    paths = [places.program, places.config, places.key, places.cron]
    paths += [place(name) for name in units for place in (places.wanted_by, places.unit)]
    found = [path for path in paths if os.path.lexists(path)]
    if not context.check_mode and found:
        watched = os.path.lexists(places.unit(places.watch_unit)) and places.systemd_runs
        if watched:
            context.runner(Command(("systemctl", "stop", places.watch_unit), deadline=60.0))
        for path in found:
            os.unlink(path)
        # The unit that boots is not stopped: that would stop the instance.
        if watched:
            context.runner(Command(("systemctl", "daemon-reload"), deadline=60.0))
        client = options.client_of(context)
        if os.path.isdir(client.record_directory):
            detached.cancel(client.record_directory, "watch")
    values = {
        "manager": "",
        "program": places.program,
        "written": [],
        "removed": sorted(found),
        "registered": False,
        "started": [],
        "foreign": [],
    }
    return Outcome(bool(found), values, dict.fromkeys(found, "present"), dict.fromkeys(found, "absent"))


def secrets_of(params: Mapping[str, Any]) -> Sequence[str]:
    """The key, for the last scrubbing of results."""
    key: Tuple[str, ...] = (str(params["key"]),) if params.get("key") else ()
    return key
