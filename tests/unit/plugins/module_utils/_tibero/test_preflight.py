# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every preflight check in every verdict it can have: one good pair of hosts, and one thing changed at a time."""

from __future__ import annotations

import datetime
import typing as t

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import checks, facts
from ansible_collections.firedrill.standby.plugins.module_utils._core.checks import FAIL, OK, UNKNOWN, WARN
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import known, unknown
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import preflight
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.preflight import (
    Facts,
    Wish,
    judge,
    to_be_opened,
)

TODAY = datetime.date(2026, 8, 1)
GIB = 1 << 30
DARK: t.Any = unknown("the test", "was hidden")

PORTS = [
    {"name": "listener", "port": 8629, "state": "free", "holder": ""},
    {"name": "standby", "port": 8633, "state": "free", "holder": ""},
]
LICENCE = {
    "path": "/tb/license/license.xml",
    "product_version": "7.2.3",
    "start_date": "2026/01/01",
    "end_date": "2027/01/01",
    "edition": "enterprise",
    "type": "real",
}
KERNEL = {
    "sem": [10000, 32000, 10000, 10000],
    "shmmax": "12884901888",
    "shmall": "3355443",
    "file_max": "6815744",
    "aio_max_nr": "1048576",
    "reserved_ports": "8629-8631,8633",
    "local_ports": "1024\t65500",
}

BOTH: dict[str, t.Any] = {
    "cpu_architecture": "x86_64",
    "word_size": 64,
    "endianness": "little",
    "os_name": "Linux",
    "os_release": "rocky 9.3",
    "kernel": "5.14.0",
    "tibero_version": "7",
    "tibero_build": "Build 254994",
    "db_name": "orders",
    "db_block_size": 8192,
    "log_archive_format": "log-t%t-r%r-s%s.arc",
    "parameters": {"DB_NAME": "orders", "TOTAL_SHM_SIZE": "4G", "LISTENER_PORT": "8629", "MAX_SESSION_COUNT": "50"},
    "ports": PORTS,
    "kernel_parameters": KERNEL,
    "memory": {"ram_bytes": 16 * GIB, "page_size": 4096},
    "remove_ipc": "no",
    "limits": {"nofile": 65536, "nproc": 16384},
    "names": [{"name": "seoul1", "addresses": ["192.0.2.1"], "error": ""}],
}
OWN: dict[str, t.Any] = dict(
    BOTH,
    host_name="seoul2",
    licence=dict(LICENCE, host="seoul2"),
    reach=[
        {"name": "seoul1", "host": "192.0.2.1", "port": 8629, "outcome": "connected", "answered": False, "detail": ""}
    ],
    space={
        "data": {"path": "/data", "device": "1", "free_bytes": 30 * GIB, "free_inodes": 10000},
        "archive": {"path": "/arch", "device": "2", "free_bytes": 10 * GIB, "free_inodes": None},
    },
    clock_offset={"low": -0.2, "high": 0.3, "how": "listener"},
    password_file={"path": "/data/.passwd", "digest": None, "salt": "s"},
    target={"state": "empty", "path": "/data", "detail": "", "bytes": 0},
    process=False,
    role=facts.NO_DATABASE,
)
PRIMARY: dict[str, t.Any] = dict(
    BOTH,
    host_name="seoul1",
    licence=dict(LICENCE, host="seoul1"),
    reach=[
        {"name": "seoul2", "host": "192.0.2.2", "port": 8633, "outcome": "connected", "answered": True, "detail": ""}
    ],
    character_set="UTF8",
    database_size={"bytes": 10 * GIB, "files": 20, "redo_bytes": GIB},
    password_file={"path": "/pdata/.passwd", "digest": "aa", "salt": "s"},
    process=True,
    role=facts.PRIMARY,
    open_mode=facts.READ_WRITE,
    archive_mode=True,
    backup_open=False,
    rmgr_jobs=[],
)


OURS = {"state": "ours", "path": "/data", "detail": "copy orders-seoul2-data"}
FOREIGN = {"state": "foreign", "path": "/data", "detail": "holds x.dtf"}


WISH = Wish("LGWR ASYNC", "hot", "UTF8")


