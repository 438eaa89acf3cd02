# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""From a cluster described in the inventory, and its members as observed, to what each member shall be. Pure: nothing here reads or writes.

The inventory lists members, never roles. Who is primary is observed; a bootstrap flag counts only while no primary and no database exists
anywhere. So the same description gives the same result before and after a role change, and deploying again changes nothing.

Public: :class:`Member`, :func:`member`, :func:`check_cluster`, :func:`find_primary`, :func:`plan`, :class:`Plan`, :func:`unknown_variables`.
"""

import difflib
import re
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState

#: H, MAN: LOG_REPLICATION_DEST_1 to _9, "one per standby, max 9".
MAX_STANDBYS = 9
SYNC = "LGWR SYNC"
ASYNC = "LGWR ASYNC"
ARCHIVE = "ARCH ASYNC"
TRANSPORTS = (SYNC, ASYNC, ARCHIVE)
#: H, MAN: the modes of LOG_REPLICATION_MODE, in falling order of protection.
PROTECTION_MODES = ("protection", "availability", "performance")
#: The switch of one destination (H, its name M: the manual prints LOG_RELICATION_1_ENABLE).
ENABLE_NAME = "LOG_REPLICATION_{n}_ENABLE"
#: H, MAN: default of the port on which a standby receives redo, counted from LISTENER_PORT.
STANDBY_PORT_OFFSET = 4

#: Keys of a tip file that belong to one member; all others must be the same on every member (symmetric tips, H, MAN).
OWN_KEYS = (
    "LISTENER_PORT",
    "_LSNR_SPECIAL_PORT",
    "_STANDBY_CONN_PORT",
    "CONTROL_FILES",
    "DB_CREATE_FILE_DEST",
    "LOG_ARCHIVE_DEST",
    "STANDBY_FILE_NAME_CONVERT",
    "LOCAL_CLUSTER_ADDR",
    # Only a member that has standby redo logs carries it.
    "USE_STANDBY_REDO_LOG",
    "_USE_STANDBY_REDO_LOG",
)
#: Conflict 5 of the reference: 7 and late releases of 6 without an underscore, 6 by its manual with one.
REDO_NAMES = ("USE_STANDBY_REDO_LOG", "_USE_STANDBY_REDO_LOG")
_OWN_PATTERN = re.compile(r"^LOG_REPLICATION_DEST_\d+$|^LOG_REP?LICATION_\d+_ENABLE$")

#: A DB_NAME becomes an alias of tbdsn.tbr and part of paths (conflict 17 of the reference: letters, digits, underscore only).
_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,39}$")
#: C, catalogue: the refused logins, of which a wrong password (TBR-17001) is the usual one.
_LOGIN_FAILED = re.compile(r"TBR-170\d\d")
_ADDRESS = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.\-]*$|^[0-9A-Fa-f:]+$")


class Member(NamedTuple):
    """One member as described. Ports are numbers, paths absolute; ``transport`` is how this member receives redo as a standby.
    ``redo_name``: the parameter that switches standby redo logs on, "" for that of the version."""

    name: str
    address: str
    db_name: str
    sid: str
    home: str
    version: int
    listener_port: int
    standby_port: int
    data_dir: str
    archive_dir: str
    control_files: Tuple[str, ...]
    protection_mode: str
    transport: str
    network_timeout: int
    symmetric_tips: bool
    bootstrap: bool
    parameters: Dict[str, str]
    receives: bool = True
    enable_parameter: str = ENABLE_NAME
    standby_redo: bool = False
    redo_name: str = ""


class Sight(NamedTuple):
    """What the plan takes from the observation of a member beside its role.

    ``destinations``: ``(number, host, port)`` of its running instance. ``rebuild``: why it has to be built anew, "" if it has not.
    ``redo_parameter``: the parameter for standby redo logs that is on in its tip, "" without one.
    """

    destinations: Tuple[Tuple[int, str, int], ...] = ()
    rebuild: str = ""
    redo_parameter: str = ""


class Plan(NamedTuple):
    """What one member shall be.

    ``parameters`` and ``replication``: its own tip keys, as written. ``destinations``: the values of its LOG_REPLICATION_DEST_n, without quotes.
    ``aliases``: its tbdsn entries. ``reach``: ports of the other members. ``seed``: whether it needs a copy. ``observed``: the role seen.
    ``resume``: it is the primary and lies stopped since an interrupted cold copy, so it has to be started before anything else.
    ``links``: its destinations with number, member, alias, value and whether redo is sent. ``absent``: keys that must not be in its tip;
    ``unused``: keys of destinations that nobody described. ``rebuild``: why it has to be built anew and gets no redo until then.
    """

    name: str
    role: str
    primary: str
    standbys: Tuple[str, ...]
    parameters: Dict[str, str]
    replication: Dict[str, str]
    destinations: Dict[str, str]
    aliases: Tuple[Dict[str, Any], ...]
    reach: Tuple[Dict[str, Any], ...]
    seed: bool
    observed: str
    resume: bool = False
    links: Tuple[Dict[str, Any], ...] = ()
    absent: Tuple[str, ...] = ()
    unused: Tuple[str, ...] = ()
    rebuild: str = ""


def _refuse(variable: str, value: object, host: str, allowed: str, remedy: str) -> Refusal:
    return Refusal(
        seen="{0} of {1} is {2!r}".format(variable, host, value),
        meaning="Allowed is {0}".format(allowed),
        remedy=remedy,
        details={"variable": variable, "value": value, "host": host, "allowed": allowed},
    )


def _word(raw: Mapping[str, Any], variable: str, host: str, allowed: Sequence[str], upper: bool = False) -> str:
    value = re.sub(r"\s+", " ", str(raw[variable]).strip())
    value = value.upper() if upper else value.lower()
    if value not in allowed:
        near = difflib.get_close_matches(value, allowed, 1, 0.4)
        hint = ", for example {0!r}".format(near[0]) if near else ""
        raise _refuse(
            variable,
            raw[variable],
            host,
            "one of " + ", ".join(allowed),
            "set {0} to one of these{1}".format(variable, hint),
        )
    return value


def _port(raw: Mapping[str, Any], variable: str, host: str) -> int:
    try:
        value = int(str(raw[variable]))
    except ValueError:
        value = 0
    if not 1024 <= value <= 65535:
        raise _refuse(
            variable, raw[variable], host, "a port from 1024 to 65535", "set {0} to a free port".format(variable)
        )
    return value


def _path(value: object, variable: str, host: str) -> str:
    text = str(value)
    if not text.startswith("/") or re.search(r"[\x00-\x1f\"',#;]", text) or "/../" in text + "/":
        raise _refuse(
            variable,
            value,
            host,
            "an absolute path without quotes, commas, semicolons, '#', '..' or control characters",
            "set {0} to such a path; a tip file cannot hold the others".format(variable),
        )
    return re.sub(r"/+", "/", text).rstrip("/") or "/"


def _name(raw: Mapping[str, Any], variable: str, host: str) -> str:
    value = str(raw[variable])
    if not _NAME.match(value):
        raise _refuse(
            variable,
            value,
            host,
            "a letter followed by up to 39 letters, digits or underscores",
            "choose such a name for " + variable,
        )
    return value


def _ports(raw: Mapping[str, Any], host: str) -> Tuple[int, int]:
    """The listener's port and the one on which a standby receives redo, which must not meet the others of the instance."""
    listener = _port(raw, "tibero_listener_port", host)
    standby = (
        _port(raw, "tibero_standby_port", host)
        if str(raw.get("tibero_standby_port") or "")
        else listener + STANDBY_PORT_OFFSET
    )
    own_ports = {
        "tibero_listener_port": listener,
        "special port (listener + 1)": listener + 1,
        "SSL port (listener + 2)": listener + 2,
    }
    for use, port in own_ports.items():
        if port == standby:
            raise _refuse(
                "tibero_standby_port",
                standby,
                host,
                "a port of its own; {0} is the {1}".format(port, use),
                "choose another port",
            )
    return listener, standby


