# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two kinds of hosts have in common, as a protocol."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from lab.hosts.spec import LabSpec
from lab.hosts.state import Host, LabState
from lab.hosts.system import ProcessStat

Say = Callable[[str], None]
Save = Callable[[LabState], None]


class Command(NamedTuple):
    """A command made ready to run in a host: arguments, whole environment, working directory."""

    argv: list[str]
    env: dict[str, str]
    cwd: str


class Backend(Protocol):
    """One way to have hosts. Every method works on the state under the lab's lock and raises LabError."""

    def prepare(self, spec: LabSpec, say: Say) -> None:
        """Refuse what cannot work here and install what is missing; nothing of the lab exists yet."""

    def claim(self, spec: LabSpec, state: LabState, save: Save) -> None:
        """Choose addresses or ports and fill `state.hosts`; no other lab chooses at the same time."""

    def build(self, state: LabState, save: Save, step: Say) -> None:
        """Make and boot all hosts, saving after everything made and telling each step."""

    def destroy(self, state: LabState | None) -> None:
        """End and remove everything, from whatever point of building; without state by the lab's mark alone."""

    def start(self, state: LabState, host: Host, save: Save) -> None:
        """Boot a host with the disk it has."""

    def crash(self, state: LabState, host: Host) -> None:
        """End everything in a host at once, as lost power does; its disk stays."""

    def processes(self, state: LabState, host: Host) -> list[ProcessStat]:
        """The processes of a host."""

    def is_up(self, state: LabState, host: Host) -> bool:
        """Whether the host runs, seen and not remembered."""

    def apply_cuts(self, state: LabState) -> None:
        """Put exactly the state's cuts in force; refuses where links cannot be cut."""

    def apply_rate(self, state: LabState, host: Host) -> None:
        """Put exactly the state's limits of one host in force; refuses where rates cannot be limited."""

    def command(self, state: LabState, host: Host, argv: Sequence[str]) -> Command:
        """The command that runs `argv` in a host."""

    def variables(self, state: LabState, host: Host) -> dict[str, Any]:
        """The host's variables for the inventory."""


class Place(NamedTuple):
    """Where a backend works: the lab's directory and the root of all labs."""

    directory: Path
    root: Path
