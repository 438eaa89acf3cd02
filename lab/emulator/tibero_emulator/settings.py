# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator's switches: one for each behaviour that is not recorded, so that a real server's answer can be adopted
by setting.

Read once per program from, in rising order of precedence: the defaults below, `$TB_HOME/config/emulator.json`, the
environment variable TB_EMULATOR_SETTINGS (a JSON object, or the path of a file that holds one). An unknown name or a
value outside `choices` is refused: a misspelt switch must not look like one that works. A dict-valued switch is merged
key by key. tbboot hands the resolved settings to the server in the boot request, so that a running server never changes
its mind.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class SettingsError(ValueError):
    """A settings source that cannot be used; the text names the source, the switch and what is allowed."""


class Switch(NamedTuple):
    """One switch.

    fidelity: of the DEFAULT value: recorded, documented, inferred or invented. choices: empty = any value of the
    default's type.
    """

    name: str
    default: Any
    fidelity: str
    source: str
    meaning: str
    choices: tuple[Any, ...] = ()


# Boot and shutdown seconds by step. "fast" is for tests. "realistic": order of magnitude of lab notes, not measured by
# us.
TIMING: dict[str, dict[str, float]] = {
    "fast": {
        "boot_nomount": 0.0,
        "boot_mount": 0.0,
        "boot_open": 0.0,
        "create_database": 0.0,
        "system_script": 0.0,
        "down": 0.0,
        "failover": 0.0,
        "apply_delay": 0.0,
        "lnw_poll": 0.2,
        "lnw_reconnect": 0.5,
    },
    "realistic": {
        "boot_nomount": 3.0,
        "boot_mount": 2.0,
        "boot_open": 5.0,
        "create_database": 40.0,
        "system_script": 300.0,
        "down": 8.0,
        "failover": 10.0,
        "apply_delay": 0.3,
        "lnw_poll": 1.0,
        "lnw_reconnect": 5.0,
    },
}

COMMON_SWITCHES: tuple[Switch, ...] = (
    Switch("timing", "fast", "invented", "-", "timing profile", tuple(TIMING)),
    Switch("timing_seconds", {}, "invented", "-", 'single steps of the timing profile in seconds, e.g. {"down": 20}'),
    Switch("message_overrides", {}, "documented", "tibero.md 17", 'other texts for catalogue numbers, {"1098": "..."}'),
)

