# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""seed_pull and seed_offer as modules call them: states, check mode, attaching, jobs that died, offers that come and
go.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal, StandbyError
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Completed, run
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import (
    manifest,
    offer,
    offer_task,
    pull,
    pull_task,
    transport,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

CHUNK = 64 * 1024
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFOXU target"


def defaults(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: option.get("default") for name, option in spec.items()}


class Member:
    """Calls the two modules' functions for one lab."""

    def __init__(self, lab: Any) -> None:
        self.lab = lab
        self.offers = lab.base / "offers"
        self.ssh = lab.base / "home" / ".ssh"

    def offer(self, check: bool = False, **changes: Any) -> Outcome:
        params = dict(
            defaults(offer_task.SPEC),
            seed_id="s1",
            directory=str(self.offers),
            transport="local",
            files=[file.source for file in self.lab.files],
            trees=[{"source": tree.source, "exclude": list(tree.exclude)} for tree in self.lab.trees],
            authorized_keys=str(self.ssh / "authorized_keys"),
        )
        return offer_task.seed_offer(Context({**params, **changes}, check, run))

    def pull(self, check: bool = False, runner: Any = run, **changes: Any) -> Outcome:
        params = dict(
            defaults(pull_task.SPEC),
            seed_id="s1",
            seed_dir=str(self.lab.seed_dir),
            chunk_size=CHUNK,
            files=[{"source": file.source, "target": file.target, "kind": file.kind} for file in self.lab.files],
            trees=[{"source": tree.source, "target": tree.target} for tree in self.lab.trees],
        )
        params["source"] = changes.pop("source", None) or (
            self.offer().values["source"] if changes.get("state") is None else None
        )
        return pull_task.seed_pull(
            Context({**params, **{key: value for key, value in changes.items() if value is not None}}, check, runner)
        )


@pytest.fixture
def member(lab: Any) -> Iterator[Member]:
    one = Member(lab)
    one.ssh.parent.mkdir()
    yield one
    detached.cancel(str(lab.seed_dir), pull_task.JOB)


def until(predicate: Callable[[], Any], what: str) -> Any:
    return wait_until(predicate, bool, 30, what, "", interval=0.05).value


def test_pull_and_pull_again(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(5 * CHUNK))
    first = member.pull()
    assert first.changed and first.values["finished"] and first.values["bytes_sent"] == 5 * CHUNK and member.lab.same()
    second = member.pull()
    assert not second.changed and second.values["finished"] and second.values["bytes_sent"] == 0
    assert set(first.values) - {"job"} == set(second.values), "the same keys whether or not something changed"
    assert not member.pull(check=True).changed


def test_verify_reads_what_stat_cannot_see(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(5 * CHUNK))
    member.pull()
    path = member.lab.target / "a.dtf"
    seen = path.stat()
    with path.open("r+b") as file:
        file.write(b"rot")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert not member.pull().changed
    assert member.pull(verify=True).values["bytes_sent"] == CHUNK
    assert member.lab.same()


def test_check_mode_predicts_and_writes_nothing(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(5 * CHUNK))
    unasked = member.pull(check=True, source={"transport": "ssh"})
    assert unasked.changed and unasked.values["bytes_total"] is None and "cannot be asked" in unasked.values["msg"]
    assert member.offer(check=True).changed and not member.offers.exists()
    source = member.offer().values["source"]
    before = member.lab.state()
    predicted = member.pull(check=True, source=source)
    assert (
        predicted.changed
        and predicted.values["bytes_total"] == 5 * CHUNK
        and predicted.values["spaces"][0]["path"] == str(member.lab.target)
    )
    assert predicted.after == {str(member.lab.target / "a.dtf"): f"{5 * CHUNK} bytes, mode 0644"}
    assert member.lab.state() == before and os.listdir(member.lab.seed_dir) == []


def slow(member: Member, noise: Any) -> Outcome:
    """A copy that takes a while, left to itself."""
    member.lab.add("a.dtf", noise(40 * CHUNK))
    return member.pull(wait=False, rate_limit=8 * CHUNK)


def test_copy_goes_on_alone_and_is_attached_to(member: Member, noise: Any) -> None:
    first = slow(member, noise)
    assert not first.changed and first.values["finished"] is False and first.values["job"]
    second = member.pull(wait=False, rate_limit=8 * CHUNK)
    assert second.values["job"] == first.values["job"]
    until(lambda: member.pull(wait=False, job=first.values["job"]).values["progress"].get("bytes_done"), "progress")
    assert (member.lab.seed_dir / pull.POLLED).exists()
    with pytest.raises(Refusal, match=r"already at work: process \d+, since \d+ s, on .seed s1, generation") as refused:
        member.pull(generation="another")
    assert str(first.values["job"]).partition("-")[0] in str(refused.value)
    end = until(
        lambda: (lambda seen: seen if seen.values["finished"] else None)(
            member.pull(wait=False, job=first.values["job"])
        ),
        "the end",
    )
    assert end.changed and end.values["bytes_sent"] == 40 * CHUNK and member.lab.same()


def test_killed_copy_is_found_dead_and_resumed(member: Member, noise: Any) -> None:
    first = slow(member, noise)
    until(
        lambda: member.pull(wait=False, job=first.values["job"]).values["progress"].get("bytes_sent", 0) > 6 * CHUNK,
        "some bytes",
    )
    os.kill(int(first.values["job"].partition("-")[0]), signal.SIGKILL)
    until(lambda: detached.ask(str(member.lab.seed_dir), pull_task.JOB).state == detached.DIED, "death")
    with pytest.raises(StandbyError, match="is died; it had") as died:
        member.pull(wait=False, job=first.values["job"])
    assert "Run the same task again" in died.value.remedy
    result = member.pull().values
    assert member.lab.same()
    assert result["bytes_skipped"] >= 6 * CHUNK and result["bytes_sent"] + result["bytes_skipped"] == 40 * CHUNK


def test_failure_of_the_job_is_the_modules(member: Member, noise: Any) -> None:
    source = member.lab.add("a.dtf", noise(40 * CHUNK))
    first = member.pull(wait=False, rate_limit=8 * CHUNK)
    until(lambda: member.pull(wait=False, job=first.values["job"]).values["progress"].get("bytes_done"), "progress")
    # The agent has the file open and reads on; its successor does not find it any more.
    source.unlink()
    os.kill(until(lambda: _agent_of(int(first.values["job"].partition("-")[0])), "the agent"), signal.SIGKILL)
    until(lambda: not detached.ask(str(member.lab.seed_dir), pull_task.JOB).is_running, "the failure")
    with pytest.raises(StandbyError, match=r"a\.dtf"):
        member.pull(wait=False, job=first.values["job"])


def _agent_of(pid: int) -> int:
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            return int(place.name)
    return 0


def test_other_job_is_not_taken_for_ours(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(10))
    member.pull()
    with pytest.raises(StandbyError, match="Another run of the same copy took over"):
        member.pull(job="1-1")


def test_source_that_was_not_offered(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(10))
    with pytest.raises(Refusal, match=r"does not exist.*state=prepared"):
        member.pull(source={"transport": "ssh", "host": "10.0.0.1", "user": "tibero", "host_keys": ["x y"]})


def test_prepared_makes_one_key_and_keeps_it(member: Member) -> None:
    lab = member.lab
    predicted = member.pull(check=True, state="prepared")
    assert predicted.changed and predicted.values["public_key"] is None and os.listdir(lab.seed_dir) == []
    first = member.pull(state="prepared")
    assert first.changed and first.values["public_key"].startswith("ssh-") and not first.values["resumes"]
    assert stat.S_IMODE((lab.seed_dir / "key").stat().st_mode) == 0o600
    assert "PRIVATE" not in json.dumps([first.values, first.before, first.after])
    second = member.pull(state="prepared")
    assert not second.changed and second.values["public_key"] == first.values["public_key"]


def test_key_type_follows_the_hosts_policy(member: Member) -> None:
    asked = []

    def keygen(command: Command) -> Completed:
        asked.append(command.argv[3])
        if command.argv[3] == "ed25519":
            return Completed(command.argv, 255, "", "ED25519 keys are not allowed in FIPS mode", 0.0, False)
        return run(command)

    assert member.pull(state="prepared", runner=keygen).values["public_key"].startswith("ecdsa-")
    assert asked == ["ed25519", "ecdsa"]
    member.pull(state="absent")
    with pytest.raises(CommandFailed, match="made no key: no way; no way; no way"):
        member.pull(state="prepared", runner=lambda command: Completed(command.argv, 1, "", "no way", 0.0, False))


def test_prepared_tells_what_is_there(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(CHUNK))
    member.pull(generation="g1")
    told = member.pull(state="prepared", generation="g1")
    assert told.values["finished"] and told.values["ours"] and told.values["public_key"]
    assert member.pull(state="prepared").values["finished"], "no generation means any"
    assert not member.pull(state="prepared", generation="g2").values["finished"]
    assert not member.pull(state="prepared", seed_id="s2").values["ours"]
    assert not member.pull(generation="g1").changed
    assert not (member.lab.seed_dir / "key").exists(), "a key that was not needed is not left behind"
    (member.lab.target / "a.dtf").write_bytes(b"a database lived here")
    told = member.pull(state="prepared")
    assert told.values["ours"] and not told.values["finished"]


def test_absent_removes_an_unfinished_copy_and_nothing_else(member: Member, noise: Any) -> None:
    lab = member.lab
    home = lab.source / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "x").write_bytes(noise(CHUNK))
    lab.trees.append(manifest.Tree(str(home), str(lab.target / "copy"), ()))
    (lab.target / "theirs").write_text("precious")
    first_job = None
    lab.add("a.dtf", noise(40 * CHUNK))
    first_job = member.pull(wait=False, rate_limit=8 * CHUNK, tolerate=["theirs"]).values["job"]
    until(
        lambda: member.pull(wait=False, job=first_job, tolerate=["theirs"]).values["progress"].get("bytes_done"),
        "progress",
    )
    assert member.pull(check=True, state="absent").changed and (lab.target / "a.dtf.firedrill-part").exists()
    gone = member.pull(state="absent")
    assert gone.changed and str(lab.target / "a.dtf.firedrill-part") in gone.values["removed"]
    assert [str(path.relative_to(lab.target)) for path in lab.target.rglob("*") if path.is_file()] == ["theirs"]
    assert not lab.seed_dir.exists() and not member.pull(state="absent").changed