def as_facts(values: t.Mapping[str, t.Any]) -> Facts:
    return Facts(
        {name: value if isinstance(value, facts.Fact) else known(value, "the test") for name, value in values.items()}
    )


#: A host that carries nothing yet.
NEW: dict[str, t.Any] = {"role": facts.NO_DATABASE, "process": False, "recorded_role": ""}


def judged(
    own: t.Mapping[str, t.Any] = {}, primary: t.Mapping[str, t.Any] = {}, wish: Wish = WISH
) -> list[checks.Check]:
    return judge(as_facts(dict(OWN, **own)), as_facts(dict(PRIMARY, **primary)), TODAY, wish=wish)


def one(found: t.Sequence[checks.Check], name: str) -> checks.Check:
    matching = [check for check in found if check.id == name]
    assert len(matching) == 1, f"{name} not in {[check.id for check in found]}"
    return matching[0]


def test_a_good_pair_is_all_ok() -> None:
    assert [check for check in judged() if check.verdict != OK] == []


def test_ids_are_unique_and_every_check_has_question_expectation_observation_and_source() -> None:
    found = judged()
    assert len({check.id for check in found}) == len(found)
    for check in found:
        assert all([check.question.endswith("?"), check.expected, check.observed, check.source]), check


def test_nothing_known_blocks_and_raises_nothing() -> None:
    found = judge(Facts({}), Facts({}), TODAY)
    assert {check.verdict for check in found} == {UNKNOWN}
    assert len(checks.blockers(found)) > 15


@pytest.mark.parametrize(
    ("field", "name", "other", "verdict"),
    [
        ("cpu_architecture", "platform.cpu_architecture", "aarch64", FAIL),
        ("word_size", "platform.word_size", 32, FAIL),
        ("endianness", "platform.endianness", "big", FAIL),
        ("os_name", "platform.os", "AIX", FAIL),
        ("os_release", "platform.os_release", "rocky 8.9", WARN),
        ("kernel", "platform.kernel", "4.18.0", WARN),
        ("tibero_version", "tibero.version", "6", FAIL),
        ("tibero_build", "tibero.build", "Build 163119", FAIL),
        ("db_name", "database.name", "stock", FAIL),
        ("db_block_size", "database.block_size", 16384, FAIL),
        ("log_archive_format", "database.log_archive_format", "%t_%s.arc", FAIL),
    ],
)
def test_what_must_be_equal_names_both_values(field: str, name: str, other: t.Any, verdict: str) -> None:
    check = one(judged({field: other}), name)
    assert check.verdict == verdict
    assert str(other) in check.observed and str(PRIMARY[field]) in check.expected and check.remedy
    for side in ({"own": {field: DARK}}, {"primary": {field: DARK}}):
        dark = one(judged(**side), name)
        assert dark.verdict == UNKNOWN and "was hidden" in dark.observed + dark.expected


@pytest.mark.parametrize(
    ("own", "primary", "wanted", "verdict"),
    [
        ({}, {}, "UTF8", OK),
        ({}, {}, "utf8", OK),
        ({}, {}, "", OK),
        ({}, {}, "MSWIN949", WARN),
        ({}, {"character_set": DARK}, "UTF8", UNKNOWN),
        ({"character_set": "UTF8"}, {}, "UTF8", OK),
        ({"character_set": "EUCKR"}, {}, "UTF8", FAIL),
    ],
)
def test_character_set(own: dict[str, t.Any], primary: dict[str, t.Any], wanted: str, verdict: str) -> None:
    assert one(judged(own, primary, Wish("LGWR ASYNC", "hot", wanted)), "database.character_set").verdict == verdict


