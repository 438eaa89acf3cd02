# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The message catalogue: number -> text template, mark, occasion.

The texts of `CATALOGUE` are those of the vendor's own message catalogue (or of a recording, mark "H"); *when* each one
is printed is inferred for mark "C". `ADDED` holds texts that are in no reference of this project: mark "I", invented.
Placeholders are positional: text(7067, "a", "b"). The setting "message_overrides" replaces a text without a code
change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Message(NamedTuple):
    """One catalogue entry: number, text with {0} {1} ... placeholders, mark (H, C, M or I) and occasion."""

    number: int
    text: str
    mark: str
    occasion: str


CATALOGUE: tuple[Message, ...] = (
    Message(1023, "Resetlogs is required.", "C", "after incomplete recovery"),
    Message(1024, "Database needs media recovery: {0}({1}).", "C", "boot box, suspended at MOUNT"),
    Message(1025, "Media Recovery has already started.", "C", "second recover"),
    Message(1027, "Unable to find archive log file for thread {0} from change {1}.", "C", "gap, apply or recover"),
    Message(1029, "Log network write failed.", "C", "LNW"),
    Message(1030, "Log network protocol failure (type={0} req_type={1}).", "C", "version mismatch"),
    Message(1034, "Database requires recovery.", "C", "open refused"),
    Message(1035, "Database is open in read-only mode.", "C", "write on read-only standby"),
    Message(1036, "Standby consistency check failed.", "C", "wrong or diverged copy"),
    Message(1037, "Log network read failed.", "C", "LNR"),
    Message(1038, "Log network connect failed ({0}).", "C", "standby not reachable"),
    Message(1040, "Not permitted while standby database is connected.", "C", "DDL on primary"),
    Message(1049, "Datafile #{0} needs Media Recovery.", "C", "stale file"),
    Message(1063, "Log writer is waiting for all logfiles to be archived.", "C", "archive destination full"),
    Message(
        1072,
        "Current online log file (thread {0} seq {1}) is outdated.\n"
        "Need a log with seq {2} to recover from TSN {3}\n"
        "Recovery is incomplete and resetlogs is required.",
        "H",
        "7.x adds a line `Recovery done until <date> TSN <n>.`",
    ),
    Message(1096, "Can't perform standby side controlfile operation: {0}", "C", "STANDBY CONTROLFILE"),
    Message(
        1098, "Database in standby mode. Failover is required to boot as primary.", "C", "NORMAL boot of a standby"
    ),
    Message(1102, "Log network connection disconnected.", "C", "transport"),
    Message(1107, "Set the parameter USE_STANDBY_REDO_LOG to Y.", "C", "SRL DDL"),
    Message(1114, "Not permitted while some standby databases are disconnected.", "C", "DDL on primary"),
    Message(
        1116,
        "FLASHBACK_LOG_BUFFER parameter must be set as non-zero when flashback logging is activated, and vice versa.",
        "C",
        "snapshot standby",
    ),
    Message(1123, "Standby reverse sync is not possible.", "C", "rejoin attempt"),
    Message(1126, "Standby redo log is necessary for snapshot standby.", "C", "conversion"),
    Message(1127, "Database not in standby mode.", "C", "RECOVERY boot, read-only DDL"),
    Message(1128, "Database not in snapshot standby mode.", "C", "back conversion"),
    Message(
        1129, "Database in snapshot standby mode. Convert to standby first to boot as standby.", "C", "RECOVERY boot"
    ),
    Message(1131, "Standby redo thread #{0} is not enabled.", "C", "SRL"),
    Message(1132, "The size of standby logfile is too small.", "C", "SRL"),
    Message(2131, "Generic I/O error.", "H", "no listener at the alias target"),
    Message(2173, "Unable to find the listener.", "C", "connect"),
    Message(7001, "General syntax error.", "C", "DDL"),
    Message(7004, "This DDL statement is not permitted in the current boot mode.", "C", "mode"),
    Message(
        7067,
        "Specified database name '{0}' does not match parameter database name in tip file '{1}'.",
        "C",
        "CREATE DATABASE",
    ),
    Message(7501, "Not allowed in standby replication.", "C", "DDL on standby"),
    Message(7512, "Not permitted while standby database is enabled.", "C", "DDL on primary"),
    Message(7514, "The standby is not RUNNING status.", "C", "destination change"),
    Message(7515, "At least one LGWR SYNC standby DB is required.", "C", "mode change"),
    Message(7516, "The LNW is not ready to start.", "C", "destination change"),
    Message(7550, "Failed to execute RMGR backup due to another RMGR backup already ongoing.", "C", "tbrmgr"),
    Message(7557, "Standby cascade only supports PERFORMANCE mode.", "C", "cascade"),
    Message(7558, "Standby cascade only supports LGWR ASYNC or ARCH ASYNC.", "C", "cascade"),
    Message(7564, "LOG_REPLICATION_DEST_{0} is already {1}.", "C", "enable/suspend twice"),
    Message(7570, "Another Media Recovery or RMGR job is already ongoing.", "C", "recover"),
    Message(
        7577,
        "Media Recovery without for standby option is not allowed in standby replication.",
        "C",
        "RECOVER on a standby",
    ),
    Message(
        7578,
        "Media Recovery with for standby option is not allowed if the database is not standby replication.",
        "C",
        "RECOVER elsewhere",
    ),
    Message(7584, "Media Recovery with _STANDBY_ALLOW_TEMPFILE_ADD_IN_MOUNT_MODE=Y is not allowed.", "C", "RECOVER"),
    Message(8004, "Syntax error.", "H", "SQL"),
    Message(8142, "This DML statement is not permitted in the current boot mode.", "C", "mode"),
    Message(12004, "Unable to connect: DBMS server is in recovery mode.", "C", "non-SYS on a RECOVERY standby"),
    Message(12021, "Only SYS user can log on in restricted boot mode.", "C", "non-SYS at NOMOUNT/MOUNT"),
    Message(12028, "Only DDL statements are allowed in NOMOUNT boot mode.", "C", "SELECT at NOMOUNT"),
    Message(12039, "Server instance is shutting down.", "C", "connect"),
    Message(12079, "The requested DB_NAME does not match with the server DB_NAME.", "C", "tbdsn entry wrong"),
    Message(17001, "Login failed: invalid user name or password.", "C", "connect"),
    Message(17003, "Insufficient privileges to execute this action.", "C", "DDL by non-SYS"),
    Message(17006, "Account is locked.", "C", "connect"),
    Message(17007, "Password file is corrupted or missing: Unable to log in.", "C", "`.passwd` not copied"),
    Message(17008, "Unable to log in: server is booting up or shutting down.", "C", "retry"),
    Message(17018, "Remote DBA login not allowed.", "C", "SYS over the network"),
    Message(17020, "Cannot login during database creation.", "C", "CREATE DATABASE"),
    Message(21042, "Unable to begin new transaction in read only server mode.", "C", "write on read-only standby"),
    Message(22003, "Virtual table '{0}' is not supported in current boot mode.", "C", "V$ below MOUNT/NORMAL"),
    Message(24001, "Unable to open control file.", "C", "boot"),
    Message(24003, "Unable to read control file.", "H", "boot, suspended at NOMOUNT"),
    Message(24010, "Tablespace {0} is in online backup mode.", "C", "BEGIN / END BACKUP twice"),
    Message(24011, "Tablespace {0} is not in online backup mode.", "C", "BEGIN / END BACKUP twice"),
    Message(24026, "Blocksize ({0}) does not match DB_BLOCK_SIZE ({1}).", "C", "boot"),
    Message(24027, "Invalid DB_NAME value in .tip file: '{0}' should be '{1}'.", "C", "boot"),
    Message(24029, "Unable to shut down: file {0} ('{1}') has online backup set.", "C", "tbdown"),
    Message(24055, "None of the tablespaces are in the online backup mode.", "C", "END BACKUP"),
    Message(24068, "The latest backup set #{0} is backed up without archivelogs.", "C", "tbrmgr"),
    Message(24105, "The option '--for-standby' needs the latest backup set to be FOR_STANDBY.", "C", "tbrmgr recover"),
    Message(
        24111, "Backup datafiles need more redo logs at least until END_BACKUP to recover.", "C", "hot copy too short"
    ),
    Message(
        24112,
        "Redo logfile generation time between the nodes is abnormal. Please check the system time.",
        "C",
        "clock skew",
    ),
    Message(
        24115, "Backing up archive log files with '--delete-original' needs all standby nodes connected.", "C", "tbrmgr"
    ),
    Message(24134, "Standby Redo thread #{0} is too big (max {1}).", "C", "SRL"),
    Message(
        24140, "Cannot raise to read only server mode because temporary tablespace not exists.", "C", "read-only open"
    ),
    Message(24141, "Cannot create the standby replication because the backup set is invalid.", "C", "tbrmgr"),
    Message(29003, "Failed to connect to CM (Cluster Manager).", "C", "boot with CM"),
    Message(180016, "There is an active instance which cannot be recovered as standby.", "C", "TAC standby"),
    Message(70002, "Failed to open the file '{0}': {1}.", "H", "TBS, `@file`"),
    Message(70003, "Invalid command. Enter HELP or HELP <command>.", "H", "TBS, also host:port logins"),
    Message(70004, "Not connected to the server.", "H", "TBS"),
    Message(70028, "Invalid shutdown mode.", "C", "TBS / tbdown"),
    Message(210003, "Change core dump dir to {0}.", "H", "tbboot line 1"),
    Message(
        210012,
        "Warning: The initialization parameter 'MEMORY_TARGET' value is greater than the physical system memory size."
        " ...",
        "C",
        "tbboot warning",
    ),
    Message(220014, "Create directory fail cascade: {0}", "H", "console"),
    Message(220015, "Failure to create directory: {0} ({1}:{2})", "H", "console"),
    Message(250081, "* Cannot get shared memory segment:\n* SHM_KEY = 0x{0}, size = {1}, errno={2} ({3})", "H", "box"),
    Message(
        250086,
        "*                     BOOT FAILED.\n* {0} is still running, or garbage files have not been deleted.\n"
        '* Please run "{0} clean" and try again.',
        "C",
        "older form",
    ),
    Message(250089, "ERROR: Active/Standby replication is not licensed.", "C", "boot"),
    Message(250092, "{0}: environment variable TB_HOME or TB_SID is not set.", "C", "tools"),
    Message(250093, '\n"tbdown clean" failed. tbsvr is running.', "C", "tbdown clean"),
    Message(250094, '\n"tbdown clean" failed.', "C", "tbdown clean"),
    Message(250095, '\n"tbdown clean" is executed automatically.\n\n', "C", "auto clean at boot"),
    Message(250109, "*                     BOOT FAILED.", "H", "box title"),
    Message(250110, '* Garbage files have not been deleted.\n* Please run "tbdown clean" and try again.', "C", "box"),
    Message(250111, "* tbsvr process ({0}) is alive.\n* Check if there are any tbsvr instances running.", "H", "box"),
    Message(250120, "Fail to listen port[{0}]. Shutting down the instance...", "C", "boot"),
    Message(260005, "Cannot get environment variable: ${0}.", "C", "tip reader"),
    Message(260015, "*** Tibero initialization parameter (tip) file failure:", "H", "tip errors"),
    Message(260018, "Tip file path = {0}", "H", "tip errors"),
    Message(260021, "Missing mandatory parameter {0}.", "C", "tip"),
    Message(260025, "Invalid parameter name: '{0}'", "C", "tip"),
    Message(260026, "Equal sign (=) expected.", "C", "tip"),
    Message(260030, "Parameter '{0}' defined twice.", "C", "tip"),
    Message(260031, "Too many files in STANDBY_FILE_NAME_CONVERT.", "C", "tip"),
    Message(260032, "Invalid STANDBY_FILE_NAME_CONVERT: not matched.", "C", "tip"),
    Message(260033, "Invalid STANDBY_FILE_NAME_CONVERT: empty prefix.", "C", "tip"),
    Message(260039, "Yes/No expected.", "C", "tip"),
    Message(260041, "Number out of range: {0}.", "C", "tip"),
    Message(260042, "Control file path must be absolute.", "C", "tip"),
    Message(260054, "'{0}' parameter is no longer supported.", "C", "tip"),
    Message(270033, "\n{0}\n\n{1}\n", "H", "banner"),
    Message(270042, "Listener port = {0}", "H", "banner"),
    Message(270045, "{0}: Invalid bootmode!!!", "C", "bad mode word"),
    Message(270049, "{0} instance startup failed!", "C", "boot"),
    Message(270050, "{0} instance started up ({1} mode).", "H", "console"),
    Message(270093, "{0} instance started up ({1} {2} mode).", "H", "console"),
    Message(270051, "{0} instance started suspended at {1} mode.", "H", "console"),
    Message(270053, "Error: Timedout while trying to open port {0}", "C", "boot"),
    Message(270107, "Current bootmode is {0}.\nDo you really want to continue?(yes/no)", "C", "unknown boot mode"),
    Message(350004, "Invalid LOG_REPLICATION_MODE: {0}", "C", "tip"),
    Message(350007, "Invalid LOG_REPLICATION_DEST_{0}", "C", "tip"),
    Message(350005, "Active/Standby replication is not licensed.", "C", "boot"),
    Message(350006, "TAC cannot have LOG_REPLICATION_DEST", "C", "old limit, see conflict 7"),
    Message(350008, "LGWR SYNC standby DB is required for {0}", "C", "boot"),
    Message(350009, "Standby DB is required for {0}", "C", "boot"),
    Message(350012, "LOG_REPLICATION_DEST_{0} does not exist.", "C", "enable/set"),
    Message(
        350013, "Standby cascade only supports LOG_REPLICATION_METHOD AVAILABILITY or PERFORMANCE.", "C", "cascade"
    ),
    Message(350014, "Standby cascade only supports async.", "C", "cascade"),
    Message(360002, "* ERROR: Can't open the license file!!", "C", "licence box"),
    Message(360003, "* ERROR: License expired!!", "C", "licence box"),
    Message(360004, "* ERROR: Mismatch host id!!", "C", "licence box"),
    Message(360006, "* ERROR: Invalid license file format or Mismatch version!!", "C", "licence box"),
    Message(360007, "* ERROR: Invalid signature!!", "C", "licence box"),
    Message(360008, "* ERROR: Invalid license!!", "C", "licence box"),
    Message(360009, "* ({0}) Check the license file - {1}", "C", "licence box"),
    Message(8067, "Invalid window value used in analytic clause.", "H", "SQL"),
    Message(8162, "Cannot insert into an always identity column.", "H", "SQL"),
    Message(11005, "Specified value '{0}' is invalid for mathematical function argument(s).", "H", "SQL"),
    Message(270113, "Listener IPv4 port = {0}\nListener IPv6 port = {1}", "C", "banner"),
    Message(
        30,
        "iparam condition check failed. name:{0}, value: {1}",
        "H",
        "tip value; the number is ours, the text has none",
    ),
    Message(
        7200,
        "Error (-7200) occurred while processing parameter '{0}' and value '{1}' ({2}).",
        "H",
        "tip value",
    ),
)