def _own_parameters(raw: Mapping[str, Any], host: str) -> Dict[str, str]:
    """Further parameters of the tip, none of which has a variable of its own."""
    parameters = {str(key): str(value) for key, value in dict(raw.get("tibero_parameters") or {}).items()}
    for key, value in parameters.items():
        if key != key.upper() or not re.match(r"^[A-Z_][A-Z0-9_]*$", key):
            raise _refuse(
                "tibero_parameters", key, host, "upper-case parameter names", "write the name as the tip file needs it"
            )
        if key in OWN_KEYS or _OWN_PATTERN.match(key) or key in ("DB_NAME", "LOG_REPLICATION_MODE"):
            raise _refuse(
                "tibero_parameters",
                key,
                host,
                "parameters that have no variable of their own",
                "use the variable of the role for it",
            )
        if re.search(r"[\x00-\x1f]", value):
            raise _refuse(
                "tibero_parameters", value, host, "values on one line", "remove control characters from {0}".format(key)
            )
    return parameters


def member(host: str, raw: Mapping[str, Any]) -> Member:
    """Check and normalise the description of one member.

    :arg host: its inventory name.
    :arg raw: the documented ``tibero_*`` and ``standby_*`` variables of the role ``cluster``, with their values for this host.
    :raises Refusal: naming the variable, the value seen, what is allowed and what to do.
    """
    if str(raw["standby_engine"]) != "tibero":
        raise _refuse(
            "standby_engine",
            raw["standby_engine"],
            host,
            "tibero",
            "set standby_engine to tibero; further engines are not built yet",
        )
    address = str(raw["tibero_address"])
    if not _ADDRESS.match(address):
        raise _refuse(
            "tibero_address",
            address,
            host,
            "a host name or an IP address",
            "set the address by which the other members reach this host",
        )
    version = str(raw["tibero_version"])
    if version not in ("6", "7"):
        raise _refuse(
            "tibero_version", raw["tibero_version"], host, "6 or 7", "set tibero_version to the major version"
        )
    control_files = [_path(path, "tibero_control_files", host) for path in raw["tibero_control_files"]]
    if not control_files or len(set(control_files)) != len(control_files):
        raise _refuse(
            "tibero_control_files", control_files, host, "one or more different paths", "name each control file once"
        )
    listener, standby = _ports(raw, host)
    return Member(
        name=host,
        address=address,
        db_name=_name(raw, "tibero_db_name", host),
        sid=_name(raw, "tibero_sid", host),
        home=_path(raw["tibero_home"], "tibero_home", host),
        version=int(version),
        listener_port=listener,
        standby_port=standby,
        data_dir=_path(raw["tibero_data_dir"], "tibero_data_dir", host),
        archive_dir=_path(raw["tibero_archive_dir"], "tibero_archive_dir", host),
        control_files=tuple(control_files),
        protection_mode=_word(raw, "tibero_protection_mode", host, PROTECTION_MODES),
        transport=_word(raw, "tibero_transport", host, TRANSPORTS, upper=True),
        network_timeout=int(raw["tibero_network_timeout"]),
        symmetric_tips=bool(raw["tibero_symmetric_tips"]),
        bootstrap=bool(raw["standby_bootstrap_primary"]),
        parameters=_own_parameters(raw, host),
        receives=bool(raw.get("tibero_destination_enabled", True)),
        enable_parameter=_enable_parameter(raw, host),
        standby_redo=bool(raw.get("tibero_standby_redo", False)),
        redo_name=_redo_name(raw, host),
    )