@pytest.mark.parametrize(
    ("parameters", "verdict", "shown"),
    [
        ({}, OK, "equal"),
        ({"TOTAL_SHM_SIZE": "4096M"}, OK, "equal"),
        (
            {"LISTENER_PORT": "9000", "DB_CREATE_FILE_DEST": "/elsewhere", "LOG_REPLICATION_DEST_1": "x:1 LGWR ASYNC"},
            OK,
            "equal",
        ),
        ({"MAX_SESSION_COUNT": "20"}, WARN, "MAX_SESSION_COUNT: 20, primary 50"),
        ({"USE_RECYCLEBIN": "Y"}, WARN, "USE_RECYCLEBIN: Y, primary not set"),
    ],
)
def test_tip_drift(parameters: dict[str, str], verdict: str, shown: str) -> None:
    check = one(judged({"parameters": dict(BOTH["parameters"], **parameters)}), "tip.drift")
    assert (check.verdict, check.observed) == (verdict, shown)


def test_tip_drift_unknown_is_advisory() -> None:
    check = one(judged(primary={"parameters": DARK}), "tip.drift")
    assert check.verdict == UNKNOWN and not checks.blockers([check])


@pytest.mark.parametrize("who", ["own", "primary"])
@pytest.mark.parametrize(
    ("change", "verdict", "shown"),
    [
        ({}, OK, "valid until 2027-01-01, 153 days left"),
        ({"end_date": "2026/08/31"}, WARN, "30 days left"),
        ({"end_date": "2026/09/01"}, OK, "31 days left"),
        ({"end_date": "2026/08/01"}, WARN, "0 days left"),
        ({"end_date": "2026/07/31"}, FAIL, "expired on 2026-07-31, today is 2026-08-01"),
        ({"end_date": "2026/02/30"}, UNKNOWN, "'2026/02/30' is not a date"),
        ({"end_date": None}, WARN, "no end_date"),
        ({"start_date": "2026/08/02"}, FAIL, "valid only from 2026-08-02"),
        ({"host": "elsewhere"}, FAIL, "bound to host elsewhere"),
        ({"host": "SEOUL.example"}, FAIL, "bound to host SEOUL.example"),
        ({"host": ""}, OK, "not bound to a host"),
        ({"product_version": "6"}, FAIL, "for version 6, installed is 7"),
        ({"product_version": ""}, OK, "not stated"),
        ({"missing": True}, FAIL, "no file /tb/license/license.xml"),
    ],
)
def test_licence_on_both_hosts(who: str, change: dict[str, t.Any], verdict: str, shown: str) -> None:
    base = OWN if who == "own" else PRIMARY
    check = one(judged(**{who: {"licence": dict(base["licence"], **change)}}), f"licence.{who}")
    assert check.verdict == verdict and shown in check.observed


def test_licence_of_a_similar_host_name_warns_and_a_dark_one_is_unknown() -> None:
    assert one(judged({"licence": dict(OWN["licence"], host="Seoul2.example.org")}), "licence.own").verdict == WARN
    assert one(judged({"licence": DARK}), "licence.own").verdict == UNKNOWN
    assert one(judged({"host_name": DARK}), "licence.own").verdict == UNKNOWN


@pytest.mark.parametrize(("state", "verdict"), [("free", OK), ("ours", OK), ("foreign", FAIL), ("odd", UNKNOWN)])
def test_ports(state: str, verdict: str) -> None:
    check = one(judged({"ports": [dict(PORTS[0], state=state, holder="nginx[7]")]}), "ports.listener")
    assert check.verdict == verdict and "nginx[7]" in check.observed


@pytest.mark.parametrize("who", ["own", "primary"])
@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        ("connected", OK),
        ("established", OK),
        ("refused", UNKNOWN),
        ("timeout", FAIL),
        ("unresolved", FAIL),
        ("unreachable", FAIL),
    ],
)
def test_reach_in_both_directions(who: str, outcome: str, verdict: str) -> None:
    base = OWN if who == "own" else PRIMARY
    found = judged(**{who: {"reach": [dict(base["reach"][0], outcome=outcome)]}})
    name = "reach.from_here.seoul1.8629" if who == "own" else "reach.from_primary.seoul2.8633"
    assert one(found, name).verdict == verdict


OPENS = WISH._replace(prepared=True, opens_ports=True)