CONSOLE_SWITCHES: tuple[Switch, ...] = (
    Switch(
        "exit_codes",
        {
            "tbboot_up": 0,
            "tbboot_suspended": 0,
            "tbboot_refused": 1,
            "tbboot_usage": 1,
            "tbboot_licence": 1,
            "tbdown_ok": 0,
            "tbdown_failed": 1,
            "tbdown_usage": 1,
            "tbsql_ok": 0,
            "tbsql_login_failed": 1,
            "tbrmgr_ok": 0,
            "tbrmgr_failed": 1,
            "cmrctl_ok": 0,
            "cmrctl_failed": 1,
        },
        "invented",
        "tibero.md 1.6; the licence code 1 is recorded for a container",
        "exit codes of the programs; the collection must not trust them",
    ),
    Switch(
        "boot_banner_mode",
        {
            "NOMOUNT": "NOMOUNT",
            "MOUNT": "MOUNT",
            "NORMAL": "NORMAL",
            "RESETLOGS": "NORMAL RESETLOGS",
            "RECOVERY": "RECOVERY",
            "FAILOVER": "NORMAL FAILOVER",
        },
        "invented",
        "recorded for NOMOUNT, MOUNT, NORMAL, RESETLOGS; RECOVERY and FAILOVER: tibero.md 1.2 (L)",
        "words in `started up (<words> mode).` by boot word",
    ),
    Switch(
        "down_banner_mode",
        {
            "NORMAL": "NORMAL",
            "POST_TX": "POST_TX",
            "IMMEDIATE": "IMMEDIATE",
            "ABORT": "ABORT",
            "SWITCHOVER": "SWITCHOVER",
            "ABNORMAL": "ABNORMAL",
        },
        "invented",
        "recorded for NORMAL and IMMEDIATE; others tibero.md 2 (L)",
        "words in `Tibero instance terminated (<words> mode).`",
    ),
    Switch(
        "confirm_boot_modes",
        [],
        "invented",
        "tibero.md 1.5: 270107 exists, its trigger is unknown",
        'boot words that ask 270107 and want yes on stdin; offer ["FAILOVER"]',
    ),
    Switch(
        "banner_trailing_blanks",
        0,
        "recorded",
        "t6-tbdown-tbboot-tbsql-openframe shows 2, all others 0",
        "blanks after the product line of tbboot and tbsql",
        (0, 2),
    ),
    Switch(
        "banner_copyright",
        "",
        "recorded",
        "empty = by major version; early 7 builds print the TmaxData line",
        "other copyright line of tbboot and tbsql",
    ),
    Switch(
        "ipv6_listener",
        False,
        "inferred",
        "270113 (C)",
        "print two lines, Listener IPv4 and IPv6 port",
        (False, True),
    ),
    Switch(
        "proc_sys_noise",
        "auto",
        "recorded",
        "t6-tbboot-nomount-createdb-normal",
        "the `cat: /proc/sys...` lines of 6",
        ("auto", "always", "never"),
    ),
    Switch(
        "box_boot_failed_form",
        250110,
        "inferred",
        "tibero.md 1.4",
        "leftovers box: 250110 or the older 250086",
        (250110, 250086),
    ),
    Switch(
        "clean_prompt",
        "Do you really want to clean the instance? (y/n) : ",
        "invented",
        "tibero.md 2: prompt text unknown",
        "question of `tbdown clean`",
    ),
    Switch(
        "clean_done",
        '"tbdown clean" is finished.',
        "invented",
        "-",
        "line printed when `tbdown clean` removed the leftovers",
    ),
    Switch(
        "clean_refused_answer",
        '"tbdown clean" is cancelled.',
        "invented",
        "-",
        "line printed when the answer is not yes",
    ),
    Switch("tip_unknown_parameter", "refuse", "documented", "260025 (C)", "unknown tip keys", ("refuse", "accept")),
    Switch(
        "tip_number_error_form",
        "recorded",
        "inferred",
        "the -7200 text is recorded for a range error, 260041 is in the catalogue",
        "range error of a numeric parameter: iparam text as recorded, or 260041 in the tip failure text",
        ("catalogue", "recorded"),
    ),
    Switch(
        "tip_failure_form",
        "line",
        "recorded",
        "t6to7-tbboot-tip-error-7200: texts exact, line breaks approximate",
        "one line or several",
        ("line", "lines"),
    ),
    Switch(
        "licence_check_host",
        True,
        "documented",
        "tibero.md 10",
        "refuse identified_by_host that is not this host",
        (True, False),
    ),
    Switch(
        "licence_host",
        "",
        "inferred",
        "-",
        "host name the licence is compared with; empty = `hostname` of this machine (or TB_EMULATOR_HOSTNAME)",
    ),
    Switch(
        "licence_tsc_code",
        350005,
        "inferred",
        "250089 and 350005 have the same text",
        "code of the TSC licence refusal",
        (350005, 250089),
    ),
    Switch(
        "licence_tsc_needed",
        True,
        "documented",
        "tibero.md 1.4, 10",
        "RECOVERY boot or LOG_REPLICATION_MODE needs the TSC option",
        (True, False),
    ),
    Switch(
        "gen_tip_existing",
        "overwrite",
        "invented",
        "tibero.md 5: treatment of an existing tip unknown",
        "what gen_tip.sh does with an existing tip",
        ("overwrite", "keep"),
    ),
)