def test_absent_leaves_the_files_of_a_finished_copy(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(CHUNK))
    member.pull()
    gone = member.pull(state="absent")
    assert gone.changed and gone.values["removed"] == [] and member.lab.same() and not member.lab.seed_dir.exists()


def test_absent_of_another_seed_is_refused(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(CHUNK))
    member.pull()
    with pytest.raises(Refusal, match="belongs to seed 's1', asked for is 's2'"):
        member.pull(state="absent", seed_id="s2")


@pytest.mark.parametrize(
    ("mode", "fine"), [("0640", True), ("600", True), ("rw", False), ("0000", False), ("99999", False), ("888", False)]
)
def test_mode_is_octal(member: Member, noise: Any, mode: str, fine: bool) -> None:
    source = member.lab.add("a.dtf", noise(10))
    files = [{"source": str(source), "target": str(member.lab.target / "a.dtf"), "kind": "datafile", "mode": mode}]
    if fine:
        assert member.pull(files=files).values["files"][0]["mode"] == f"{int(mode, 8):04o}"
    else:
        with pytest.raises(Refusal, match="mode is"):
            member.pull(files=files)


# -- offers


def scan(
    banner: str = "SSH-2.0-OpenSSH_9.2p1 Debian-2",
    keys: str = "127.0.0.1 ssh-ed25519 HOSTKEY\n127.0.0.1 ssh-rsa OTHER\n",
) -> Callable[[Command], Completed]:
    def play(command: Command) -> Completed:
        assert command.argv[0] == "ssh-keyscan" and command.argv[-1] == "127.0.0.1"
        return Completed(command.argv, 0, f"# 127.0.0.1:22 {banner}\n{keys}", "", 0.0, False)

    return play