@pytest.mark.parametrize("outcome", ["refused", "timeout", "unreachable"])
def test_port_that_the_host_role_will_open_is_no_obstacle_yet(outcome: str) -> None:
    """firewalld rejects with ICMP (EHOSTUNREACH), a drop times out, and a rule may reset the connection."""
    blocked = {"reach": [dict(PRIMARY["reach"][0], outcome=outcome)]}
    name = "reach.from_primary.seoul2.8633"
    check = one(judged(NEW, blocked, OPENS), name)
    assert check.verdict == UNKNOWN and checks.blockers([check]) == []
    assert check.observed.startswith(outcome) and "will be opened by role host" in check.observed
    tried = to_be_opened(as_facts(dict(OWN, **NEW)), as_facts(dict(PRIMARY, **blocked)), OPENS)
    assert [(one["host"], one["port"]) for one in tried] == [(blocked["reach"][0]["host"], 8633)]
    for own, wish in (
        (NEW, WISH),
        (NEW, WISH._replace(prepared=True)),
        (NEW, WISH._replace(opens_ports=True)),
        ({"role": facts.STANDBY}, OPENS),
    ):
        check = one(judged(own, blocked, wish), name)
        assert check.verdict == (UNKNOWN if outcome == "refused" else FAIL) and checks.blockers([check]) == [check]
        assert to_be_opened(as_facts(dict(OWN, **own)), as_facts(dict(PRIMARY, **blocked)), wish) == []


def test_ports_of_the_primary_and_names_are_opened_by_nobody() -> None:
    back = dict(NEW, reach=[dict(OWN["reach"][0], outcome="timeout")])
    assert one(judged(back, wish=OPENS), "reach.from_here.seoul1.8629").verdict == FAIL
    nowhere = {"reach": [dict(PRIMARY["reach"][0], outcome="unresolved")]}
    assert one(judged(NEW, nowhere, OPENS), "reach.from_primary.seoul2.8633").verdict == FAIL


def test_names() -> None:
    assert (
        one(judged({"names": [{"name": "busan1", "addresses": [], "error": "not known"}]}), "names.peers").verdict
        == FAIL
    )
    assert one(judged({"names": DARK}), "names.peers").verdict == UNKNOWN


def space(data: float, archive: float = 10, same: bool = False, inodes: int | None = 10000) -> dict[str, t.Any]:
    return {
        "space": {
            "data": {"path": "/data", "device": "1", "free_bytes": int(data * GIB), "free_inodes": inodes},
            "archive": {
                "path": "/arch",
                "device": "1" if same else "2",
                "free_bytes": int((data if same else archive) * GIB),
                "free_inodes": None,
            },
        }
    }


@pytest.mark.parametrize(
    ("own", "name", "verdict"),
    [
        (space(15), "space.data", OK),
        (space(14), "space.data", WARN),
        (space(11), "space.data", WARN),
        (space(10.9), "space.data", FAIL),
        (space(15, inodes=19), "space.data", FAIL),
        (space(15, 2), "space.archive", FAIL),
        (space(15, 2.5), "space.archive", WARN),
        (space(18, same=True), "space.data_and_archive", OK),
        (space(13, same=True), "space.data_and_archive", FAIL),
        ({"space": DARK}, "space.data", UNKNOWN),
        (dict(space(7), target={"state": "unfinished", "path": "/data", "bytes": 6 * GIB}), "space.data", OK),
        (dict(space(0), role=facts.STANDBY), "space.data", OK),
    ],
)
def test_space(own: dict[str, t.Any], name: str, verdict: str) -> None:
    assert one(judged(own), name).verdict == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.2, 0.3, OK),
        (-4, 5, OK),
        (-2, 20, UNKNOWN),
        (6, 7, WARN),
        (-59, -58, WARN),
        (61, 62, FAIL),
        (-300, -299, FAIL),
    ],
)
def test_clock_offset_is_an_interval(low: float, high: float, verdict: str) -> None:
    assert one(judged({"clock_offset": {"low": low, "high": high, "how": "x"}}), "clock.offset").verdict == verdict


