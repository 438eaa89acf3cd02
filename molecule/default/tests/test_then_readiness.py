# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readiness on a built cluster of the emulator: it changes nothing, and what is broken goes red, and only that.

It comes last, since members are broken and mended. For a lab of either kind with seoul1 as the primary: FIREDRILL_READINESS_LAB names it, by
default that of the scenario.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from fingerprint import Fingerprint, difference, fingerprint

from lab.cluster import LAB_PASSWORD, LAB_SYSCAT_PASSWORD, ROOT, keeping, make_licence
from lab.hosts.api import Lab
from lab.hosts.system import wait_for

NAME = os.environ.get("FIREDRILL_READINESS_LAB") or "molecule-" + os.environ.get("MOLECULE_SCENARIO_NAME", "default")
PRIMARY, SECOND, THIRD = MEMBERS = ("seoul1", "seoul2", "busan1")
#: Seconds for one run, and for what is broken to be whole again.
LIMIT = 180.0


#: A callback that keeps the report, also of a run that fails because of it.
_KEEP = """
import json, os
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = '{name: keep_readiness, type: aggregate, short_description: Keep the report, description: For tests.}'

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME, CALLBACK_NEEDS_ENABLED = 2.0, "aggregate", "keep_readiness", True

    def _keep(self, result, **_options):
        if "readiness" in result._result:
            with open(os.environ["KEEP_READINESS_FILE"], "w", encoding="utf-8") as kept:
                json.dump(result._result["readiness"], kept)

    v2_runner_on_ok = _keep
    v2_runner_on_failed = _keep
"""


class Judged:
    """One run of playbooks/readiness.yml: exit code, report, and how often a module ran on each host."""

    def __init__(self, code: int, text: str, report: dict[str, Any], executions: Counter[str]) -> None:
        self.code, self.text, self.report, self.executions = code, text, report, executions

    def verdicts(self, name: str) -> dict[str, str]:
        return dict(self.report["candidates"][name]["verdicts"])

    def said(self, name: str, check: str) -> str:
        """Verdict and observation of one check of a candidate."""
        found = {
            each["id"]: f"{each['verdict']}: {each['observed']}" for each in self.report["candidates"][name]["checks"]
        }
        return found[check]

    def bad(self, *candidates: str) -> dict[str, str]:
        """The checks that are FAIL, or UNKNOWN and not accepted, with what was observed."""
        found = list(self.report["checks"])
        for name, candidate in self.report["candidates"].items():
            found += candidate["checks"] if name in (candidates or (name,)) else []
        return {
            check["id"]: f"{check['verdict']}: {check['observed']}"
            for check in found
            if check["verdict"] == "FAIL" or (check["verdict"] == "UNKNOWN" and not check["tolerated"])
        }