def ssh_offer(
    member: Member, runner: Any = None, check: bool = False, now: float = 1000.0, **changes: Any
) -> offer.Offered:
    params = dict(
        defaults(offer_task.SPEC),
        seed_id="s1",
        directory=str(member.offers),
        public_key=KEY,
        allowed_from=["10.0.0.2"],
        files=[file.source for file in member.lab.files],
        authorized_keys=str(member.ssh / "authorized_keys"),
        expires_in=3600,
    )
    return offer.present(offer_task.wish_of({**params, **changes}), runner or scan(), check, now)


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offer, "check_shell", lambda: None)


def test_offer_adds_one_line_and_takes_exactly_it_away(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(10))
    member.ssh.mkdir(mode=0o700)
    keys = member.ssh / "authorized_keys"
    theirs = b"# caf\xe9\r\nssh-rsa AAAA admin firedrill-seeds=no\n\nssh-rsa BBBB other"
    keys.write_bytes(theirs)
    keys.chmod(0o640)
    assert ssh_offer(member, check=True).changed and keys.read_bytes() == theirs and not member.offers.exists()
    offered = ssh_offer(member)
    agent_file, list_file = member.offers / "s1" / "agent.py", member.offers / "s1" / "offer.json"
    ours = (
        f'\nrestrict,command="{sys.executable} -I {agent_file} {list_file}",from="10.0.0.2",'
        f'expiry-time="{_local(4600)}" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFOXU firedrill-seed=s1\n'
    )
    assert keys.read_bytes() == theirs + ours.encode()
    assert (
        offered.changed
        and offered.source["host_keys"] == ["ssh-ed25519 HOSTKEY", "ssh-rsa OTHER"]
        and offered.source["port"] == 22
    )
    assert stat.S_IMODE(keys.stat().st_mode) == 0o640 and stat.S_IMODE((member.offers / "s1").stat().st_mode) == 0o700
    assert agent_file.read_text() == Path(offer.agent.__file__ or "").read_text()
    assert not ssh_offer(member, now=1500).changed
    assert ssh_offer(member, now=3000).changed, "less than half of the time is left"
    assert (
        ssh_offer(member, now=3000, public_key="ssh-ed25519 NEWKEY").changed
        and keys.read_text("latin-1").count("firedrill-seed=s1") == 1
    )
    assert offer.absent(str(member.offers), "s1", str(keys), True).changed and b"firedrill-seed=s1" in keys.read_bytes()
    assert offer.absent(str(member.offers), "s1", str(keys), False).changed
    assert keys.read_bytes() == theirs + b"\n" and not (member.offers / "s1").exists()
    assert not offer.absent(str(member.offers), "s1", str(keys), False).changed