def _redo_name(raw: Mapping[str, Any], host: str) -> str:
    value = str(raw.get("tibero_standby_redo_parameter") or "")
    if value not in ("",) + REDO_NAMES:
        raise _refuse(
            "tibero_standby_redo_parameter",
            value,
            host,
            " or ".join(REDO_NAMES),
            "leave it out for the one that the manual of this version has",
        )
    return value


def _enable_parameter(raw: Mapping[str, Any], host: str) -> str:
    value = str(raw.get("tibero_enable_parameter") or ENABLE_NAME)
    if not re.match(r"^[A-Z_]+\{n\}[A-Z_]*$", value):
        raise _refuse(
            "tibero_enable_parameter",
            value,
            host,
            "the upper-case name of a parameter with {n} in the place of the number",
            "use " + ENABLE_NAME,
        )
    return value


def _same(members: Sequence[Member], field: str, variable: str) -> None:
    """All members must agree in a field; the error names both values."""
    first = members[0]
    for other in members[1:]:
        if getattr(first, field) != getattr(other, field):
            raise Refusal(
                seen="{0} is {1!r} on {2} and {3!r} on {4}".format(
                    variable, getattr(first, field), first.name, getattr(other, field), other.name
                ),
                meaning="All members of one cluster must have the same {0}".format(variable),
                remedy="set {0} once for the group; if these are two clusters, name one with -e standby_cluster=GROUP".format(
                    variable
                ),
                details={"variable": variable},
            )


def _distinct_endpoints(members: Sequence[Member]) -> None:
    """No two members may claim one port of one address, nor one directory of it."""
    ports: Dict[Tuple[str, int], Tuple[str, str]] = {}
    homes: Dict[Tuple[str, str], Tuple[str, str]] = {}
    for item in members:
        for variable, port in (
            ("tibero_listener_port", item.listener_port),
            ("tibero_listener_port + 1 (special port)", item.listener_port + 1),
            ("tibero_standby_port", item.standby_port),
        ):
            holder = ports.setdefault((item.address, port), (item.name, variable))
            if holder[0] != item.name:
                raise Refusal(
                    seen="{0} of {1} and {2} of {3} are both {4}:{5}".format(
                        variable, item.name, holder[1], holder[0], item.address, port
                    ),
                    meaning="Two members cannot use one port of one address, and a destination must name one member only",
                    remedy="give each member its own tibero_address or its own ports",
                    details={"variable": variable, "value": port},
                )
        for variable, path in (("tibero_data_dir", item.data_dir), ("tibero_archive_dir", item.archive_dir)):
            place = homes.setdefault((item.address, path), (item.name, variable))
            if place != (item.name, variable):
                raise Refusal(
                    seen="{0} of {1} and {2} of {3} are both {4} on {5}".format(
                        variable, item.name, place[1], place[0], path, item.address
                    ),
                    meaning="Two databases would overwrite each other's files, or archives would lie among the datafiles",
                    remedy="give each its own directory",
                    details={"variable": variable, "value": path},
                )