class Bench:
    """The lab, and what is done to it."""

    def __init__(self, workplace: Path) -> None:
        self.lab = Lab.open(NAME)
        self.workplace = workplace
        self.inventory = self.lab.directory / "inventory.yml"
        self.hosts = yaml.safe_load(self.inventory.read_text())["all"]["hosts"]
        self.directories = self.lab.state().backend == "directories"

    # ------------------------------------------------------------------------------------------ the playbook

    def judge(self, *arguments: str, check: bool = False) -> Judged:
        result, counts = self.workplace / "result.json", self.workplace / "counts"
        for path in (result, counts):
            path.unlink(missing_ok=True)
        (self.workplace / "keep_readiness.py").write_text(_KEEP)
        book = str(ROOT / "playbooks" / "readiness.yml")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "FIREDRILL_RUNS"))}
        surroundings = {
            **kept,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CALLBACK_PLUGINS": f"{ROOT / 'benchmarks' / 'callbacks'}:{self.workplace}",
            "ANSIBLE_CALLBACKS_ENABLED": "count_modules,keep_readiness",
            "KEEP_READINESS_FILE": str(result),
            "COUNT_MODULES_FILE": str(counts),
        }
        surroundings.update(keeping(surroundings))
        program = str(Path(sys.executable).parent / "ansible-playbook")
        argv = [program, "-i", str(self.inventory), book, *arguments]
        done = subprocess.run(
            [*argv, *(["--check"] if check else [])],
            cwd=ROOT,
            env=surroundings,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        text = done.stdout + done.stderr
        for secret in (LAB_PASSWORD, LAB_SYSCAT_PASSWORD):
            assert secret not in text
        assert result.exists(), text[-4000:]
        executed = Counter(line.split("\t")[0] for line in counts.read_text().splitlines())
        return Judged(done.returncode, text, json.loads(result.read_text()), executed)

    # --------------------------------------------------------------------------------------------- the members

    def home(self, name: str) -> Path:
        return Path(self.hosts[name].get("tibero_home", f"/home/tibero/tibero{self.hosts[name]['tibero_version']}"))

    def data(self, name: str) -> Path:
        return Path(self.hosts[name].get("tibero_data_dir", self.home(name) / "database" / "orders"))

    def shell(self, name: str, script: str) -> str:
        """Run a script on a member as its OS user, in the environment of Tibero."""
        home = self.home(name)
        line = f"export TB_HOME={home} TB_SID=orders LD_LIBRARY_PATH={home}/lib:{home}/client/lib"
        line += f" PATH={home}/bin:{home}/client/bin:/usr/local/bin:/usr/bin:/bin; cd /tmp; {script}"
        argv = ["sh", "-c", line] if self.directories else ["su", "-s", "/bin/sh", "tibero", "-c", line]
        return str(self.lab.run(name, argv, timeout=120).stdout)

    def sql(self, name: str, *statements: str) -> str:
        lines = "\n".join([f"CONN sys/'{LAB_PASSWORD}'", *statements, "EXIT"])
        return self.shell(name, f"tbsql -s <<'END'\n{lines}\nEND")

    def position(self, name: str) -> int:
        text = self.sql(name, "SELECT '<<' || TO_CHAR(CURRENT_TSN) || '>>' FROM V$DATABASE;")
        return int(text.split("<<")[-1].split(">>")[0])

    def until(self, what: str, true: Callable[[], bool]) -> None:
        wait_for(what, true, seconds=LIMIT)

    def boot(self, name: str, mode: str) -> None:
        self.shell(name, f"tbboot -t {mode} < /dev/null > /tmp/.boot-{name} 2>&1; rm -f /tmp/.boot-{name}")

    @contextmanager
    def replaced(self, name: str, path: Path, content: str) -> Iterator[None]:
        """A file of a member with another content meanwhile."""
        self.shell(
            name,
            f"mv {path} {path}.kept 2>/dev/null; mkdir -p {path.parent}; cat > {path} <<'END'\n{content}\nEND\nchmod 600 {path}",
        )
        try:
            yield
        finally:
            self.shell(name, f"rm -f {path}; if [ -e {path}.kept ]; then mv {path}.kept {path}; fi")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("readiness"))


@pytest.fixture
def untouched(bench: Bench) -> Iterator[None]:
    """No file, process, mode or owner of any member is another one after the run."""
    before: Fingerprint = fingerprint(bench.lab, MEMBERS)
    yield
    assert difference(before, fingerprint(bench.lab, MEMBERS)) == []


def only(found: Mapping[str, str], *names: str) -> None:
    assert set(found) == set(names), found


# ------------------------------------------------------------------------------------------------------ it is whole


@pytest.mark.parametrize("check", [False, True])
def test_a_good_cluster_is_ready_and_nothing_is_changed(bench: Bench, untouched: None, check: bool):
    judged = bench.judge(check=check)
    assert judged.code == 0, judged.text[-4000:]
    assert judged.bad() == {}
    for name in (SECOND, THIRD):
        assert judged.verdicts(name) == {"switchover": "OK", "failover": "WARN", "way_back": "OK"}, judged.text
    assert set(judged.executions) == set(MEMBERS)
    assert max(judged.executions.values()) <= 3, judged.executions
    assert "changed=0" in judged.text


def test_a_target_is_named(bench: Bench, untouched: None):
    judged = bench.judge("-e", f"standby_target={THIRD}")
    assert (judged.code, list(judged.report["candidates"])) == (0, [THIRD])


# ------------------------------------------------------------------------------------------- each break is its check


def test_a_stopped_standby_is_found_and_the_other_one_judged(bench: Bench):
    bench.shell(THIRD, "tbdown -t IMMEDIATE < /dev/null")
    try:
        judged = bench.judge()
        assert judged.code == 2
        assert "PC-B2.target.busan1" in judged.bad(THIRD)
        assert judged.verdicts(THIRD)["failover"] == "FAIL"
        assert judged.verdicts(SECOND) == {"switchover": "WARN", "failover": "WARN", "way_back": "WARN"}
        assert bench.judge("-e", "readiness_require=one").code == 0
    finally:
        bench.boot(THIRD, "RECOVERY")
        bench.until("it has caught up", lambda: bench.position(THIRD) >= bench.position(PRIMARY))