def _local(moment: int) -> str:
    kept = os.environ.pop("TZ", None)
    time.tzset()
    text = time.strftime("%Y%m%d%H%M%S", time.localtime(moment))
    if kept is not None:
        os.environ["TZ"] = kept
        time.tzset()
    return text


def test_files_made_for_an_offer_go_with_it(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(10))
    ssh_offer(member)
    assert (
        stat.S_IMODE(member.ssh.stat().st_mode) == 0o700
        and stat.S_IMODE((member.ssh / "authorized_keys").stat().st_mode) == 0o600
    )
    ssh_offer(member, now=4000)
    offer.absent(str(member.offers), "s1", str(member.ssh / "authorized_keys"), False)
    assert not member.ssh.exists()


def test_expired_offers_of_ours_are_removed(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(10))
    ssh_offer(member, seed_id="old", now=1000)
    ssh_offer(member, seed_id="young", now=4000)
    (member.offers / "not-ours").mkdir()
    offered = ssh_offer(member, now=6000)
    assert offered.removed_stale == ("old",) and offered.changed
    text = (member.ssh / "authorized_keys").read_text()
    assert [name for name in ("old", "young", "s1") if f"firedrill-seed={name}\n" in text] == ["young", "s1"]
    assert sorted(path.name for path in member.offers.iterdir() if path.is_dir()) == ["not-ours", "s1", "young"]