def check_cluster(members: Sequence[Member]) -> None:
    """Check what no single member can tell: sizes, agreement, clashes, and whether mode and transports go together.

    :raises Refusal: for the first rule that is broken.
    """
    if len(members) - 1 > MAX_STANDBYS:
        raise Refusal(
            seen="The cluster has {0} members, so {1} standbys".format(len(members), len(members) - 1),
            meaning="Tibero sends redo to at most {0} standbys (LOG_REPLICATION_DEST_1 to _9)".format(MAX_STANDBYS),
            remedy="take {0} members out of the group".format(len(members) - 1 - MAX_STANDBYS),
        )
    for field, variable in (
        ("db_name", "tibero_db_name"),
        ("version", "tibero_version"),
        ("protection_mode", "tibero_protection_mode"),
        ("symmetric_tips", "tibero_symmetric_tips"),
        ("network_timeout", "tibero_network_timeout"),
        ("enable_parameter", "tibero_enable_parameter"),
    ):
        _same(members, field, variable)
    _distinct_endpoints(members)
    flagged = [item.name for item in members if item.bootstrap]
    if len(flagged) > 1:
        raise Refusal(
            seen="standby_bootstrap_primary is true on {0}".format(", ".join(flagged)),
            meaning="Only one member can be the first primary",
            remedy="leave the flag on one member; it counts only while no database exists anywhere",
            details={"variable": "standby_bootstrap_primary"},
        )


def check_mode(members: Sequence[Member], primary: str) -> None:
    """Whether the protection mode can be kept by the transports of the standbys of this primary.

    PROTECTION and AVAILABILITY need a standby that receives by LGWR SYNC (H, MAN; message 350008).
    """
    standbys = [item for item in members if item.name != primary]
    mode = members[0].protection_mode
    if mode != "performance" and standbys and all(item.transport != SYNC for item in standbys):
        raise Refusal(
            seen="tibero_protection_mode is {0!r} and tibero_transport of the standbys is {1}".format(
                mode, ", ".join("{0}: {1}".format(item.name, item.transport) for item in standbys)
            ),
            meaning="In this mode the primary needs at least one standby with {0}; without it the primary does not boot".format(
                SYNC
            ),
            remedy="set tibero_transport: {0} on one standby, or tibero_protection_mode: performance".format(SYNC),
            details={"variable": "tibero_transport"},
        )


def unknown_variables(names: Iterable[str], documented: Iterable[str], host: str) -> None:
    """Refuse variables with our prefixes that no role documents: a typing error would otherwise be a silent default.

    :raises Refusal: with the nearest documented name.
    """
    allowed = sorted(set(documented))
    for name in sorted(names):
        if name.startswith(("tibero_", "standby_")) and name not in allowed:
            near = difflib.get_close_matches(name, allowed, 1)
            raise Refusal(
                seen="Variable {0} of {1} is not known to this collection".format(name, host),
                meaning="A misspelt variable would silently leave its default in force",
                remedy=("use {0} instead, or give it".format(near[0]) if near else "remove it, or give it")
                + " another prefix if it is your own",
                details={"variable": name},
            )


def check_logins(
    members: Sequence[Member], observed: Mapping[str, str], running: Mapping[str, bool], why: Mapping[str, str]
) -> None:
    """Tell a wrong password from a primary that is down: with both nobody is seen to be primary.

    :arg observed: roles as observed; :arg running: whether instances run; :arg why: for a role that could not be told, the reason.
    :raises UnknownState: when no primary is seen and SYS was turned away by a running member.
    """
    if facts.PRIMARY in observed.values():
        return
    locked = [
        item.name for item in members if running.get(item.name) and _LOGIN_FAILED.search(why.get(item.name) or "")
    ]
    if not locked:
        return
    raise UnknownState(
        seen="SYS cannot log in on {0}: {1}".format(", ".join(locked), why[locked[0]]),
        meaning="Who is primary is not known, because tibero_sys_password is not the password of SYS there (its value is not shown); allowed is the one "
        "password of SYS that all members share",
        remedy="try it with tbsql on {0} and correct tibero_sys_password in the vault".format(locked[0]),
        details={"variable": "tibero_sys_password", "members": locked},
    )


