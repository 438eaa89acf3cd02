# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict reader of tip files, written apart from the collection's own.

Grammar (tibero.md 5): `KEY=VALUE` a line, upper-case keys, `#` starts a comment outside quotes, strings optionally in
double quotes, lists comma-separated with each item quoted or none, sizes with K/M/G, Y/N. A key twice, an unknown key,
a line without `=`, a relative control file and a value out of its range are refused. Error texts: the vendor's
catalogue (260021-260054, 350004-350009) and the recorded -7200 form (t6to7-tbboot-tip-error-7200).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from . import messages

Value = str | list[str]

SIZE_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
INT_MAX = 2147483647
REPLICATION_MODES = ("PROTECTION", "AVAILABILITY", "PERFORMANCE", "UNPROTECTED")
TRANSPORTS = ("LGWR SYNC", "LGWR ASYNC", "ARCH ASYNC")
MAX_DESTINATIONS = 9

# boot words under which the LOG_REPLICATION_* parameters count (tibero.md 5: only in NORMAL mode; FAILOVER and
# RESETLOGS end in it)
PRIMARY_BOOTS = ("NORMAL", "FAILOVER", "RESETLOGS")


class Parameter(NamedTuple):
    """kind: string, list, size, int, bool. low and high bound an int. versions: major versions that know the name."""

    kind: str
    low: int = 0
    high: int = INT_MAX
    versions: str = "67"


_PORT = Parameter("int", 1024, 65535)
_TEXT = Parameter("string")
_FLAG = Parameter("bool")
_SIZE = Parameter("size")
_COUNT = Parameter("int")

# Names seen in recordings or in tibero.md. A real server knows hundreds more: "tip_unknown_parameter": "accept" lets
# them pass.
KNOWN: dict[str, Parameter] = {
    "DB_NAME": _TEXT,
    "DB_BLOCK_SIZE": Parameter("size"),
    "DB_CREATE_FILE_DEST": _TEXT,
    "CONTROL_FILES": Parameter("list"),
    "LISTENER_PORT": _PORT,
    "LISTENER_IP": _TEXT,
    "_LSNR_SPECIAL_PORT": _PORT,
    "_LSNR_SSL_PORT": _PORT,
    "LSNR_INVITED_IP": _TEXT,
    "LSNR_DENIED_IP": _TEXT,
    "MAX_SESSION_COUNT": Parameter("int", 1, 65535),
    "TOTAL_SHM_SIZE": _SIZE,
    "MEMORY_TARGET": _SIZE,
    "LOG_BUFFER": _SIZE,
    "UNDO_TABLESPACE": _TEXT,
    "THREAD": Parameter("int", 0, 255),
    "CLUSTER_DATABASE": _FLAG,
    "LOCAL_CLUSTER_ADDR": _TEXT,
    "LOCAL_CLUSTER_PORT": _PORT,
    "CM_PORT": _PORT,
    "LOG_ARCHIVE_DEST": _TEXT,
    "LOG_ARCHIVE_FORMAT": _TEXT,
    "_ARCHIVE_LAG_TARGET": _COUNT,
    "LOG_REPLICATION_MODE": _TEXT,
    "STANDBY_USE_OBSERVER": _FLAG,
    "_STANDBY_NETWORK_TIMEOUT": _COUNT,
    "_STANDBY_CONN_PORT": _PORT,
    "STANDBY_FILE_NAME_CONVERT": _TEXT,
    "STANDBY_ENABLE_LOG_RECOVERY": _FLAG,
    "_STANDBY_ENABLE_LOG_RECOVERY": _FLAG,
    "STANDBY_ENABLE_TAC_MULTINODE": _FLAG,
    "_STANDBY_ALLOW_TEMPFILE_ADD_IN_MOUNT_MODE": _FLAG,
    "USE_STANDBY_REDO_LOG": _FLAG,
    "_USE_STANDBY_REDO_LOG": Parameter("bool", versions="6"),
    "FLASHBACK_LOG_BUFFER": _SIZE,
    "_LNW_REVERSE_SYNC": _FLAG,
    "_USE_LOGIN_RECORD": _FLAG,
    "BOOT_WITH_AUTO_DOWN_CLEAN": _FLAG,
    "_USE_CLOSEST_ARCHIVE_FOR_RECOVERY": _FLAG,
    "_TSN_TIME_MAP_INTERVAL": _COUNT,
    "ACTIVE_SESSION_TIMEOUT": _COUNT,
    "AUTHENTICATION_TIMEOUT": _COUNT,
    "DBLINK_CONN_TIMEOUT": _COUNT,
    "USE_TS_QUOTA": _FLAG,
    "USE_RECYCLEBIN": _FLAG,
    "TPR_SNAPSHOT_RETENTION": _COUNT,
    "TPR_SNAPSHOT_TOP_SQL_CNT": _COUNT,
    "TPR_SNAPSHOT_SAMPLING_INTERVAL": _COUNT,
    "GATHER_SQL_EXEC_TIME": _FLAG,
    "GATHER_SQL_PLAN_STAT": _FLAG,
    "_OPT_BIND_PEEKING": _FLAG,
    "_USE_DYNAMIC_SAMPLING": _FLAG,
    "_DDL_TRIGGER_ENABLE": _FLAG,
    "OPEN_CURSORS": _COUNT,
    "_ACF_DIAG_TRACE_DEST": _TEXT,
    "_ACF_USE_DIAG": _FLAG,
    "JOB_HISTORY_LOG": _FLAG,
    "SLOG_TOTAL_SIZE_LIMIT": _SIZE,
    "DLOG_TOTAL_SIZE_LIMIT": _SIZE,
    "ILOG_TOTAL_SIZE_LIMIT": _SIZE,
    "_SLOG_DISPLAY_YEAR": _FLAG,
    "SLOG_DEST": _TEXT,
    "DLOG_DEST": _TEXT,
    "ILOG_DEST": _TEXT,
    "SYS_LOG_DEST": _TEXT,
    "DBMS_LOG_DEST": _TEXT,
    "LSNR_LOG_DEST": _TEXT,
    "TRACE_LOG_DEST": _TEXT,
    "ACT_LOG_DEST": _TEXT,
    "LOG_DEFAULT_DEST": _TEXT,
    "CALLSTACK_DUMP_DEST": _TEXT,
    "AUDIT_SYS_OPERATIONS": _FLAG,
    "AUDIT_TRAIL": _TEXT,
    "CERTIFICATE_FILE": _TEXT,
    "PRIVKEY_FILE": _TEXT,
    "WALLET_FILE": _TEXT,
    "ILOG_MAP": _TEXT,
    "NLS_DATE_FORMAT": _TEXT,
    "NLS_TIMESTAMP_FORMAT": _TEXT,
    "BTIP_FILE_PATH": _TEXT,
}
for _n in range(1, MAX_DESTINATIONS + 1):
    KNOWN[f"LOG_REPLICATION_DEST_{_n}"] = _TEXT
    KNOWN[f"LOG_REPLICATION_{_n}_ENABLE"] = _FLAG