@pytest.mark.parametrize(
    ("banner", "wanted", "unwanted"),
    [
        ("SSH-2.0-OpenSSH_6.6.1", offer.RESTRICTIONS, "restrict,"),
        ("SSH-2.0-OpenSSH_7.4", "restrict,", "expiry-time"),
        ("SSH-2.0-OpenSSH_7.7", "expiry-time", "no-pty"),
        ("SSH-2.0-OpenSSH_for_Windows_9.5", "expiry-time", "no-pty"),
        ("SSH-2.0-OpenSSH_10.0", "expiry-time", "no-pty"),
        ("SSH-2.0-dropbear", offer.RESTRICTIONS, "expiry-time"),
    ],
)
def test_options_are_those_that_this_sshd_knows(
    member: Member, noise: Any, banner: str, wanted: str, unwanted: str
) -> None:
    member.lab.add("a.dtf", noise(10))
    ssh_offer(member, scan(banner))
    line = (member.ssh / "authorized_keys").read_text()
    assert wanted in line and unwanted not in line


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"public_key": ""}, "public_key ''"),
        ({"public_key": "ssh-rsa AAAA\ncommand=evil"}, "public_key 'ssh-rsa AAAA"),
        ({"public_key": "ssh-rsa AAAA evil"}, None),
        ({"public_key": 'command="evil" ssh-rsa AAAA'}, "public_key 'command="),
        ({"allowed_from": []}, "allowed_from is empty"),
        ({"allowed_from": ['10.0.0.2",command="evil']}, "allowed_from is"),
        ({"files": []}, "neither files nor trees"),
        ({"files": ["/no/such/file"]}, "Not there: .*/no/such/file"),
        ({"files": ["relative"]}, "is not absolute"),
        ({"expires_in": 5}, "expires_in is 5 s"),
        ({"seed_id": "a b"}, "seed_id is 'a b'"),
    ],
)
def test_offer_that_cannot_be_made_is_refused(
    member: Member, noise: Any, changes: dict[str, Any], message: str | None
) -> None:
    member.lab.add("a.dtf", noise(10))
    if message is None:
        # Only type and key are taken over: nothing behind them reaches the line.
        ssh_offer(member, **changes)
        assert "evil" not in (member.ssh / "authorized_keys").read_text()
        return
    with pytest.raises(Refusal, match=message):
        ssh_offer(member, **changes)
    assert not member.offers.exists() and not member.ssh.exists()


def lookup(monkeypatch: pytest.MonkeyPatch, **names: list[str]) -> None:
    """Names as this host resolves them; every other one is unknown to it."""

    def play(host: str, *_more: Any) -> list[Any]:
        if host not in names:
            raise offer.socket.gaierror(-2, "Name or service not known")
        return [(0, 1, 6, "", (one, 0)) for one in names[host]]

    monkeypatch.setattr(offer.network.socket, "getaddrinfo", play)
    monkeypatch.setattr(offer, "_is_own", lambda address: True)


