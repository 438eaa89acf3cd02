# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What is known of one member of a cluster, engine by engine in the same words: every value with its source, or UNKNOWN and why."""

from typing import Any, Dict, Generic, List, NamedTuple, Optional, Tuple, TypeVar

T = TypeVar("T")

#: Roles. A member whose role is not proven is UNKNOWN, whatever the inventory says.
PRIMARY = "primary"
STANDBY = "standby"
SNAPSHOT_STANDBY = "snapshot_standby"
NO_DATABASE = "none"

#: Open modes, in the words of all engines.
STOPPED = "stopped"
STARTING = "nomount"
MOUNTED = "mount"
READ_WRITE = "read_write"
READ_ONLY = "read_only"
RECOVERING = "recovery"

#: How a state that cannot be told is printed.
UNKNOWN = "UNKNOWN"


class Fact(Generic[T]):
    """A value with its source, or the reason why it is not known.

    Made by :func:`known` and :func:`unknown` only. ``value`` of an unknown fact is None and must not be used to decide;
    ask ``is_known`` first or call :meth:`equals`, which is False for the unknown.
    """

    __slots__ = ("source", "value", "why")

    def __init__(self, value: Optional[T], source: str, why: str) -> None:
        self.value = value
        self.source = source
        self.why = why

    @property
    def is_known(self) -> bool:
        return not self.why

    def equals(self, value: T) -> bool:
        """True only if the fact is known to have this value."""
        return self.is_known and self.value == value

    def __repr__(self) -> str:
        return (
            "{0!r} ({1})".format(self.value, self.source)
            if self.is_known
            else "{0} ({1}: {2})".format(UNKNOWN, self.source, self.why)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fact) and (self.value, self.source, self.why) == (other.value, other.source, other.why)

    def __hash__(self) -> int:
        return hash((str(self.value), self.source, self.why))

    def as_dict(self) -> Dict[str, Any]:
        """``{value, source}`` or ``{value: "UNKNOWN", source, why}``."""
        if self.is_known:
            return {"value": self.value, "source": self.source}
        return {"value": UNKNOWN, "source": self.source, "why": self.why}


def known(value: T, source: str) -> "Fact[T]":
    """A value that was read, and where."""
    return Fact(value, source, "")


def unknown(source: str, why: str) -> "Fact[Any]":
    """A value that could not be read: where it was looked for, and why it is not known."""
    return Fact(None, source, why or "no reason given")


class Destination(NamedTuple):
    """Where a primary sends its redo: its number, address, transport in the engine's words, whether it is enabled, and its state."""

    number: int
    host: str
    port: int
    transport: str
    enabled: "Fact[bool]"
    state: "Fact[str]"

    def as_dict(self) -> Dict[str, Any]:
        return {
            "number": self.number,
            "host": self.host,
            "port": self.port,
            "transport": self.transport,
            "enabled": self.enabled.as_dict(),
            "state": self.state.as_dict(),
        }


class MemberState(NamedTuple):
    """One member as observed.

    ``process``: True if the server's processes live. ``role``: one of PRIMARY, STANDBY, SNAPSHOT_STANDBY, NO_DATABASE.
    ``open_mode``: one of the words above. ``position``: how far the redo reaches, in the engine's unit as text (Tibero: TSN).
    ``received``: how far redo was received, where the engine tells. ``log_sequence``: number of the current log.
    ``software``: False if the engine's programs are not where the description says.
    ``archive_mode``: True if logs are archived. ``protection_mode``: configured mode. ``health``: "ok", "degraded" or "down", with reasons.
    """

    name: str
    engine: str
    version: "Fact[str]"
    process: "Fact[bool]"
    open_mode: "Fact[str]"
    role: "Fact[str]"
    database_id: "Fact[str]"
    position: "Fact[str]"
    received: "Fact[str]"
    log_sequence: "Fact[int]"
    archive_mode: "Fact[bool]"
    protection_mode: "Fact[str]"
    destinations: "Fact[Tuple[Destination, ...]]"
    backup_open: "Fact[bool]"
    software: "Fact[bool]"
    notes: Tuple[str, ...] = ()

    def as_dict(self) -> Dict[str, Any]:
        """Plain data for results: every fact as ``{value, source}`` or with ``why``."""
        record: Dict[str, Any] = {"name": self.name, "engine": self.engine, "notes": list(self.notes)}
        for field in self._fields:
            value = getattr(self, field)
            if isinstance(value, Fact):
                record[field] = value.as_dict()
        if self.destinations.is_known and self.destinations.value is not None:
            record["destinations"]["value"] = [destination.as_dict() for destination in self.destinations.value]
        return record


def unknown_fields(state: MemberState) -> List[str]:
    """Names of the fields of a state that are not known, for messages."""
    return [
        field
        for field in state._fields
        if isinstance(getattr(state, field), Fact) and not getattr(state, field).is_known
    ]