MANDATORY = ("DB_NAME", "CONTROL_FILES")
DEPRECATED = ("DB_FILES",)  # a stand-in, so that 260054 can be shown; the vendor's list is not known

_KEY = re.compile(r"[A-Z_][A-Z0-9_]*\Z")
_DESTINATION = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:]+):(?P<port>\d{1,5})\s+(?P<method>LGWR\s+SYNC|LGWR\s+ASYNC|ARCH\s+ASYNC)\Z",
    re.IGNORECASE,
)


class TipError(Exception):
    """A tip file the server refuses.

    Attributes: code (catalogue number), text, and for the -7200 form parameter and value (else None).
    """

    def __init__(self, code: int, text: str, parameter: str | None = None, value: str | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.parameter = parameter
        self.value = value

    def render(self, path: str, settings: Mapping[str, Any]) -> str:
        """What tbboot prints: texts exact, line breaks approximate (recording t6to7-tbboot-tip-error-7200)."""
        head = ""
        if self.code == 7200:
            head = messages.text(30, self.parameter, self.value) + "\n"
        title, place = messages.text(260015), messages.text(260018, path)
        if settings.get("tip_failure_form", "line") == "line":
            return f"{head}{title} {self.text}. {place}\n"
        return f"{head}{title}\n{self.text}\n.\n{place}\n"


class Destination(NamedTuple):
    """One LOG_REPLICATION_DEST_n: number, host, port, method (one of TRANSPORTS), enabled."""

    number: int
    host: str
    port: int
    method: str
    enabled: bool


class Tip(NamedTuple):
    """A tip file as read: where it is, the parameters written in it, and those plus the defaults."""

    path: str
    given: dict[str, Value]
    values: dict[str, Value]

    def text(self, name: str, default: str = "") -> str:
        """A string parameter; a list joined by commas; `default` when it is absent."""
        value = self.values.get(name, default)
        return ",".join(value) if isinstance(value, list) else value

    def number(self, name: str, default: int = 0) -> int:
        """An int or a size in bytes."""
        text = self.text(name)
        return as_size(text) if text else default

    def flag(self, name: str, default: bool = False) -> bool:
        """A Y/N parameter."""
        text = self.text(name)
        return as_bool(text) if text else default


def as_size(text: str) -> int:
    """ "100M" -> bytes; raises ValueError."""
    match = re.fullmatch(r"(\d+)\s*([KMG]?)", text.strip(), re.IGNORECASE)
    if match is None:
        raise ValueError(text)
    return int(match.group(1)) * SIZE_UNITS[match.group(2).upper()]


def as_bool(text: str) -> bool:
    """Y/YES/TRUE or N/NO/FALSE -> bool; raises ValueError."""
    word = text.strip().upper()
    if word in ("Y", "YES", "TRUE"):
        return True
    if word in ("N", "NO", "FALSE"):
        return False
    raise ValueError(text)


def destinations(values: Mapping[str, Value]) -> list[Destination]:
    """The replication destinations of a tip, in order of number; raises TipError 350007 for a malformed one."""
    found = []
    for number in range(1, MAX_DESTINATIONS + 1):
        text = values.get(f"LOG_REPLICATION_DEST_{number}", "")
        if isinstance(text, list):
            text = ",".join(text)
        if not text:
            continue
        match = _DESTINATION.match(text.strip())
        if match is None or not 0 < int(match["port"]) < 65536:
            raise TipError(350007, messages.text(350007, number))
        enabled = values.get(f"LOG_REPLICATION_{number}_ENABLE", "Y")
        method = " ".join(match["method"].upper().split())
        host = match["host"].strip("[]")
        found.append(Destination(number, host, int(match["port"]), method, as_bool(str(enabled))))
    return found


def name_convert(values: Mapping[str, Value]) -> tuple[str, str] | None:
    """STANDBY_FILE_NAME_CONVERT as (primary directory, standby directory), or None; raises TipError 260031-260033."""
    text = values.get("STANDBY_FILE_NAME_CONVERT", "")
    if isinstance(text, list):
        raise TipError(260032, messages.text(260032))
    if not text:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 2:
        raise TipError(260031, messages.text(260031))
    if len(parts) < 2:
        raise TipError(260032, messages.text(260032))
    if not all(parts):
        raise TipError(260033, messages.text(260033))
    return parts[0], parts[1]


def _split_items(text: str) -> tuple[list[str], bool]:
    """Cut a value (comment included) into its comma-separated items; second: whether any item was quoted."""
    items: list[str] = []
    current, quoted, in_quotes = "", False, False
    for character in text:
        if character == '"':
            in_quotes = not in_quotes
            quoted = True
            continue
        if not in_quotes and character == "#":
            break
        if not in_quotes and character == ",":
            items.append(current.strip())
            current = ""
            continue
        current += character
    if in_quotes:
        raise TipError(260026, messages.text(260026))
    items.append(current.strip())
    return items, quoted


def _parse_line(line: str) -> tuple[str, list[str]] | None:
    """One line -> (key, items), or None for a blank or comment line; raises TipError."""
    stripped = line.strip()
    if not stripped or stripped.startswith("#"):
        return None
    key, equals, rest = stripped.partition("=")
    key = key.strip()
    if not equals:
        raise TipError(260026, messages.text(260026))
    if not _KEY.match(key):
        raise TipError(260025, messages.text(260025, key))
    return key, _split_items(rest)[0]


def _check_kind(name: str, parameter: Parameter, value: Value, settings: Mapping[str, Any]) -> None:
    """Refuse a value that is not of the parameter's kind or outside its range."""
    text = ",".join(value) if isinstance(value, list) else value
    if parameter.kind == "bool":
        try:
            as_bool(text)
        except ValueError:
            raise TipError(260039, messages.text(260039)) from None
    elif parameter.kind in ("int", "size"):
        try:
            number = as_size(text) if parameter.kind == "size" else int(text)
        except ValueError:
            raise TipError(260041, messages.text(260041, text)) from None
        if parameter.kind == "int" and not parameter.low <= number <= parameter.high:
            if settings.get("tip_number_error_form") == "catalogue":
                raise TipError(260041, messages.text(260041, text))
            reason = f"{name} must be between {parameter.low} and {parameter.high}"
            raise TipError(7200, messages.text(7200, name, text, reason), name, text)


def _store(given: dict[str, Value], key: str, items: list[str], version: str, settings: Mapping[str, Any]) -> None:
    """Check one key with its items and enter it into `given`."""
    if key in given:
        raise TipError(260030, messages.text(260030, key))
    if key in DEPRECATED:
        raise TipError(260054, messages.text(260054, key))
    parameter = KNOWN.get(key)
    if parameter is not None and version not in parameter.versions:
        parameter = None
    if parameter is None:
        if settings.get("tip_unknown_parameter", "refuse") == "refuse":
            raise TipError(260025, messages.text(260025, key))
        parameter = _TEXT
    if parameter.kind == "list":
        given[key] = [item for item in items if item]
    else:
        given[key] = items[0] if len(items) == 1 else ",".join(items)
    if given[key]:
        _check_kind(key, parameter, given[key], settings)


def parse(text: str, version: str, settings: Mapping[str, Any]) -> dict[str, Value]:
    """The parameters written in a tip file, in order; raises TipError for the first thing that is wrong.

    Args:
        text: the file.
        version: major version, "6" or "7": which names are known.
        settings: switches tip_unknown_parameter and tip_number_error_form.
    """
    given: dict[str, Value] = {}
    for line in text.splitlines():
        parsed = _parse_line(line)
        if parsed is not None:
            _store(given, parsed[0], parsed[1], version, settings)
    if "BTIP_FILE_PATH" in given and len(given) > 1:
        other = next(name for name in given if name != "BTIP_FILE_PATH")
        raise TipError(260025, messages.text(260025, other))
    for name in MANDATORY:
        if not given.get(name):
            raise TipError(260021, messages.text(260021, name))
    control_files = given["CONTROL_FILES"]
    for path in control_files if isinstance(control_files, list) else [control_files]:
        if not path.startswith(("/", "+")):
            raise TipError(260042, messages.text(260042))
    mode = given.get("LOG_REPLICATION_MODE", "")
    if mode and str(mode).upper() not in REPLICATION_MODES:
        raise TipError(350004, messages.text(350004, mode))
    destinations(given)
    name_convert(given)
    return given


def with_defaults(given: Mapping[str, Value], tb_home: str, sid: str) -> dict[str, Value]:
    """The given parameters over the defaults that follow from them (tibero.md 5 and 6)."""
    port = int(str(given.get("LISTENER_PORT") or 8629))
    base = str(given.get("DB_CREATE_FILE_DEST") or f"{tb_home}/database/{sid}")
    values: dict[str, Value] = {
        "LISTENER_PORT": str(port),
        "_LSNR_SPECIAL_PORT": str(port + 1),
        "_LSNR_SSL_PORT": str(port + 2),
        "_STANDBY_CONN_PORT": str(port + 4),
        "DB_CREATE_FILE_DEST": base,
        "LOG_ARCHIVE_DEST": f"{base}/archive",
        "LOG_ARCHIVE_FORMAT": "log-t%t-r%r-s%s.arc",
        "DB_BLOCK_SIZE": "8192",
        "MAX_SESSION_COUNT": "20",
        "TOTAL_SHM_SIZE": "1G",
        "MEMORY_TARGET": "2G",
        "LOG_REPLICATION_MODE": "UNPROTECTED",
        "UNDO_TABLESPACE": "UNDO",
        "BOOT_WITH_AUTO_DOWN_CLEAN": "N",
        "STANDBY_USE_OBSERVER": "N",
        "CLUSTER_DATABASE": "N",
        "THREAD": "0",
    }
    values.update({name: value for name, value in given.items() if value})
    return values


def check_replication(values: Mapping[str, Value], boot_word: str) -> None:
    """Static checks of a primary boot: a mode needs a destination (350009), all but PERFORMANCE LGWR SYNC (350008)."""
    mode = str(values.get("LOG_REPLICATION_MODE", "UNPROTECTED")).upper()
    if boot_word not in PRIMARY_BOOTS or mode == "UNPROTECTED":
        return
    found = [destination for destination in destinations(values) if destination.enabled]
    if mode in ("PROTECTION", "AVAILABILITY") and not any(each.method == "LGWR SYNC" for each in found):
        raise TipError(350008, messages.text(350008, mode))
    if not found:
        raise TipError(350009, messages.text(350009, mode))


def read(path: str | Path, tb_home: str, sid: str, version: str, settings: Mapping[str, Any]) -> Tip:
    """Read a tip file.

    Raises:
        TipError: unreadable (code 0, invented text) or refused.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise TipError(0, f"Cannot open the tip file: {error.strerror}") from error
    given = parse(text, version, settings)
    return Tip(str(path), given, with_defaults(given, tb_home, sid))