# Texts that no source of this project gives; a number is reused only where the vendor's public samples use it for the
# same occasion.
ADDED: tuple[Message, ...] = (
    Message(7071, "Schema object '{0}' was not found or is invalid.", "I", "DDL on an object that is not there"),
    Message(7074, "Schema object '{0}' already exists.", "I", "CREATE of an existing object"),
    Message(
        7607, "The user does not have the privilege to change the server mode.", "I", "ALTER DATABASE OPEN by SYSBACKUP"
    ),
    Message(8033, "Specified schema object was not found.", "I", "SQL"),
    Message(8027, "Invalid column name.", "I", "SQL"),
    Message(10007, "UNIQUE constraint violation ('{0}').", "I", "SQL"),
    Message(10005, "NOT NULL constraint violation ('{0}').", "I", "SQL"),
    Message(
        590002, "Invalid or unsupported statement in the emulator: {0}", "I", "statement the emulator does not know"
    ),
)

_BY_NUMBER: dict[int, Message] = {message.number: message for message in CATALOGUE + ADDED}

# Asterisks of each box. Recorded: svmode 56, BOOT FAILED 59, shared memory 75. The licence box (73) is from the
# catalogue only, whose widths are not reliable (it gives 59 for the shared memory box).
BOX_SVMODE = 56
BOX_BOOT_FAILED = 59
BOX_SHARED_MEMORY = 75
BOX_LICENCE = 73