@pytest.mark.parametrize(
    ("change", "name", "verdict"),
    [
        ({"sem": [250, 32000, 32, 128]}, "host.semaphores", WARN),
        ({"sem": []}, "host.semaphores", WARN),
        ({"file_max": "1000"}, "host.file_max", WARN),
        ({"file_max": None}, "host.file_max", UNKNOWN),
        ({"aio_max_nr": "65536"}, "host.aio_max_nr", WARN),
        ({"shmmax": "33554432"}, "host.shared_memory", FAIL),
        ({"shmall": "1000"}, "host.shared_memory", FAIL),
        ({"shmall": None}, "host.shared_memory", UNKNOWN),
        ({"shmmax": "18446744073692774399"}, "host.shared_memory", OK),
        ({"reserved_ports": "8629"}, "host.reserved_ports", WARN),
        ({"reserved_ports": "", "local_ports": "32768\t60999"}, "host.reserved_ports", OK),
    ],
)
def test_kernel(change: dict[str, t.Any], name: str, verdict: str) -> None:
    assert one(judged({"kernel_parameters": dict(KERNEL, **change)}), name).verdict == verdict


def test_more_shared_memory_than_memory_fails_and_a_dark_kernel_is_unknown() -> None:
    check = one(judged({"memory": {"ram_bytes": 2 * GIB, "page_size": 4096}}), "host.memory")
    assert check.verdict == FAIL and "tibero_total_shm_size" in check.remedy
    assert one(judged({"kernel_parameters": DARK}), "host.kernel").verdict == UNKNOWN


@pytest.mark.parametrize(
    ("value", "verdict"),
    [("no", OK), ("exempt", OK), ("default", WARN), ("yes", FAIL), (DARK, UNKNOWN), ("maybe", UNKNOWN)],
)
def test_remove_ipc(value: t.Any, verdict: str) -> None:
    assert one(judged({"remove_ipc": value}), "host.remove_ipc").verdict == verdict


@pytest.mark.parametrize(
    ("key", "value", "verdict"), [("nofile", 1024, WARN), ("nproc", 2047, WARN), ("nofile", -1, OK), ("nproc", -1, OK)]
)
def test_limits(key: str, value: int, verdict: str) -> None:
    assert one(judged({"limits": dict(BOTH["limits"], **{key: value})}), f"host.{key}").verdict == verdict


@pytest.mark.parametrize(
    ("own", "verdict", "shown"),
    [
        ({}, OK, "empty"),
        ({"target": {"state": "absent", "path": "/data"}}, OK, "absent"),
        (
            {"target": {"state": "unfinished", "path": "/data", "detail": "copy of 2026-07-30"}},
            OK,
            "copy of 2026-07-30",
        ),
        ({"target": FOREIGN}, FAIL, "holds x.dtf"),
        (
            {"target": OURS, "process": True, "open_mode": facts.MOUNTED, "role": DARK},
            OK,
            "mounted by an interrupted run",
        ),
        ({"target": OURS, "process": True, "open_mode": facts.READ_WRITE, "role": DARK}, FAIL, "an instance runs here"),
        ({"target": OURS, "process": True, "open_mode": DARK, "role": DARK}, FAIL, "an instance runs here"),
        ({"target": FOREIGN, "process": True, "open_mode": facts.MOUNTED, "role": DARK}, FAIL, "an instance runs here"),
        ({"process": True, "role": facts.PRIMARY}, FAIL, "an instance runs here, role primary"),
        ({"role": facts.STANDBY, "process": True}, OK, "a standby already"),
        ({"role": DARK, "recorded_role": facts.STANDBY, "process": False, "target": FOREIGN}, OK, "a standby already"),
        ({"role": DARK, "recorded_role": "", "process": False, "target": FOREIGN}, FAIL, "holds x.dtf"),
        ({"role": DARK, "recorded_role": facts.STANDBY, "process": True}, FAIL, "an instance runs here"),
        ({"target": DARK}, UNKNOWN, "was hidden"),
    ],
)
def test_target(own: dict[str, t.Any], verdict: str, shown: str) -> None:
    check = one(judged(own), "target.state")
    assert check.verdict == verdict and shown in check.observed