TBSQL_SWITCHES: tuple[Switch, ...] = (
    Switch(
        "tbsql_silent_residue",
        ["prompt", "disconnected"],
        "documented",
        "tibero.md 3.1: -s output still holds banner or prompt residue and `Disconnected.`",
        "what -s leaves: any of banner, connected, prompt, disconnected",
    ),
    Switch(
        "tbsql_blank_before_reply",
        {"6": "prompt", "7": "always"},
        "recorded",
        "t6-tbboot-nomount-createdb-normal (script: none), t7-cmrctl-add-and-start-tac (script: one)",
        "blank line before the reply of a DDL or DML statement: always, prompt (only when a prompt was shown), never",
    ),
    Switch(
        "tbsql_blank_before_error",
        False,
        "inferred",
        "t7-tbsql-tempfile-readd (`0 row selected.` follows at once); the surrounding of errors was never recorded",
        "blank line before error lines and `0 row selected.`; without it a piped session has them on the prompt's line",
        (False, True),
    ),
    Switch(
        "tbsql_pad_headings",
        "spool",
        "recorded",
        "t5to6-tbsql-one-row-selected (padded, written to a file), t7-tbsql-v_instance (not padded, screen)",
        "pad the heading line to the column width: spool (only in SPOOL files), always, never",
        ("spool", "always", "never"),
    ),
    Switch(
        "tbsql_trailing_comment",
        "breaks",
        "documented",
        "tibero.md 3.1 (H)",
        "`stmt; -- comment` breaks the next statement",
        ("breaks", "ignored"),
    ),
    Switch("tbsql_wallet", "refuse", "inferred", "tibero.md 3.1 (M)", "`tbsql /`: no wallet support", ("refuse",)),
)

# The server's rows. Its owner adds what it needs; the names in the brief's list of invented behaviour come first.
SERVER_SWITCHES: tuple[Switch, ...] = (
    Switch(
        "instance_status",
        {"NOMOUNT": "NOMOUNT", "MOUNT": "MOUNT", "NORMAL": "NORMAL", "RECOVERY": "RECOVERY", "READ_ONLY": "RECOVERY"},
        "invented",
        "NORMAL recorded; others by nature (M/L)",
        "V$INSTANCE.STATUS by server state",
    ),
    Switch(
        "open_mode",
        {"MOUNT": "MOUNTED", "NORMAL": "READ WRITE", "RECOVERY": "MOUNTED", "READ_ONLY": "READ ONLY"},
        "invented",
        "READ WRITE recorded; others unknown",
        "V$DATABASE.OPEN_MODE by server state",
    ),
    Switch(
        "example_users_at_create",
        False,
        "recorded",
        "t7-system_sh-output: Creating system users & roles, Creating example users",
        "CREATE DATABASE already makes TIBERO, TIBERO1 and the system users (False: the system script does)",
        (False, True),
    ),
    Switch("fgwp_processes", 2, "invented", "10 recorded on a real host", "number of tbsvr_FGWP children"),
    Switch("pewp_processes", 1, "invented", "6 recorded on a real host", "number of tbsvr_PEWP children"),
    Switch(
        "boot_sync_wait_seconds",
        5.0,
        "invented",
        "tibero.md 1.5: boot fails without a SYNC standby; how long it tries is unknown",
        "seconds a PROTECTION or AVAILABILITY boot waits for an LGWR SYNC standby to connect",
    ),
    Switch(
        "normal_after_switchover",
        True,
        "invented",
        "tibero.md 19.6",
        "NORMAL boot of the old primary after a SWITCHOVER stop succeeds (False: TBR-1034)",
        (True, False),
    ),
    Switch(
        "switchover_needs_standby",
        True,
        "invented",
        "-",
        "tbdown SWITCHOVER is refused with TBR-7514 while no standby is connected",
        (True, False),
    ),
    Switch(
        "former_primary_recovery_code",
        1036,
        "inferred",
        "tibero.md 22.9",
        "RECOVERY boot of a primary that had standbys and was not stopped by SWITCHOVER",
        (1036, 1127),
    ),
    Switch(
        "fuzzy_copy_code",
        1036,
        "invented",
        "-",
        "RECOVERY boot of a copy made of an open database without backup mode",
        (1036, 1024),
    ),
    Switch(
        "end_backup_needed_at_recovery_boot",
        True,
        "inferred",
        "24111 (C)",
        "a hot copy must reach its END BACKUP from local redo when it boots RECOVERY (False: only before it is opened)",
        (True, False),
    ),
    Switch(
        "backup_needs_archivelog",
        True,
        "inferred",
        "-",
        "BEGIN BACKUP is refused in NOARCHIVELOG mode",
        (True, False),
    ),
    Switch(
        "logminer",
        "off",
        "invented",
        "no public document says that Tibero has DBMS_LOGMNR; names as in Oracle",
        "CALL DBMS_LOGMNR.* and V$LOGMNR_CONTENTS exist and tell the statements that the redo carries",
        ("off", "on"),
    ),
    Switch(
        "unsupported_ddl_when",
        "enabled",
        "inferred",
        "TBR-7512 `enabled`, TBR-1040 `connected` (C)",
        "DDL of tibero.md 15 is refused on a primary while a standby is enabled, or only while one is connected",
        ("enabled", "connected"),
    ),
    Switch(
        "unsupported_ddl_primary_code", 7512, "inferred", "tibero.md 15", "its refusal on the primary", (7512, 1040)
    ),
    Switch("unsupported_ddl_standby_code", 7501, "inferred", "tibero.md 15", "its refusal on a standby", (7501,)),
    Switch(
        "enable_twice_code",
        7564,
        "inferred",
        "TBR-7564 (C)",
        "LOG_REPLICATION_n_ENABLE set to what it is (0: accepted)",
        (7564, 0),
    ),
)