def test_name_is_let_in_by_its_addresses(member: Member, noise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``UseDNS no``, the default of sshd, a name in ``from`` never matches."""
    member.lab.add("a.dtf", noise(10))
    lookup(monkeypatch, seoul2=["fd00::2", "10.0.0.2", "10.0.0.2"])
    ssh_offer(member, allowed_from=["seoul2"])
    assert 'from="seoul2,10.0.0.2,fd00::2"' in (member.ssh / "authorized_keys").read_text()
    assert not ssh_offer(member, allowed_from=["seoul2"]).changed
    lookup(monkeypatch, seoul2=["10.0.0.3"])
    assert ssh_offer(member, allowed_from=["seoul2"]).changed, "the name has moved to another address"
    assert 'from="seoul2,10.0.0.3"' in (member.ssh / "authorized_keys").read_text()


@pytest.mark.parametrize("one", ["10.0.0.2", "fd00::2", "fe80::2%eth0", "10.0.0.0/24", "10.0.0.?", "*.example.com"])
def test_what_is_no_name_is_not_resolved(member: Member, noise: Any, monkeypatch: pytest.MonkeyPatch, one: str) -> None:
    member.lab.add("a.dtf", noise(10))
    lookup(monkeypatch)
    ssh_offer(member, allowed_from=[one])
    assert f'from="{one}"' in (member.ssh / "authorized_keys").read_text()


@pytest.mark.parametrize("check", [True, False])
def test_name_that_does_not_resolve_is_refused(
    member: Member, noise: Any, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    member.lab.add("a.dtf", noise(10))
    lookup(monkeypatch)
    with pytest.raises(Refusal, match=r"seoul2 does not resolve on .*: Name or service not known") as caught:
        ssh_offer(member, check=check, allowed_from=["10.0.0.2", "seoul2"])
    assert "/etc/hosts" in caught.value.remedy and "tibero_address" in caught.value.remedy
    assert not member.offers.exists() and not member.ssh.exists()


def test_check_mode_makes_do_without_the_key_to_come(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(10))
    assert ssh_offer(member, check=True, public_key="").changed and not member.offers.exists()


def test_server_that_does_not_answer_is_told(member: Member, noise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    member.lab.add("a.dtf", noise(10))
    monkeypatch.setattr(offer, "_host_key_files", lambda directory: iter(()))
    with pytest.raises(Refusal, match="No SSH server of this host answers at port 2200"):
        ssh_offer(member, lambda command: Completed(command.argv, 1, "", "", 0.0, False), port=2200)


def test_home_that_others_can_write_is_warned_of(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(10))
    member.ssh.mkdir()
    member.ssh.chmod(0o770)
    assert "StrictModes" in ssh_offer(member).warnings[0]


def test_link_to_authorized_keys_stays_a_link(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(10))
    member.ssh.mkdir(mode=0o700)
    real = member.lab.base / "real_keys"
    real.write_text("ssh-rsa AAAA x\n")
    (member.ssh / "authorized_keys").symlink_to(real)
    ssh_offer(member)
    assert (member.ssh / "authorized_keys").is_symlink() and "firedrill-seed=s1" in real.read_text()


def test_shell_that_runs_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    class Entry:
        pw_shell, pw_dir, pw_name = "/usr/sbin/nologin", "/", "tibero"

    monkeypatch.setattr(offer.pwd, "getpwuid", lambda uid: Entry)
    with pytest.raises(Refusal, match=r"login shell of user .* is /usr/sbin/nologin"):
        offer.check_shell()


def test_endpoint_of_an_offer_is_understood_by_the_transport(member: Member, noise: Any) -> None:
    member.lab.add("a.dtf", noise(10))
    source = ssh_offer(member).source
    assert set(source) <= set(pull_task.SPEC["source"]["options"])
    assert transport.Endpoint(
        argv=(), seed_dir="/s", **{**source, "host_keys": tuple(source["host_keys"])}
    ).name.endswith("@127.0.0.1:22")
