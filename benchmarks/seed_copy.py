# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast one file of 1 GiB is copied between two hosts over SSH with digests, against `rsync -aW` in the same run.

Run: ``python benchmarks/seed_copy.py``; exit code 1 if the copy is slower than 0.8 of rsync, or if our process on
either side takes 100 MiB or more.

As root the hosts are two of the lab; otherwise, or with ``--loopback``, both ends are this host with an SSH server of
its own on 127.0.0.1. Both programs are run in turns, the file is in the source's page cache. What counts is the median
of the ratios of neighbours in time: on a shared machine a figure alone measures the neighbours. The copy's time
includes its checks and the start of its process. Like is held against like: the time until every byte is written and
its digest is proven against ``rsync -aW``, and the time until all of it is on the disk against ``rsync -aW --fsync``.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIMIT_RATIO = 0.8
LIMIT_MEMORY = 100.0
Say = Callable[[str], None]


# -- what runs on the hosts: this file again, by the host's own Python


def _import_core(work: Path) -> None:
    """Give the collection its import path through a link."""
    place = work / "python" / "ansible_collections" / "firedrill"
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "standby").is_symlink():
        (place / "standby").symlink_to(ROOT, target_is_directory=True)
    sys.path.insert(0, str(work / "python"))


def _task(work: Path, name: str, params: dict[str, Any]) -> dict[str, Any]:
    """Run the function of seed_pull or seed_offer as its module would."""
    _import_core(work)
    from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import run
    from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import offer_task, pull_task
    from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context

    spec, function = (
        (pull_task.SPEC, pull_task.seed_pull) if name == "seed_pull" else (offer_task.SPEC, offer_task.seed_offer)
    )
    full = {**{key: option.get("default") for key, option in spec.items()}, **params}
    return dict(function(Context(full, False, run)).values)