def test_a_former_primary_that_rejoins_keeps_its_files_and_needs_no_space_for_a_copy() -> None:
    own = {"target": FOREIGN, "process": False, "role": DARK, "recorded_role": facts.PRIMARY}
    rejoins = WISH._replace(keeps_files=True)
    found = judged(own, wish=rejoins)
    assert one(found, "target.state").verdict == OK
    assert [check.id for check in judged(own) if check.id.startswith("space.data")]
    assert not [check.id for check in found if check.id.startswith("space.data")]
    running = {**own, "process": True, "role": facts.PRIMARY}
    assert one(judged(running, wish=rejoins), "target.state").verdict == FAIL


def test_an_instance_that_an_interrupted_run_may_be_starting_is_waited_for_and_not_moved_away() -> None:
    check = one(judged({"target": OURS, "process": True, "open_mode": DARK, "role": DARK}), "target.state")
    assert check.verdict == FAIL and "does not tell its mode: was hidden" in check.observed
    assert "run again in a minute" in check.remedy and "away" not in check.remedy


def passwd(digest: str | None, salt: str = "s") -> dict[str, t.Any]:
    return {"password_file": {"path": "/x/.passwd", "digest": digest, "salt": salt}}


@pytest.mark.parametrize(
    ("own", "primary", "verdict"),
    [
        (passwd(None), {}, OK),
        (passwd("aa"), {}, OK),
        (passwd("bb"), {}, OK),
        (dict(passwd("aa"), role=facts.STANDBY), {}, OK),
        (dict(passwd("bb"), role=facts.STANDBY), {}, FAIL),
        (dict(passwd("aa", "other"), role=facts.STANDBY), {}, FAIL),
        (dict(passwd(None), role=facts.STANDBY), {}, FAIL),
        ({}, passwd(None), FAIL),
        ({"password_file": DARK}, {}, UNKNOWN),
        ({}, {"password_file": DARK}, UNKNOWN),
    ],
)
def test_password_file(own: dict[str, t.Any], primary: dict[str, t.Any], verdict: str) -> None:
    assert one(judged(own, primary), "password_file").verdict == verdict


@pytest.mark.parametrize(
    ("primary", "verdict"),
    [
        ({}, OK),
        ({"process": False}, FAIL),
        ({"open_mode": facts.MOUNTED}, FAIL),
        ({"role": facts.STANDBY}, FAIL),
        ({"role": DARK}, UNKNOWN),
        ({"open_mode": DARK}, UNKNOWN),
    ],
)
def test_primary_open(primary: dict[str, t.Any], verdict: str) -> None:
    assert one(judged(primary=primary), "primary.open").verdict == verdict


def test_a_stopped_primary_is_one_obstacle_and_not_ten() -> None:
    silent = {"process": False, "archive_mode": DARK, "backup_open": DARK, "database_size": DARK, "role": DARK}
    assert [check.id for check in checks.blockers(judged(primary=silent))] == ["primary.open"]


def test_a_wrong_password_is_one_obstacle_that_names_the_variable() -> None:
    no_login = unknown("views", "Login of sys failed: TBR-17001: Login failed: invalid user name or password")
    silent = {"role": no_login, "open_mode": no_login, "archive_mode": no_login, "backup_open": no_login}
    (blocker,) = checks.blockers(judged(primary=silent))
    assert blocker.id == "primary.open" and "tibero_sys_password" in blocker.remedy and "TBR-17001" in blocker.observed
    # Tolerating that one question does not answer the others.
    found = judge(as_facts(OWN), as_facts(dict(PRIMARY, **silent)), TODAY, tolerate=["primary.open"])
    assert {check.id for check in checks.blockers(found)} == {"primary.archive_mode", "primary.backup"}


@pytest.mark.parametrize(
    ("archiving", "transport", "method", "built", "verdict"),
    [
        (True, "ARCH ASYNC", "hot", False, OK),
        (False, "ARCH ASYNC", "cold", False, FAIL),
        (False, "ARCH ASYNC", "cold", True, FAIL),
        (False, "LGWR SYNC", "hot", False, FAIL),
        (False, "LGWR SYNC", "hot", True, WARN),
        (False, "LGWR ASYNC", "cold", False, WARN),
        (DARK, "LGWR ASYNC", "cold", False, UNKNOWN),
    ],
)
def test_archive_mode_against_transport_and_method(
    archiving: t.Any, transport: str, method: str, built: bool, verdict: str
) -> None:
    own = {"role": facts.STANDBY} if built else {}
    check = one(judged(own, {"archive_mode": archiving}, Wish(transport, method, "UTF8")), "primary.archive_mode")
    assert check.verdict == verdict
    if verdict == FAIL:
        assert transport in check.expected or "hot copy" in check.expected