def test_an_expired_licence(bench: Bench, tmp_path: Path):
    host = os.uname().nodename if bench.directories else SECOND
    made = tmp_path / "license.xml"
    make_licence(host, int(bench.hosts[SECOND]["tibero_version"]), 10, made, "2020/01/01")
    with bench.replaced(SECOND, bench.home(SECOND) / "license" / "license.xml", made.read_text()):
        judged = bench.judge()
    assert judged.code == 2
    only(judged.bad(), "PC-B8.licence.seoul2")
    assert "expired on 2020-01-1" in judged.bad()["PC-B8.licence.seoul2"]
    assert judged.verdicts(THIRD)["switchover"] == "OK"


def test_another_password_of_sys(bench: Bench):
    with bench.replaced(SECOND, bench.data(SECOND) / ".passwd", "x" * 43):
        judged = bench.judge()
    bad = judged.bad()
    assert "PC-G2.password_file.seoul2.seoul1" in bad, bad
    assert [name for name in bad if name.startswith("PC-G2.login.seoul1.seoul2")], "redo could not log in any more"
    assert "PC-G2.login.seoul1.busan1" not in bad


@pytest.mark.parametrize(("state", "verdict"), [("demoting", "FAIL"), ("done", "OK")])
def test_an_unfinished_role_change(bench: Bench, state: str, verdict: str):
    path = bench.home(THIRD) / "instance" / "orders" / "firedrill" / "role_change" / "change.json"
    with bench.replaced(THIRD, path, json.dumps({"state": state})):
        judged = bench.judge()
    bench.shell(THIRD, f"rmdir {path.parent}")
    assert judged.bad().get("PC-A7.journal.busan1", "OK").split(":")[0] == verdict
    assert set(judged.verdicts(SECOND).values()) == ({"FAIL"} if verdict == "FAIL" else {"OK", "WARN"})


def test_a_tip_that_bites_after_the_change(bench: Bench):
    path = bench.home(SECOND) / "config" / "orders.tip"
    text = bench.shell(SECOND, f"cat {path}")
    lines = [line for line in text.splitlines() if not line.startswith(("MAX_SESSION_COUNT", "LOG_REPLICATION_DEST_1"))]
    with bench.replaced(SECOND, path, "\n".join([*lines, "MAX_SESSION_COUNT=20"])):
        judged = bench.judge()
    only(judged.bad(), "PC-E1.parameters.seoul2", "PC-E2.destinations.seoul2")


def test_a_transaction_that_is_open_for_long(bench: Bench):
    """One that is open for 3 s, with limits below that."""
    limits = json.dumps({"readiness_limits": {"transaction_warn": 1, "transaction_fail": 2}})
    opened = "CREATE TABLE readiness_open (id NUMBER);\nINSERT INTO readiness_open VALUES (1);\nHOST sleep 40"
    connect = f"CONN sys/'{LAB_PASSWORD}'"
    bench.shell(
        PRIMARY,
        f"(tbsql -s <<'END'\n{connect}\n{opened}\nROLLBACK;\nDROP TABLE readiness_open;\nEXIT\nEND\n) > /dev/null 2>&1 &",
    )
    bench.until(
        "it is open",
        lambda: "<<1>>" in bench.sql(PRIMARY, "SELECT '<<' || TO_CHAR(COUNT(*)) || '>>' FROM V$TRANSACTION;"),
    )
    judged = bench.judge("-e", limits)
    only(judged.bad(), f"PC-C11.transactions.{PRIMARY}")
    bench.until(
        "it is over",
        lambda: "<<0>>" in bench.sql(PRIMARY, "SELECT '<<' || TO_CHAR(COUNT(*)) || '>>' FROM V$TRANSACTION;"),
    )


