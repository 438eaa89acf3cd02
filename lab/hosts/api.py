# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab as an object: build, observe, break, heal, remove. The command line, fixtures and molecule all use this."""

import math
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from lab.hosts import faults, inventory, processes
from lab.hosts.backend import Backend, Command, Place, Say
from lab.hosts.children import Child, marked
from lab.hosts.directories import Directories
from lab.hosts.errors import LabError
from lab.hosts.namespaces import Namespaces
from lab.hosts.spec import CONTROLLER, LabSpec, checkout, state_root
from lab.hosts.state import PROOF, Fault, Host, LabState, Store, locked, made_and_locked
from lab.hosts.system import ProcessId, Result, Runner, alive, kill_all

PATIENCE = 10.0
Root = str | os.PathLike[str] | None


def _silent(text: str) -> None:
    """Say nothing."""


class Progress:
    """Tells what is being done once it takes longer than ten seconds, and every ten seconds again."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._start = time.monotonic()
        self._over = threading.Event()
        self.current = "starting"
        self._thread = threading.Thread(target=self._tell, daemon=True)
        self._thread.start()

    def step(self, text: str) -> None:
        """A new step begins."""
        self.current = text
        if time.monotonic() - self._start > PATIENCE:
            self._say(text)

    def _tell(self) -> None:
        while not self._over.wait(PATIENCE):
            self._say(f"still {self.current} ({time.monotonic() - self._start:.0f} s)")

    def end(self) -> None:
        """Stop telling."""
        self._over.set()
        self._thread.join()


class Lab:
    """One lab, running or not. Every method locks the lab's state, so that several programs may use it at once.

    All methods raise LabError with what was seen and what to do.
    """

    def __init__(self, root: Root = None, name: str = "lab", runner: Runner | None = None) -> None:
        """Name a lab; nothing is made or read.

        Args:
            root: state directory of all labs; None means $FIREDRILL_LAB_STATE or .cache/lab of the checkout.
            name: the lab.
            runner: runs programs; tests may pass their own.
        """
        self._runner = runner or Runner()
        self._store = Store(state_root(root), name)

    @property
    def name(self) -> str:
        """The lab's name."""
        return self._store.name

    @property
    def directory(self) -> Path:
        """Where the lab keeps everything."""
        return self._store.directory

    @property
    def root(self) -> Path:
        """The state directory of all labs."""
        return self._store.root

    def _backend(self, kind: str) -> Backend:
        place = Place(self._store.directory, self._store.root)
        return Namespaces(place, self._runner) if kind == "namespaces" else Directories(place, self._runner)

    # -- life ---------------------------------------------------------------------------------------------------

    @classmethod
    def up(
        cls,
        spec: LabSpec,
        root: Root = None,
        say: Say = _silent,
        runner: Runner | None = None,
    ) -> "Lab":
        """Build and boot a lab; whatever goes wrong, what was made so far is removed again."""
        spec = spec.checked()
        lab = cls(root, spec.name, runner)
        backend = lab._backend(spec.backend)
        backend.prepare(spec, say)
        progress = Progress(say)
        try:
            lab._build(spec, backend, progress)
        finally:
            progress.end()
        return lab

    @classmethod
    def open(cls, name: str = "lab", root: Root = None) -> "Lab":
        """The lab of that name, which must exist."""
        lab = cls(root, name)
        lab._store.read()
        return lab

    def _build(self, spec: LabSpec, backend: Backend, progress: Progress) -> None:
        store = self._store
        state = LabState(spec.name, spec.backend, python=spec.python, shares=list(spec.shares))
        with ExitStack() as own:
            with ExitStack() as common:
                common.enter_context(made_and_locked(store.root))
                if store.exists():
                    text = f"lab {spec.name!r} exists already in {store.directory}"
                    raise LabError(f"{text}; remove it first with: python3 -m lab down --name {spec.name}")
                left = marked(store.directory)
                if left:
                    pids = ", ".join(str(process.pid) for process in left)
                    text = f"processes of a former lab {spec.name!r} are left: {pids}"
                    raise LabError(f"{text}; end them with: python3 -m lab down --name {spec.name}")
                store.create()
                own.enter_context(locked(store.directory))
                try:
                    store.save(state)
                    progress.step("claiming addresses and ports")
                    backend.claim(spec, state, store.save)
                except BaseException as error:
                    self._undo(backend, state, progress, error)
                    raise
            try:
                backend.build(state, store.save, progress.step)
                state.complete = True
                store.save(state)
            except BaseException as error:
                self._undo(backend, state, progress, error)
                raise

    def _undo(self, backend: Backend, state: LabState, progress: Progress, error: BaseException) -> None:
        """Remove a half-built lab and say so in the error."""
        failed, log = progress.current, self._log_tail()
        progress.step("removing what was built")
        try:
            backend.destroy(state)
            self._remove_directory()
            outcome = "everything made so far was removed again"
        except (LabError, OSError) as second:
            outcome = f"removing what was made failed too ({second}); try: python3 -m lab down --name {self.name}"
        if isinstance(error, (LabError, OSError)):
            raise LabError(f"up failed while {failed}: {error}{log}; {outcome}") from error

    def _log_tail(self) -> str:
        try:
            lines = (self.directory / "boot.log").read_text(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return f" [boot.log: {' | '.join(lines[-3:])}]" if lines else ""

    def down(self) -> bool:
        """Remove the lab, half-built or whole; returns False when there was nothing to remove."""
        if not self._store.exists():
            left = marked(self.directory)
            if left:
                self._backend("namespaces" if os.geteuid() == 0 else "directories").destroy(None)
            return bool(left)
        if not self._store.is_ours():
            raise LabError(f"{self.directory} is not a lab's directory (no file {PROOF} in it); not touching it")
        with locked(self.directory):
            state = self._state_or_none()
            kind = state.backend if state else ("namespaces" if os.geteuid() == 0 else "directories")
            if kind == "namespaces" and os.geteuid() != 0:
                raise LabError(f"lab {self.name} was made by root; remove it as root")
            self._backend(kind).destroy(state)
            self._remove_directory()
        return True

    def _state_or_none(self) -> LabState | None:
        """The state, or None when it was never written or is damaged: then the lab's mark must do."""
        try:
            return self._store.read()
        except LabError:
            return None

    def _remove_directory(self) -> None:
        inside = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        held = [point for point in inside if point.startswith(f"{self.directory}/")]
        if held:
            raise LabError(f"not removing {self.directory}: still mounted: {', '.join(held)}")
        if not self._store.is_ours():
            raise LabError(f"not removing {self.directory}: it is not a lab's directory")
        shutil.rmtree(self.directory)
        try:
            self._store.root.rmdir()
        except OSError:
            # Other labs, or files that are not ours, are in it: then it stays.
            pass

    # -- looking ------------------------------------------------------------------------------------------------

    def state(self) -> LabState:
        """The state as recorded."""
        return self._store.read()

    def address(self, host: str) -> str:
        """The address of a host."""
        return self.state().host(host).address

    def status(self) -> dict[str, Any]:
        """What is seen of the lab now: hosts with their condition and number of processes, and the faults in force."""
        state = self._store.read()
        backend = self._backend(state.backend)
        hosts = {}
        for host in state.hosts.values():
            hosts[host.name] = {
                "condition": _condition(state, backend, host),
                "address": host.address,
                "port_base": host.port_base,
                "directory": host.directory,
                "processes": len(backend.processes(state, host)),
            }
        return {
            "name": state.name,
            "backend": state.backend,
            "complete": state.complete,
            "directory": str(self.directory),
            "subnet": state.subnet,
            "hosts": hosts,
            "faults": [_describe(fault) for fault in state.faults],
        }

    def inventory(
        self,
        groups: Iterable[str] = (),
        host_vars: Iterable[str] = (),
        group_vars: Mapping[str, Any] | None = None,
    ) -> str:
        """The inventory as YAML.

        Args:
            groups: each `GROUP` (all hosts) or `GROUP:host,host`.
            host_vars: each `HOST:KEY=VALUE`, the value as JSON or text.
            group_vars: variables of all hosts.
        """
        state = self._store.read()
        backend = self._backend(state.backend)
        variables = {host.name: backend.variables(state, host) for host in state.hosts.values()}
        for text in host_vars:
            host_name, key, value = inventory.parse_variable(text)
            state.host(host_name)
            variables[host_name][key] = value
        members = dict(inventory.parse_group(text, state.hosts) for text in groups)
        return inventory.render(variables, members, group_vars or {})

    # -- running ------------------------------------------------------------------------------------------------

    def command(self, host: str, argv: Sequence[str]) -> Command:
        """The command that runs `argv` in a host, as for a console: it works when every link is cut."""
        state = self._store.read()
        if state.fault_of("freeze", host):
            raise LabError(f"{host} is frozen and would not answer; thaw it with: python3 -m lab thaw {host}")
        if not argv:
            raise LabError("no command given; write e.g.: python3 -m lab run seoul1 -- hostname")
        return self._backend(state.backend).command(state, state.host(host), argv)

    def run(
        self, host: str, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0, check: bool = True
    ) -> Result:
        """Run a program in a host and wait for its own end; daemons it leaves go on in the host."""
        command = self.command(host, argv)
        return self._runner.run(
            command.argv, stdin=stdin, timeout=timeout, check=check, env=command.env, cwd=command.cwd
        )

    # -- faults -------------------------------------------------------------------------------------------------

    def cut(
        self,
        host: str,
        peer: str = "",
        *,
        one_way: bool = False,
        port: int = 0,
        controller: bool = True,
        seconds: float = 0.0,
    ) -> int:
        """Lose traffic between two ends, or between a host and everyone; returns the fault's number.

        Args:
            host: a host of the lab, or `controller`.
            peer: the other end; empty means everyone else.
            one_way: lose only what `host` sends.
            port: lose only TCP and UDP with that port at either end; 0 means everything.
            controller: without a peer, whether the controller's link is cut too.
            seconds: heal after so long; 0 means by hand.
        """
        with self._store.transaction() as state:
            edges = faults.edges(list(state.hosts), host, peer, one_way=one_way, port=port, controller=controller)
            fault = Fault(state.next_fault, "cut", host, edges=edges)
            self._arm(state, fault, seconds)
            self._inject(state, fault, lambda backend: backend.apply_cuts(state))
            return fault.number

    def heal(self, host: str = "", peer: str = "", *, one_way: bool = False) -> int:
        """Heal cuts: all, of a host, or between two ends; without a peer also rates. Returns how many faults ended."""
        with self._store.transaction() as state:
            for name in (host, peer):
                if name and name != CONTROLLER:
                    state.host(name)
            ended = []
            for fault in state.faults:
                if fault.kind == "cut":
                    fault.edges = faults.left_after_heal(fault.edges, host, peer, one_way=one_way)
                    if not fault.edges:
                        ended.append(fault)
                elif fault.kind == "rate" and not peer and not one_way and host in ("", fault.host):
                    ended.append(fault)
            self._end(state, ended)
            return len(ended)

    def rate(self, host: str, rate: str, *, direction: str = "both", seconds: float = 0.0) -> int:
        """Limit a host's cable to e.g. `10mbit`; `in` is what the host receives, `out` what it sends.

        Replaces a former limit of the host; `off` as rate removes it. Returns the fault's number, 0 for `off`.
        """
        if direction not in ("in", "out", "both"):
            raise LabError(f"direction {direction!r} is unknown; allowed: in, out, both")
        if rate != "off":
            faults.bucket(rate)
        with self._store.transaction() as state:
            target = state.host(host)
            backend = self._backend(state.backend)
            former = [fault for fault in state.faults if fault.kind == "rate" and fault.host == host]
            if rate == "off":
                if not former:
                    backend.apply_rate(state, target)
                self._end(state, former)
                return 0
            self._end(state, [old for old in former if direction in ("both", old.direction) or old.direction == "both"])
            fault = Fault(state.next_fault, "rate", host, rate=rate, direction=direction)
            self._arm(state, fault, seconds)
            self._inject(state, fault, lambda found: found.apply_rate(state, target))
            return fault.number

    def freeze(self, host: str, *, seconds: float = 0.0) -> int:
        """Stop every process of a host; its kernel still answers pings and takes connections. Returns the number."""
        with self._store.transaction() as state:
            target = state.host(host)
            self._require_up(state, target)
            if state.fault_of("freeze", host):
                raise LabError(f"{host} is frozen already; thaw it first with: python3 -m lab thaw {host}")
            fault = Fault(state.next_fault, "freeze", host)
            self._arm(state, fault, seconds)

            def act(found: Backend) -> None:
                fault.stopped_before = processes.stop_all(lambda: found.processes(state, target))

            self._inject(state, fault, act)
            return fault.number

    def thaw(self, host: str) -> bool:
        """Let a frozen host go on; False when it was not frozen."""
        with self._store.transaction() as state:
            state.host(host)
            frozen = [fault for fault in state.faults if fault.kind == "freeze" and fault.host == host]
            self._end(state, frozen)
            return bool(frozen)

    def crash(self, host: str, *, seconds: float = 0.0) -> int:
        """Lose a host's power: every process ends at once, its neighbours hear nothing, its disk stays.

        With `seconds` it boots again after so long. Returns the fault's number.
        """
        with self._store.transaction() as state:
            target = state.host(host)
            if target.status == "crashed":
                raise LabError(f"{host} is down already; boot it with: python3 -m lab start {host}")
            fault = Fault(state.next_fault, "crash", host)
            self._arm(state, fault, seconds)

            def act(backend: Backend) -> None:
                backend.crash(state, target)
                target.status = "crashed"
                frozen = [other for other in state.faults if other.kind == "freeze" and other.host == host]
                self._forget(state, frozen)

            self._inject(state, fault, act)
            return fault.number

    def start(self, host: str) -> None:
        """Boot a host that is down, with the disk it has."""
        with self._store.transaction() as state:
            target = state.host(host)
            if self._backend(state.backend).is_up(state, target):
                raise LabError(f"{host} is up already")
            self._end(state, [fault for fault in state.faults if fault.kind == "crash" and fault.host == host])
            if not self._backend(state.backend).is_up(state, target):
                self._boot(state, target)

    def expire(self, number: int) -> None:
        """End a fault whose time is over; nothing when it was healed meanwhile."""
        with self._store.transaction() as state:
            self._end(state, [fault for fault in state.faults if fault.number == number])

    def note_failure(self, number: int, text: str) -> None:
        """Record that the timer of a fault could not end it."""
        with self._store.transaction() as state:
            for fault in state.faults:
                if fault.number == number:
                    fault.error = text
            self._store.save(state)

    def _require_up(self, state: LabState, host: Host) -> None:
        if not self._backend(state.backend).is_up(state, host):
            raise LabError(f"{host.name} is down; boot it with: python3 -m lab start {host.name}")

    def _arm(self, state: LabState, fault: Fault, seconds: float) -> None:
        """Record a fault and start its timer, before anything is broken: who dies in between leaves nothing broken."""
        if not math.isfinite(seconds) or not 0 <= seconds <= 86400:
            raise LabError(f"a fault lasts 0 to 86400 seconds; asked for: {seconds:g}")
        state.next_fault += 1
        state.faults.append(fault)
        if not seconds:
            return
        fault.until = time.monotonic() + seconds
        argv = [sys.executable, "-m", "lab.hosts.healer", str(self._store.root), self.name, str(fault.number)]
        log = self.directory / "healer.log"
        child = Child("timer of the fault", [*argv, repr(fault.until)], self.directory, log, str(checkout()))
        try:
            fault.healer = child.process
            self._store.save(state)
            child.go(15.0)
        finally:
            child.close()

    def _inject(self, state: LabState, fault: Fault, act: Callable[[Backend], None]) -> None:
        backend = self._backend(state.backend)
        try:
            act(backend)
        except BaseException:
            self._forget(state, [fault])
            self._store.save(state)
            raise
        self._store.save(state)

    def _forget(self, state: LabState, ended: list[Fault]) -> None:
        """Take faults out of the state and end their timers, but never the timer that is just doing this."""
        timers: list[ProcessId] = []
        for fault in ended:
            state.faults.remove(fault)
            if fault.healer is not None and fault.healer.pid != os.getpid() and alive(fault.healer):
                timers.append(fault.healer)
        kill_all(timers)

    def _end(self, state: LabState, ended: list[Fault]) -> None:
        """Undo faults on the hosts, then in the state."""
        backend = self._backend(state.backend)
        for fault in ended:
            host = state.hosts.get(fault.host)
            if fault.kind == "freeze" and host is not None:
                processes.continue_all(partial(backend.processes, state, host), fault.stopped_before)
            if fault.kind == "crash" and host is not None and not backend.is_up(state, host):
                self._boot(state, host)
        self._forget(state, ended)
        if state.backend == "namespaces":
            backend.apply_cuts(state)
        for name in sorted({fault.host for fault in ended if fault.kind == "rate"}):
            backend.apply_rate(state, state.host(name))
        self._store.save(state)

    def _boot(self, state: LabState, host: Host) -> None:
        self._backend(state.backend).start(state, host, self._store.save)


def _condition(state: LabState, backend: Backend, host: Host) -> str:
    if not backend.is_up(state, host):
        return "down" if host.status in ("crashed", "new") else "dead"
    return "frozen" if state.fault_of("freeze", host.name) else "up"


def _describe(fault: Fault) -> dict[str, Any]:
    return {
        "number": fault.number,
        "kind": fault.kind,
        "host": fault.host,
        "edges": [f"{edge.source}->{edge.target}" + (f":{edge.port}" if edge.port else "") for edge in fault.edges],
        "rate": fault.rate,
        "direction": fault.direction if fault.kind == "rate" else "",
        "seconds_left": round(max(0.0, fault.until - time.monotonic()), 1) if fault.until else None,
        "timer_alive": alive(fault.healer) if fault.healer else None,
        "error": fault.error,
    }