@pytest.mark.parametrize(
    ("primary", "name", "verdict"),
    [
        ({"backup_open": True, "backup_ours": True}, "primary.backup", WARN),
        ({"backup_open": True, "backup_ours": False}, "primary.backup", FAIL),
        ({"backup_open": True, "backup_ours": DARK}, "primary.backup", UNKNOWN),
        ({"backup_open": DARK}, "primary.backup", UNKNOWN),
        ({"rmgr_jobs": ["tbrmgr backup -o /b"]}, "primary.rmgr", FAIL),
        ({"rmgr_jobs": DARK}, "primary.rmgr", UNKNOWN),
    ],
)
def test_jobs(primary: dict[str, t.Any], name: str, verdict: str) -> None:
    assert one(judged(primary=primary), name).verdict == verdict


def test_before_the_installation_the_build_is_asked_later_and_the_version_of_the_description_counts() -> None:
    fresh = {"installed": False, "tibero_build": DARK}
    check = one(judged(fresh), "tibero.build")
    assert check.verdict == UNKNOWN and not checks.blockers([check]) and "after the installation" in check.observed
    assert one(judged(dict(fresh, tibero_version="6")), "tibero.version").verdict == FAIL
    installed = one(judged({"installed": True, "tibero_build": DARK}), "tibero.build")
    assert checks.blockers([installed]) == [installed]


def test_what_the_host_role_will_set_is_not_asked_for_yet_but_memory_is() -> None:
    weak = {"kernel_parameters": dict(KERNEL, sem=[1, 1, 1, 1], shmmax="1"), "remove_ipc": "yes"}
    later = WISH._replace(prepared=True)
    for name in ("host.semaphores", "host.shared_memory", "host.remove_ipc"):
        assert one(judged(weak), name).verdict in (WARN, FAIL)
        check = one(judged(weak, wish=later), name)
        assert check.verdict == OK and "role host will set it" in check.observed
    small = {"memory": {"ram_bytes": 2 * GIB, "page_size": 4096}}
    assert one(judged(small, wish=later), "host.memory").verdict == FAIL


def test_alone_a_host_is_judged_by_itself() -> None:
    names = {check.id for check in judge(as_facts(OWN), None, TODAY)}
    assert "licence.own" in names and "licence.primary" not in names and "platform.endianness" not in names


def test_tolerance_reaches_the_checks() -> None:
    found = judge(as_facts(dict(OWN, db_name=DARK)), as_facts(PRIMARY), TODAY, tolerate=["database.name"])
    assert one(found, "database.name").tolerated and not checks.blockers(found)


def test_facts_round_trip_and_foreign_data_is_refused() -> None:
    some = Facts({"db_name": known("orders", "tip"), "role": unknown("views", "no login")})
    again = Facts.from_dict(some.as_dict())
    assert again["db_name"] == some["db_name"] and again["role"] == some["role"] and not again["clock"].is_known
    with pytest.raises(ValueError, match="bogus"):
        Facts.from_dict({"bogus": {"value": 1}})
    with pytest.raises(KeyError):
        some["bogus"]


def test_port_ranges() -> None:
    assert preflight.port_ranges("8629-8631,8633\n") == [(8629, 8631), (8633, 8633)]
    assert preflight.port_ranges("1024\t65500\n") == [(1024, 65500)]
    assert preflight.port_ranges("") == []


def test_the_table_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    found = judged({"endianness": "big", "db_name": DARK, "kernel": "4.18.0"})
    lines = checks.table(found)
    print("\n".join(lines))
    assert lines[0].startswith("FAIL: 1 FAIL, 1 UNKNOWN, 1 WARN, ")
    assert "platform.endianness" in capsys.readouterr().out