def test_a_gap_with_its_range(bench: Bench):
    """The destination of seoul2 is off while the logs go round, and an archive that it needs is moved away."""
    number = next(
        each for each in range(1, 10) if f":{bench.hosts[SECOND].get('tibero_listener_port', 8629) + 4} " in
        bench.shell(PRIMARY, f"grep LOG_REPLICATION_DEST_{each} {bench.home(PRIMARY)}/config/orders.tip || true")
        and (bench.directories or "LGWR SYNC" in bench.shell(PRIMARY, f"grep LOG_REPLICATION_DEST_{each} {bench.home(PRIMARY)}/config/orders.tip"))
    )  # fmt: skip
    archives = Path(bench.hosts[PRIMARY].get("tibero_archive_dir", bench.data(PRIMARY) / "arch"))
    bench.sql(PRIMARY, f"ALTER SYSTEM SET LOG_REPLICATION_{number}_ENABLE=N;")
    # seoul2 has a part of this log at the most, so it needs the next one.
    current = bench.sql(PRIMARY, "SELECT '<<' || TO_CHAR(SEQUENCE#) || '>>' FROM V$LOG WHERE STATUS = 'CURRENT';")
    needed = int(current.split("<<")[-1].split(">>")[0]) + 1
    bench.sql(
        PRIMARY,
        "CREATE TABLE readiness_gap (id NUMBER);",
        *["ALTER SYSTEM SWITCH LOGFILE;"] * 6,
        "DROP TABLE readiness_gap;",
    )
    [gone] = wait_for(
        "the archive", lambda: bench.shell(PRIMARY, f"ls {archives} | grep -- '-s0*{needed}[.]' || true").split()
    )
    # The other standby may not need it any more.
    bench.until("it has caught up", lambda: bench.position(THIRD) >= bench.position(PRIMARY))
    bench.shell(PRIMARY, f"mv {archives}/{gone} {archives}/../{gone}.away")
    try:
        judged = bench.judge()
        gap = judged.said(SECOND, "PC-C2.gap.seoul2")
        assert gap.startswith("FAIL: ") and gap.endswith(f"not there: {needed}"), (gap, gone)
        assert "is switched off" in judged.said(SECOND, "PC-B2.attached.seoul2")
        assert judged.verdicts(SECOND)["switchover"] == "FAIL" and judged.verdicts(SECOND)["failover"] == "WARN"
        assert judged.verdicts(THIRD)["switchover"] == "OK", judged.bad(THIRD)
    finally:
        bench.shell(PRIMARY, f"mv {archives}/../{gone}.away {archives}/{gone}")
        bench.sql(PRIMARY, f"ALTER SYSTEM SET LOG_REPLICATION_{number}_ENABLE=Y;")
        bench.until("it has caught up", lambda: bench.position(SECOND) >= bench.position(PRIMARY))


def test_a_primary_that_is_down_leaves_the_failover(bench: Bench):
    bench.shell(PRIMARY, "tbdown -t IMMEDIATE < /dev/null")
    try:
        judged = bench.judge()
        assert judged.code == 2 and judged.report["primary"] == ""
        for name in (SECOND, THIRD):
            assert judged.verdicts(name)["switchover"] == "FAIL"
            assert judged.verdicts(name)["failover"] == "WARN", judged.report["candidates"][name]["blocking"]
        assert bench.judge("-e", json.dumps({"readiness_operations": ["failover"]})).code == 0
    finally:
        bench.boot(PRIMARY, "NORMAL")
        for name in (SECOND, THIRD):
            bench.until("it has caught up", lambda name=name: bench.position(name) >= bench.position(PRIMARY))  # type: ignore[misc]


def test_a_host_that_does_not_answer(bench: Bench):
    if bench.directories:
        pytest.skip("a host of directories cannot be cut off")
    bench.lab.crash(PRIMARY)
    try:
        judged = bench.judge("-e", "ansible_ssh_timeout=5")
        assert judged.report["silent"] == [PRIMARY] and judged.code != 0
        for name in (SECOND, THIRD):
            assert judged.verdicts(name)["failover"] == "WARN", judged.report["candidates"][name]["blocking"]
    finally:
        bench.lab.start(PRIMARY)
        # What the lost instance left has to be cleaned away first.
        bench.shell(PRIMARY, "echo y | tbdown clean > /dev/null; true")
        bench.boot(PRIMARY, "NORMAL")
        for name in (SECOND, THIRD):
            bench.until("it has caught up", lambda name=name: bench.position(name) >= bench.position(PRIMARY))  # type: ignore[misc]


def test_after_all_that_it_is_ready_again(bench: Bench, untouched: None):
    assert bench.judge().bad() == {}