class UnknownMessage(KeyError):
    """A number that the catalogue does not hold."""


def entry(number: int) -> Message:
    """The catalogue entry of `number`; raises UnknownMessage."""
    try:
        return _BY_NUMBER[number]
    except KeyError:
        raise UnknownMessage(f"message {number} is not in the emulator's catalogue") from None


def text(number: int, *arguments: Any, overrides: Mapping[str, str] | None = None) -> str:
    """The text of `number` with its placeholders filled.

    Args:
        number: catalogue number, without TBR-/TBS-.
        arguments: values of {0}, {1} ... in order.
        overrides: the setting "message_overrides": number as a string -> other template.
    """
    template = (overrides or {}).get(str(number)) or entry(number).text
    return template.format(*arguments)


def prefix(number: int) -> str:
    """ "TBS" for the numbers tbsql raises by itself (70000-79999), "TBR" for the server's."""
    return "TBS" if 70000 <= number < 80000 else "TBR"


def line(number: int, *arguments: Any, overrides: Mapping[str, str] | None = None) -> str:
    """ "TBR-n: text", as tbsql prints it."""
    return f"{prefix(number)}-{number}: {text(number, *arguments, overrides=overrides)}"


def box(width: int, *lines: str) -> str:
    """Lines between two rows of `width` asterisks, each line ended by a newline."""
    stars = "*" * width
    return "\n".join([stars, *lines, stars]) + "\n"


def svmode_box(code: int, message: str, mode: str, extra: tuple[str, ...] = ()) -> str:
    """The box of a boot that stayed below the wanted mode (recording t7-tbboot-suspended-TBR-24003).

    One blank before and two after the colon, unlike the form tbsql prints.
    """
    return box(
        BOX_SVMODE,
        "* Critical Warning : Raise svmode failed. The reason is",
        f"*   TBR-{code} :  {message}",
        *extra,
        f"*   Current server mode is {mode}.",
    )