def inside_file(work: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make the source file of random bytes."""
    path = work / "source" / "big.dtf"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for _number in range(arguments["mebibytes"]):
            file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())
    return {"path": str(path)}


def inside_task(work: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    return _task(work, arguments["module"], arguments["params"])


def inside_rsync(work: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    """Pull the file with rsync; seconds."""
    target = work / "rsync"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    start = time.monotonic()
    subprocess.run(
        ["rsync", "-aW", *arguments["options"], "-e", arguments["ssh"], arguments["source"], f"{target}/"], check=True
    )
    seconds = time.monotonic() - start
    shutil.rmtree(target)
    return {"seconds": seconds}


def inside_copy(work: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    """Copy with our engine in a process of its own, as the module does; seconds and the process's "
    "peak memory in MiB."""
    shutil.rmtree(work / "target", ignore_errors=True)
    start = time.monotonic()
    state = _task(work, "seed_pull", {**arguments["params"], "wait": False})
    peak = 0.0
    while not state["finished"]:
        peak = max(peak, _peak_memory(int(state["job"].partition("-")[0])))
        time.sleep(0.05)
        state = _task(work, "seed_pull", {**arguments["params"], "wait": False, "job": state["job"]})
    seconds = time.monotonic() - start
    shutil.rmtree(work / "target")
    shutil.rmtree(arguments["params"]["seed_dir"])
    return {
        "seconds": seconds,
        "flush_seconds": state["flush_duration"],
        "memory": peak,
        "sent": state["bytes_sent"],
        "algorithm": state["algorithm"],
    }


def inside_watch(work: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    """Follow the agents of this host until the input ends; the largest peak memory seen, in MiB."""
    peak = 0.0
    parent_gone = os.fstat(0)
    os.set_blocking(0, False)
    while True:
        try:
            if os.read(0, 1) == b"":
                return {"memory": peak, "input": parent_gone.st_mode}
        except BlockingIOError:
            pass
        for place in Path("/proc").glob("[0-9]*"):
            try:
                words = (place / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"-I" in words and any(word.endswith(b"/agent.py") and os.fsencode(work) in word for word in words):
                peak = max(peak, _peak_memory(int(place.name)))
        time.sleep(0.25)


def _peak_memory(pid: int) -> float:
    """VmHWM of a process in MiB, 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024.0
    except OSError:
        pass
    return 0.0


INSIDE: dict[str, Callable[[Path, dict[str, Any]], dict[str, Any]]] = {
    "file": inside_file,
    "task": inside_task,
    "rsync": inside_rsync,
    "copy": inside_copy,
    "watch": inside_watch,
}


# -- the two ends


class End:
    """One host: how a command is run there, and where the benchmark works."""

    def __init__(self, prefix: Callable[[list[str]], list[str]], work: str, address: str, python: str) -> None:
        self._prefix = prefix
        self.work = work
        self.address = address
        self._python = python

    def command(self, action: str, **arguments: Any) -> list[str]:
        return self._prefix(
            [
                self._python,
                str(ROOT / "benchmarks" / "seed_copy.py"),
                "--inside",
                action,
                self.work,
                json.dumps(arguments),
            ]
        )

    def do(self, action: str, **arguments: Any) -> dict[str, Any]:
        done = subprocess.run(
            self.command(action, **arguments),
            stdout=subprocess.PIPE,
            check=True,
            timeout=1800,
            stdin=subprocess.DEVNULL,
        )
        result: dict[str, Any] = json.loads(done.stdout.decode().strip().splitlines()[-1])
        return result

    def shell(self, text: str) -> str:
        done = subprocess.run(self._prefix(["/bin/sh", "-c", text]), stdout=subprocess.PIPE, check=True, timeout=120)
        return done.stdout.decode()


@contextmanager
def lab_ends(directory: str, say: Say) -> Iterator[tuple[End, End, str, int]]:
    """Two hosts of the lab: source, target, user, port."""
    sys.path.insert(0, str(ROOT))
    from lab.hosts import Lab, LabSpec

    with tempfile.TemporaryDirectory(prefix="firedrill-bench") as state:
        spec = LabSpec("copybench", ("source", "target"), shares=(str(ROOT / "plugins"), str(ROOT / "benchmarks")))
        lab = Lab.up(spec, root=state, say=say)
        try:

            def end(name: str) -> End:
                return End(
                    lambda argv: list(lab.command(name, argv).argv), directory, lab.address(name), "/usr/bin/python3"
                )

            yield end("source"), end("target"), "root", 22
        finally:
            lab.down()


def accepts(port: int) -> bool:
    """Whether somebody takes connections at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def loopback_ends(directory: str, say: Say) -> Iterator[tuple[End, End, str, int]]:
    """This host at both ends, with an SSH server of the benchmark's own."""
    # Not at the top: parts of this program run on hosts where there is no lab.
    from lab.hosts.system import wait_for

    sshd = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if sshd is None:
        raise SystemExit("no sshd on this host: install openssh-server")
    base = Path(directory) / "sshd"
    base.mkdir(parents=True, mode=0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(base / "host")], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    (base / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {base}/host\nAuthorizedKeysFile "
        f"{base}/authorized_keys\nPidFile none\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\n"
    )
    server = subprocess.Popen([sshd, "-D", "-f", str(base / "config"), "-E", str(base / "log")], start_new_session=True)
    try:
        wait_for(f"sshd to listen at port {port}", lambda: accepts(port), seconds=20)

        def end(name: str) -> End:
            return End(lambda argv: argv, str(Path(directory) / name), "127.0.0.1", sys.executable)

        yield end("source"), end("target"), getpass.getuser(), port
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)


# -- the measurement


def measure(
    source: End, target: End, user: str, port: int, keys: str, mebibytes: int, rounds: int, say: Say
) -> dict[str, Any]:
    """Run both in turns. ``keys``: authorized_keys of the source's user."""
    path = source.do("file", mebibytes=mebibytes)["path"]
    target.shell(f"mkdir -p {target.work}; ssh-keygen -q -t ed25519 -N '' -f {target.work}/rsync_key")
    public = target.shell(f"cat {target.work}/rsync_key.pub").strip()
    source.shell(f"mkdir -p -m 0700 $(dirname {keys}); echo '{public}' >> {keys}; chmod 600 {keys}")
    trust = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    ssh = f"ssh -F none -i {target.work}/rsync_key -p {port} -l {user} {trust}"
    found: dict[str, Any] = {"rsync": [], "rsync --fsync": [], "written": [], "durable": [], "memory_target": 0.0}
    with subprocess.Popen(source.command("watch"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as watcher:
        for number in range(rounds):
            source.shell(f"cat {path} > /dev/null")
            one = {}
            for name in ("rsync", "copy", "rsync --fsync") if number % 2 else ("rsync --fsync", "copy", "rsync"):
                if name == "copy":
                    one = _copy(source, target, port, keys, path)
                else:
                    done = target.do("rsync", options=name.split()[1:], ssh=ssh, source=f"{source.address}:{path}")
                    found[name].append(done["seconds"])
            found["written"].append(one["seconds"] - one["flush_seconds"])
            found["durable"].append(one["seconds"])
            found["memory_target"] = max(found["memory_target"], one["memory"])
            say(
                f"rsync {found['rsync'][-1]:.2f} s, copy {found['written'][-1]:.2f} s; on the disk: rsync "
                f"{found['rsync --fsync'][-1]:.2f} s, copy {one['seconds']:.2f} s ({one['algorithm']})"
            )
        assert watcher.stdin is not None and watcher.stdout is not None
        watcher.stdin.close()
        found["memory_source"] = json.loads(watcher.stdout.read().decode().strip().splitlines()[-1])["memory"]
    return found


def _copy(source: End, target: End, port: int, keys: str, path: str) -> dict[str, Any]:
    base = {"seed_id": "bench", "seed_dir": f"{target.work}/seed"}
    key = target.do("task", module="seed_pull", params={**base, "state": "prepared"})["public_key"]
    offer = {
        "seed_id": "bench",
        "directory": f"{source.work}/offers",
        "public_key": key,
        "authorized_keys": keys,
        "files": [path],
        "port": port,
    }
    offered = source.do(
        "task", module="seed_offer", params={**offer, "address": source.address, "allowed_from": [target.address]}
    )
    files = [{"source": path, "target": f"{target.work}/target/big.dtf", "kind": "datafile"}]
    return target.do("copy", params={**base, "files": files, "source": offered["source"]})


def main(argv: list[str]) -> int:
    """Run the benchmark; the exit code says whether the limits were kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--loopback", action="store_true", help="both ends are this host")
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", default="", help="where the hosts keep the files; default /var/tmp")
    arguments = parser.parse_args(argv)
    if shutil.which("rsync") is None:
        raise SystemExit("no rsync on this host to compare with: install it")
    loopback = arguments.loopback or os.geteuid() != 0
    directory = tempfile.mkdtemp(prefix="firedrill-copy-", dir=arguments.directory or "/var/tmp")
    ends = loopback_ends if loopback else lab_ends
    try:
        with ends(directory, print) as (source, target, user, port):
            keys = f"{directory}/sshd/authorized_keys" if loopback else "/root/.ssh/authorized_keys"
            found = measure(source, target, user, port, keys, arguments.mebibytes, arguments.rounds, print)
    finally:
        shutil.rmtree(directory)
    size = arguments.mebibytes
    print(f"{'loopback' if loopback else 'lab'}, {size} MiB, {arguments.rounds} rounds")
    kept = max(found["memory_source"], found["memory_target"]) < LIMIT_MEMORY and found["memory_source"] > 0
    for what, theirs, ours in (("written and proven", "rsync", "written"), ("on the disk", "rsync --fsync", "durable")):
        ratios = sorted(rsync / copy for rsync, copy in zip(found[theirs], found[ours], strict=True))
        kept = kept and statistics.median(ratios) >= LIMIT_RATIO
        print(
            f"{what}: best of {theirs} {size / min(found[theirs]):.0f} MiB/s, best of copy "
            f"{size / min(found[ours]):.0f} MiB/s; ratios {', '.join(f'{one:.2f}' for one in ratios)}, "
            f"median {statistics.median(ratios):.2f}"
        )
    print(f"peak memory: source {found['memory_source']:.0f} MiB, target {found['memory_target']:.0f} MiB")
    print(
        "limits kept"
        if kept
        else f"LIMITS BROKEN: at least {LIMIT_RATIO} of rsync and less than {LIMIT_MEMORY:.0f} MiB are asked for"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        print(json.dumps(INSIDE[sys.argv[2]](Path(sys.argv[3]), json.loads(sys.argv[4]))))
        sys.exit(0)
    sys.exit(main(sys.argv[1:]))