def check_homes(
    members: Sequence[Member],
    installed: Mapping[str, bool],
    elsewhere: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    """Refuse a tibero_home beside which an instance of the same TB_SID runs from another one.

    Members of a lab may share a host and a TB_SID; the TB_HOME of another member at the same address is therefore right.

    :arg installed: whether there is a Tibero below each tibero_home. :arg elsewhere: servers of each member's TB_SID with another TB_HOME
        (``{pid, tb_home}``), for members whose own instance does not run.
    :raises Refusal: naming the process and its TB_HOME.
    """
    for item in members:
        beside = {other.home for other in members if other.name != item.name and other.address == item.address}
        for server in elsewhere.get(item.name) or ():
            home = str(server.get("tb_home") or "")
            if home.rstrip("/") in beside or (not home and installed.get(item.name)):
                continue
            raise Refusal(
                seen="tibero_home of {0} is {1}, and there is {2}; but process {3} on it is a server of TB_SID {4} with TB_HOME {5}".format(
                    item.name,
                    item.home,
                    "a Tibero, which does not run" if installed.get(item.name) else "no Tibero below it",
                    server.get("pid"),
                    item.sid,
                    home or "UNKNOWN (its environment cannot be read by the user of this task)",
                ),
                meaning="The database of {0} lives in another installation than the description says, so nothing it has was seen".format(
                    item.name
                ),
                remedy="set tibero_home of {0} to {1}, or tibero_sid to another name if that instance is not part of this cluster".format(
                    item.name, home or "the TB_HOME of that process"
                ),
                details={"variable": "tibero_home", "value": item.home, "host": item.name, "processes": [dict(server)]},
            )


def without_database(members: Sequence[Member], installed: Mapping[str, bool], primary: str) -> Refusal:
    """The refusal where a primary is needed and no member has a database, as far as could be seen."""
    bare = [
        "no Tibero below tibero_home {0} of {1}".format(item.home, item.name)
        for item in members
        if not installed.get(item.name)
    ]
    book = "run playbooks/setup_primary.yml first; it will create the database on {0}".format(primary)
    return Refusal(
        seen="No member of {0} has a database{1}".format(
            ", ".join(item.name for item in members), "".join("; " + text for text in bare)
        ),
        meaning="A standby is a copy of a running primary, and there is none yet",
        remedy="correct tibero_home if there is a Tibero elsewhere; else {0}".format(book) if bare else book,
    )


def stopped_for_copy(
    members: Sequence[Member],
    observed: Mapping[str, str],
    running: Mapping[str, bool],
    recorded: Mapping[str, str],
    cold: Mapping[str, Mapping[str, Any]],
) -> Optional[str]:
    """The primary that an interrupted cold copy of ours left stopped, None without one.

    It counts only if nobody can have taken its place: nobody has run it since, it is the only one, and every other member is known to be a
    standby or to have no database, or does not run and is not recorded as a primary.

    :arg cold: what each stopped member's record of a cold copy says (``{stopped_at, resumable, why}``), empty without one.
    """
    found = [item.name for item in members if cold.get(item.name, {}).get("resumable") and not running.get(item.name)]
    if len(found) != 1:
        return None
    for item in members:
        if item.name == found[0]:
            continue
        harmless = observed.get(item.name) in (facts.STANDBY, facts.NO_DATABASE) or not running.get(item.name)
        if not harmless or recorded.get(item.name) == facts.PRIMARY:
            return None
    return found[0]


def find_primary(
    members: Sequence[Member],
    observed: Mapping[str, str],
    running: Mapping[str, bool],
    cold: Optional[Mapping[str, Mapping[str, Any]]] = None,
) -> Optional[str]:
    """Who is primary, by observation.

    :arg observed: role of each member as observed (words of ``_core.facts``), ``facts.UNKNOWN`` where it could not be told.
    :arg running: whether the instance of each member has processes. :arg cold: records of cold copies, for the message only.
    :returns: the name of the one primary, or None while no member has a database.
    :raises UnknownState: when two primaries are seen, when a running member's role is unknown and no primary is seen, or when databases
        exist but none of them is a running primary.
    """
    primaries = [item.name for item in members if observed.get(item.name) == facts.PRIMARY and running.get(item.name)]
    if len(primaries) > 1:
        raise UnknownState(
            seen="{0} members are primary: {1}".format(len(primaries), ", ".join(primaries)),
            meaning="Two primaries accept writes that will never meet; nothing may be built on either",
            remedy="decide which one is right, stop the other with `tbdown -t IMMEDIATE`, keep its files, then run again",
            details={"primaries": primaries},
        )
    if primaries:
        return primaries[0]
    present = [item.name for item in members if observed.get(item.name) != facts.NO_DATABASE]
    if not present:
        return None
    described = ", ".join(
        "{0}: {1}, {2}".format(
            name, observed.get(name, facts.UNKNOWN), _at_work(running.get(name), (cold or {}).get(name) or {})
        )
        for name in present
    )
    raise UnknownState(
        seen="No running primary; seen: {0}".format(described),
        meaning="A database exists, so standby_bootstrap_primary no longer counts, and this playbook does not start or promote a primary by itself",
        remedy="start the primary on its host with `tbboot` (never on a standby), check it with playbooks/status.yml, then run again",
        details={"observed": dict(observed)},
    )


def _at_work(runs: Optional[bool], cold: Mapping[str, Any]) -> str:
    if runs:
        return "running"
    if not cold:
        return "stopped"
    doubt = ", but {0}".format(cold["why"]) if cold.get("why") else ""
    return "stopped by this collection for a cold copy at {0}{1}".format(cold.get("stopped_at"), doubt)


def _conversion(item: Member, members: Sequence[Member], primary: str) -> str:
    """The value of STANDBY_FILE_NAME_CONVERT, or "" when it is not needed. It holds one pair of directories (H, MAN).

    With two directories in the cluster the pair is the same whoever is primary, so it stands on both sides and no role change touches it. With
    more, a standby can only follow the directory of the present primary, and the primary needs none.
    """
    foreign = sorted({other.data_dir for other in members if other.data_dir != item.data_dir})
    if len(foreign) > 1:
        foreign = [other.data_dir for other in members if other.name == primary and other.data_dir != item.data_dir]
    return '"{0},{1}"'.format(foreign[0], item.data_dir) if foreign else ""


def _numbers(item: Member, peers: Sequence[Member], sight: Sight) -> Dict[str, int]:
    """The number of each peer's destination. One that the running instance has keeps its number, so that no healthy destination is touched when
    another comes or goes; a new one gets the lowest that is free.

    :raises Refusal: when none is free.
    """
    held = {(host.lower(), port): number for number, host, port in sight.destinations}
    numbers = {
        peer.name: held[(peer.address.lower(), peer.standby_port)]
        for peer in peers
        if (peer.address.lower(), peer.standby_port) in held
    }
    taken = set(held.values())
    for peer in peers:
        if peer.name in numbers:
            continue
        free = [number for number in range(1, MAX_STANDBYS + 1) if number not in taken]
        if not free:
            raise Refusal(
                seen="{0} uses all {1} destinations; {2} needs one".format(item.name, MAX_STANDBYS, peer.name),
                meaning="Destinations that are not described hold the numbers",
                remedy="let them go with playbooks/standby.yml and standby_remove_destinations: true, then run again",
            )
        numbers[peer.name] = free[0]
        taken.add(free[0])
    return numbers


def _links(item: Member, peers: Sequence[Member], numbers: Mapping[str, int]) -> Tuple[Dict[str, Any], ...]:
    """The destinations of a member, in the order of their numbers."""
    found = []
    for peer in sorted(peers, key=lambda one: numbers[one.name]):
        address = "[{0}]".format(peer.address) if ":" in peer.address else peer.address
        found.append(
            {
                "number": numbers[peer.name],
                "member": peer.name,
                "alias": alias_of(peer),
                "value": "{0}:{1} {2}".format(address, peer.standby_port, peer.transport),
                "enabled": peer.receives,
            }
        )
    return tuple(found)


def _own_keys(item: Member, sight: Sight, seed: bool) -> Dict[str, str]:
    """Tip keys of a member that have nothing to do with its peers."""
    own = {
        "DB_NAME": item.db_name,
        "LISTENER_PORT": str(item.listener_port),
        "CONTROL_FILES": ",".join('"{0}"'.format(path) for path in item.control_files),
        "DB_CREATE_FILE_DEST": '"{0}"'.format(item.data_dir),
        "LOG_ARCHIVE_DEST": '"{0}"'.format(item.archive_dir),
    }
    # It stays as it is whatever becomes of the member (H, MAN: left alone at a failover); a copy gets it before its first boot (H).
    redo = (
        (item.redo_name or redo_parameter(item.version))
        if seed and item.standby_redo
        else ""
        if seed
        else sight.redo_parameter
    )
    if redo:
        own[redo] = "Y"
    own.update(item.parameters)
    return own


def _replication_keys(
    item: Member, links: Sequence[Mapping[str, Any]], conversion: str, role: str
) -> Tuple[Dict[str, str], Tuple[str, ...], Tuple[str, ...]]:
    """Replication keys of a member's tip as written, those that must not be there, and those of destinations that nobody described.

    The switch stands in the tip only while a destination is suspended: earlier releases do not know it (catalogue, C).
    """
    keys = {"_STANDBY_CONN_PORT": str(item.standby_port), "_STANDBY_NETWORK_TIMEOUT": str(item.network_timeout)}
    absent = []
    if links:
        keys["LOG_REPLICATION_MODE"] = item.protection_mode.upper()
    else:
        absent.append("LOG_REPLICATION_MODE")  # a mode without a destination keeps a primary from booting (350009, C)
    for link in links:
        keys["LOG_REPLICATION_DEST_{0}".format(link["number"])] = '"{0}"'.format(link["value"])
        switch = item.enable_parameter.replace("{n}", str(link["number"]))
        if link["enabled"]:
            absent.append(switch)
        else:
            keys[switch] = "N"
    if conversion:
        keys["STANDBY_FILE_NAME_CONVERT"] = conversion
    unused = []
    for number in sorted(set(range(1, MAX_STANDBYS + 1)) - {link["number"] for link in links}):
        unused.append("LOG_REPLICATION_DEST_{0}".format(number))
        unused.append(item.enable_parameter.replace("{n}", str(number)))
    if role == facts.STANDBY and not item.symmetric_tips:
        keys = {key: value for key, value in keys.items() if not _OWN_PATTERN.match(key)}
    return keys, tuple(absent), tuple(unused)


def alias_of(item: Member) -> str:
    """The alias of a member in tbdsn.tbr: letters, digits and underscores only (conflict 17 of the reference)."""
    return re.sub(r"[^A-Za-z0-9_]", "_", item.name)


def peers(members: Sequence[Member], host: str) -> List[Dict[str, Any]]:
    """The other members as ``tibero_readiness_info`` takes them: ``{member, host, ports, alias}``."""
    return [
        {
            "member": other.name,
            "host": other.address,
            "ports": [other.listener_port, other.standby_port],
            "alias": alias_of(other),
        }
        for other in members
        if other.name != host
    ]


def aliases(members: Sequence[Member], own: Member) -> Tuple[Dict[str, Any], ...]:
    """The tbdsn entries of a member: TB_SID for its own instance (tbsql without an alias uses it), then one single-instance alias per node (H, MAN)."""
    entries = [(own.sid, own)] + [(alias_of(item), item) for item in members]
    result: List[Dict[str, Any]] = []
    for name, item in entries:
        if name not in [entry["name"] for entry in result]:
            result.append(
                {
                    "name": name,
                    "instances": [{"host": item.address, "port": item.listener_port, "db_name": item.db_name}],
                }
            )
    return tuple(result)


def drill_ways(
    members: Sequence[Member], alias: str, application: Mapping[str, int], direct: Mapping[str, int]
) -> Dict[str, Any]:
    """How the clients of a drill reach the members.

    :arg alias: of the application's path, through all members with failover. :arg application: writers and readers on it. :arg direct: writers and readers
        straight to each member.
    :returns: ``aliases`` for tbdsn.tbr; ``paths`` and, by member, ``guards`` as ``drill_probe`` takes them; ``names``, the member by what it says of itself.
    """

    def instance(item: Member) -> Dict[str, Any]:
        return {"host": item.address, "port": item.listener_port, "db_name": item.db_name}

    through = {"name": alias, "instances": [instance(item) for item in members], "use_failover": True}
    # Names of its own: a client may have the members' under theirs, and what the drill made is taken away again.
    own = {item.name: "{0}_{1}".format(alias, alias_of(item)) for item in members}
    single = [{"name": own[item.name], "instances": [instance(item)]} for item in members]
    return {
        "aliases": [through] + single,
        "paths": [dict(application, name="application", alias=alias)]
        + [dict(direct, name="direct:" + item.name, alias=own[item.name]) for item in members],
        "guards": {
            item.name: {"member": item.name, "alias": own[item.name], "host": item.address, "port": item.listener_port}
            for item in members
        },
        "names": {
            said: item.name for item in members for said in (item.name, "{0}:{1}".format(item.name, item.listener_port))
        },
    }


def plan(
    members: Sequence[Member],
    host: str,
    observed: Mapping[str, str],
    running: Mapping[str, bool],
    recorded: Mapping[str, str],
    cold: Optional[Mapping[str, Mapping[str, Any]]] = None,
    sights: Optional[Mapping[str, Sight]] = None,
    rebuild: bool = False,
    built: bool = False,
) -> Plan:
    """What ``host`` shall be.

    :arg members: all members, in the order of the inventory group.
    :arg observed: roles as observed; :arg running: whether instances run; :arg recorded: role that our own record on the member names, or "".
    :arg cold: what each stopped member's record of a cold copy says, see :func:`stopped_for_copy`.
    :arg sights: further observations by member. :arg rebuild: whether standbys that are marked for it are built anew.
    :arg built: whether nothing is built, so that a member without a database gets no redo, and a running one of unknown role is refused.
    :returns: :class:`Plan`. ``seed`` is True when the member needs a copy of the database: it has none, or an unfinished one of ours.
    :raises Refusal: when the description or the observation does not allow a safe plan.
    """
    check_cluster(members)
    resume = None
    if not built and not [name for name, role in observed.items() if role == facts.PRIMARY and running.get(name)]:
        resume = stopped_for_copy(members, observed, running, recorded, cold or {})
    primary = resume or find_primary(members, observed, running, cold)
    primary = primary or _first_primary(members)
    check_mode(members, primary)
    item = next(one for one in members if one.name == host)
    look = dict(sights or {})
    if built:
        _refuse_unknown_roles(members, observed, running, primary)
    marked = _marked(look, primary)
    role = facts.PRIMARY if host == primary else facts.STANDBY
    seed = role == facts.STANDBY and _needs_copy(host, observed, recorded, marked, rebuild)
    peers = [one for one in members if one.name != host]
    waiting = set() if rebuild else set(marked)
    if built:
        waiting |= {one.name for one in peers if observed.get(one.name) == facts.NO_DATABASE}
    sight = look.get(host, Sight())
    links = _links(item, [one for one in peers if one.name not in waiting], _numbers(item, peers, sight))
    replication, absent, unused = _replication_keys(item, links, _conversion(item, members, primary), role)
    return Plan(
        name=host,
        role=role,
        primary=primary,
        standbys=tuple(one.name for one in members if one.name != primary),
        parameters=_own_keys(item, sight, seed),
        replication=replication,
        destinations={"LOG_REPLICATION_DEST_{0}".format(link["number"]): link["value"] for link in links},
        aliases=aliases(members, item),
        reach=_reach(peers),
        seed=seed,
        observed=observed.get(host, facts.UNKNOWN),
        resume=host == resume,
        links=links,
        absent=absent,
        unused=unused,
        rebuild="" if rebuild else marked.get(host, ""),
    )


def _needs_copy(
    host: str, observed: Mapping[str, str], recorded: Mapping[str, str], marked: Mapping[str, str], rebuild: bool
) -> bool:
    """Whether a standby needs a copy of the database. A record of what is not there any more counts for nothing."""
    seen = observed.get(host, facts.UNKNOWN)
    if seen == facts.NO_DATABASE or (host in marked and rebuild):
        return True
    return seen != facts.STANDBY and recorded.get(host) != facts.STANDBY


def _reach(peers: Sequence[Member]) -> Tuple[Dict[str, Any], ...]:
    """The ports of the other members."""
    return tuple(
        {"host": peer.address, "port": port, "member": peer.name}
        for peer in peers
        for port in (peer.listener_port, peer.standby_port)
    )


def _first_primary(members: Sequence[Member]) -> str:
    """The member that shall be the first primary, while there is no database. :raises Refusal: when none is flagged."""
    flagged = [item.name for item in members if item.bootstrap]
    if not flagged:
        raise Refusal(
            seen="No member has a database and standby_bootstrap_primary is set on none of {0}".format(
                ", ".join(item.name for item in members)
            ),
            meaning="It is not known where the first primary shall be",
            remedy="set standby_bootstrap_primary: true on one member and run playbooks/setup_primary.yml",
            details={"variable": "standby_bootstrap_primary"},
        )
    return flagged[0]


def _marked(sights: Mapping[str, Sight], primary: str) -> Dict[str, str]:
    """Standbys that have to be built anew, and why."""
    return {name: sight.rebuild for name, sight in sights.items() if sight.rebuild and name != primary}


def refuse_marked(sights: Mapping[str, Sight], primary: str) -> None:
    """Before standbys are built: those that have to be built anew need a consent of their own.

    :raises Refusal: naming them.
    """
    marked = _marked(sights, primary)
    if not marked:
        return
    raise Refusal(
        seen="{0} has to be built anew: {1}".format(", ".join(sorted(marked)), sorted(marked.items())[0][1]),
        meaning="Redo cannot bring it to where the primary is, and building it anew overwrites its database",
        remedy="run playbooks/setup_standby.yml with standby_rebuild: true if that database may be overwritten",
        details={"variable": "standby_rebuild", "members": sorted(marked)},
    )


def _refuse_unknown_roles(
    members: Sequence[Member], observed: Mapping[str, str], running: Mapping[str, bool], primary: str
) -> None:
    """A member that runs and whose role is not known may accept writes as well.

    :raises UnknownState: naming it.
    """
    known = (facts.PRIMARY, facts.STANDBY, facts.NO_DATABASE)
    strange = [
        item.name
        for item in members
        if item.name != primary and running.get(item.name) and observed.get(item.name) not in known
    ]
    if strange:
        raise UnknownState(
            seen="{0} runs, and its role is {1}; primary is {2}".format(
                ", ".join(strange), observed.get(strange[0], facts.UNKNOWN), primary
            ),
            meaning="A running member whose role is not known may be a second primary, so nothing is changed",
            remedy="see it with playbooks/status.yml; boot it with `tbboot -t RECOVERY` if it is a standby, or stop it, then run again",
            details={"members": strange},
        )


def redo_parameter(version: int) -> str:
    """The parameter that switches standby redo logs on (conflict 5: 6 by its manual with an underscore, 7 without)."""
    return "_USE_STANDBY_REDO_LOG" if version == 6 else "USE_STANDBY_REDO_LOG"


def standby_tip(primary_tip: Mapping[str, str], own: Plan) -> Dict[str, str]:
    """The whole tip of a standby: what the primary has and all must share, overlaid with what is the member's own.

    :arg primary_tip: the primary's tip as key and written value.
    """
    shared = {key: value for key, value in primary_tip.items() if key not in OWN_KEYS and not _OWN_PATTERN.match(key)}
    shared.update(own.parameters)
    shared.update(own.replication)
    return shared
