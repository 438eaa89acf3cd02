# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What Tibero's error numbers mean for the person at the keyboard, and what to do about them.

Numbers and texts: the vendor's message catalogue (H); on which occasion they come is inferred (C) unless recorded.
"""

from typing import Dict, NamedTuple, Optional


class Advice(NamedTuple):
    """What an error means and what to do."""

    meaning: str
    remedy: str


_SAME_PASSWORD = "The SYS password must be the same on all members: copy the password file .passwd of the primary again"

ADVICE: Dict[int, Advice] = {
    1023: Advice("Recovery was incomplete, so the database can only be opened with RESETLOGS", "Boot with mode resetlogs, if losing the rest is meant"),
    1024: Advice("A data file is older than the control file says: media recovery is needed", "Recover in MOUNT, or copy the database again"),
    1027: Advice("Redo that was already archived is missing", "Put the archive back where LOG_ARCHIVE_DEST points, or copy the database again"),
    1036: Advice(
        "The copy does not belong to this primary, or it went its own way (a former primary with redo of its own)",
        "Build the standby anew with firedrill.standby.setup_standby",
    ),
    1040: Advice("The primary forbids this while a standby is connected", "Do it while no standby exists, then build the standbys anew"),
    1096: Advice("The control file could not be turned into that of a standby", "Check STANDBY_FILE_NAME_CONVERT and that every file of the copy is there"),
    1098: Advice("The control file is that of a standby", "Boot with mode recovery; mode failover would promote it"),
    1127: Advice("The control file is not that of a standby", "Run firedrill.standby.tibero_standby_controlfile in MOUNT first"),
    1129: Advice("The database is a snapshot standby", "Convert it back to a standby first"),
    2131: Advice("Nothing listens where the alias points", "Check that the instance runs, LISTENER_PORT and the alias in tbdsn.tbr"),
    2173: Advice("The alias is not known, or has no listener", "Check tbdsn.tbr: it needs an entry named like the instance"),
    7004: Advice("The statement is not allowed in the present boot mode", "Boot the instance in the mode the statement needs"),
    7067: Advice("The database name differs from DB_NAME in the tip", "Use the same name in both"),
    7501: Advice("A standby does not allow this", "Do it on the primary"),
    7512: Advice("The primary forbids this while a standby is enabled", "Do it while no standby exists, then build the standbys anew"),
    12004: Advice("A standby admits SYS only", "Log in as sys"),
    12021: Advice("Below NORMAL the server admits SYS only", "Log in as sys"),
    12028: Advice("At NOMOUNT the server answers no queries", "Boot to MOUNT or further"),
    12039: Advice("The instance is shutting down", "Wait for its end"),
    12079: Advice("The alias names another DB_NAME than the server has", "Correct DB_NAME in tbdsn.tbr"),
    17001: Advice("User or password is wrong", "Check sys_password; {0}".format(_SAME_PASSWORD)),
    17003: Advice("The account may not do this", "Log in as sys"),
    17006: Advice("The account is locked", "Unlock it as another administrator: ALTER USER ... ACCOUNT UNLOCK"),
    17007: Advice("The password file .passwd is missing or damaged", "Copy .passwd from the primary into DB_CREATE_FILE_DEST"),
    17008: Advice("The instance is booting up or shutting down", "Wait and ask again"),
    17018: Advice("SYS may not log in over the network here", "Log in on the host itself"),
    17020: Advice("The database is being created", "Wait for the end of CREATE DATABASE"),
    21042: Advice("The database is open read only", "Write on the primary"),
    24001: Advice("The control file cannot be opened", "Check CONTROL_FILES in the tip and the owner of the files"),
    24003: Advice("The control file cannot be read", "Put a good copy in its place, or copy the database again"),
    24010: Advice("The tablespace is in backup mode already", "End the backup that is open, or wait for it"),
    24011: Advice("The tablespace is not in backup mode", "Nothing is left to end"),
    24026: Advice("DB_BLOCK_SIZE in the tip is not that of the database", "Set DB_BLOCK_SIZE as on the primary"),
    24027: Advice("DB_NAME in the tip is not that of the database", "Set DB_NAME as on the primary"),
    24029: Advice("A hot backup is open", "End it first: firedrill.standby.tibero_hot_backup with state absent"),
    24055: Advice("No tablespace is in backup mode", "Nothing is left to end"),
    24111: Advice("The copy was made while redo went on that it does not have", "Copy the archives up to the end of the backup as well"),
    24112: Advice("The clocks of the members differ too much", "Synchronise the clocks"),
    24140: Advice("The standby has no temporary tablespace files", "Copy the temp files as well"),
    29003: Advice("The cluster manager does not answer", "Start tbcm, or remove CM_PORT from the tip"),
    70004: Advice("tbsql is not logged in", "Read the error before this one"),
    250092: Advice("TB_HOME or TB_SID is not set", "Check tb_home and tb_sid"),
    250110: Advice("An instance died here and left its files behind", "Set clean_garbage: true, or run 'tbdown clean' after proof that no tbsvr lives"),
    250111: Advice("The instance runs already", "Stop it first, or leave it as it is"),
    350005: Advice("The licence does not include the standby cluster", "Ask for a licence with TSC for this host"),
    350008: Advice("The protection mode needs a standby that receives with LGWR SYNC", "Boot that standby in mode recovery first, or lower the mode"),
    350009: Advice("The protection mode needs a standby", "Set a destination, or use PERFORMANCE"),
    360003: Advice("The licence has expired", "Put a valid licence at $TB_HOME/license/license.xml; never change the date"),
    360004: Advice("The licence is for another host name", "Ask for a licence for this host name"),
}

_CONSOLE: Dict[str, Advice] = {
    "LICENSE": Advice("The licence is missing or not valid here", "Put a valid licence for this host at $TB_HOME/license/license.xml"),
    "TIP_ERROR": Advice("The tip has a parameter that this server refuses", "Correct it with firedrill.standby.tibero_tip"),
    "PORT_TAKEN": Advice("Another program holds the listener port", "Find it with 'ss -ltnp', or change LISTENER_PORT"),
    "NO_SHARED_MEMORY": Advice(
        "The system gives no shared memory segment of that size",
        "Compare TOTAL_SHM_SIZE with kernel.shmmax, shmall and /dev/shm; look for leftovers with 'ipcs -m'",
    ),
    "PERMISSION": Advice("A directory cannot be used", "Check the owner of $TB_HOME and of the directories named; run as the OS user of Tibero"),
    "BAD_MODE": Advice("This tbboot does not know the mode", "Check the version of Tibero"),
    "QUESTION": Advice("The program asks a question that must not be answered without being asked for", "Run it by hand and read the question"),
    "GARBAGE_LEFT": ADVICE[250110],
    "ALREADY_RUNNING": ADVICE[250111],
    "NOT_LICENSED_TSC": ADVICE[350005],
    "SYNC_STANDBY_REQUIRED": ADVICE[350008],
}

_UNKNOWN = Advice("Tibero refused it", "Look the number up with 'tberr' and read sys.log below $TB_HOME/instance/$TB_SID/log/slog")


def advice(code: Optional[int], outcome: str = "") -> Advice:
    """What to say about an error number, or about the name of a console outcome when the number has no entry of its own."""
    if code is not None and code in ADVICE:
        return ADVICE[code]
    return _CONSOLE.get(outcome, _UNKNOWN)