SWITCHES: dict[str, Switch] = {
    switch.name: switch for switch in COMMON_SWITCHES + CONSOLE_SWITCHES + TBSQL_SWITCHES + SERVER_SWITCHES
}


def defaults() -> dict[str, Any]:
    """A fresh copy of every default."""
    copied: dict[str, Any] = json.loads(json.dumps({name: switch.default for name, switch in SWITCHES.items()}))
    return copied


def _apply(settings: dict[str, Any], given: Any, source: str) -> None:
    """Lay one source over `settings`, refusing what is unknown or of the wrong kind."""
    if not isinstance(given, dict):
        raise SettingsError(f"{source}: a JSON object expected, found {type(given).__name__}")
    for name, value in given.items():
        switch = SWITCHES.get(name)
        if switch is None:
            raise SettingsError(f"{source}: unknown switch '{name}'; known: {', '.join(sorted(SWITCHES))}")
        if switch.choices and value not in switch.choices:
            allowed = ", ".join(repr(choice) for choice in switch.choices)
            raise SettingsError(f"{source}: {name}={value!r} is not one of {allowed}")
        if type(value) is not type(switch.default) and not (
            isinstance(value, (int, float)) and isinstance(switch.default, (int, float)) and not isinstance(value, bool)
        ):
            raise SettingsError(f"{source}: {name} must be a {type(switch.default).__name__}, found {value!r}")
        if isinstance(value, dict):
            settings[name] = {**settings[name], **value}
        else:
            settings[name] = value


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read as JSON: {error}") from error


def load(tb_home: str | os.PathLike[str] | None, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The settings in force.

    Args:
        tb_home: TB_HOME, or None to skip `config/emulator.json`.
        environ: environment, default os.environ (TB_EMULATOR_SETTINGS).
    Raises:
        SettingsError: unknown switch, value outside its choices, unreadable source.
    """
    environment = os.environ if environ is None else environ
    settings = defaults()
    if tb_home:
        path = Path(tb_home) / "config" / "emulator.json"
        if path.exists():
            _apply(settings, _read(path), str(path))
    inline = environment.get("TB_EMULATOR_SETTINGS", "").strip()
    if inline.startswith("{"):
        try:
            _apply(settings, json.loads(inline), "TB_EMULATOR_SETTINGS")
        except json.JSONDecodeError as error:
            raise SettingsError(f"TB_EMULATOR_SETTINGS: not JSON: {error}") from error
    elif inline:
        _apply(settings, _read(Path(inline)), inline)
    return settings


def seconds(settings: Mapping[str, Any], step: str) -> float:
    """Seconds that `step` takes under the chosen timing profile; a step the profile does not know takes 0."""
    chosen = settings.get("timing_seconds", {})
    if step in chosen:
        return float(chosen[step])
    return TIMING[settings.get("timing", "fast")].get(step, 0.0)


def take_time(settings: Mapping[str, Any], step: str) -> None:
    """Spend the seconds of `step`: the only sleep the emulator may make, and never a synchronisation."""
    duration = seconds(settings, step)
    if duration > 0:
        time.sleep(duration)
