# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Messages that the setup and the operation of a standby can meet: what they mean and what to do.

Public API
    lookup(code) -> Message or None       by number; TBR, TBS and console numbers do not overlap
    identify(text) -> Message or None     a console text, which prints no number
    explain(code, text="") -> str         one paragraph for a person: message, meaning, remedy
    CATALOGUE                             all of them, by number

mark: H where text and occasion are documented or recorded, C where the text is the vendor's and the occasion is
inferred.
"""

import re
from typing import Dict, List, NamedTuple, Optional, Pattern, Tuple


class Message(NamedTuple):
    """One message.

    pattern: its text with arguments as ``<x>``; remedy: what to do, in words; transient: trying again later can help.
    """

    code: int
    pattern: str
    meaning: str
    remedy: str
    mark: str
    transient: bool


_REBUILD = "Build the standby anew from the primary (setup_standby.yml)."
_GONE_APART = (
    "A former primary: stop it, then playbooks/reinstate.yml without reinstate_reverse_sync; it exports what only this member "
    "has, and copies the rest. Any other: setup_standby.yml with standby_rebuild: true builds it anew."
)
_TIP = "Correct the parameter in $TB_HOME/config/$TB_SID.tip and boot again."

# code | text | meaning | remedy | mark, transient ones end in "+"
_TABLE: Tuple[Tuple[int, str, str, str, str], ...] = (
    (
        1023,
        "Resetlogs is required.",
        "The recovery was incomplete: the database must start a new line of redo.",
        "On a standby this ends replication: " + _REBUILD + " On a primary: tbboot -t RESETLOGS, then a new backup.",
        "C",
    ),
    (
        1024,
        "Database needs media recovery: <reason>(<file>).",
        "A data file is missing, unreadable or older than the control file; the instance stays up at MOUNT.",
        "Check the named file (path, owner, mode). Stop the instance (tbdown) before any retry, then "
        "restore the file and recover.",
        "H",
    ),
    (
        1025,
        "Media Recovery has already started.",
        "Another session is recovering this database.",
        "Wait for it to end, or find and stop it.",
        "C+",
    ),
    (
        1027,
        "Unable to find archive log file for thread <n> from change <tsn>.",
        "A gap: the redo from this TSN on is neither in the online logs nor in the archive directory.",
        "Copy the missing archive into LOG_ARCHIVE_DEST. If it no longer exists anywhere: " + _REBUILD,
        "C",
    ),
    (
        1029,
        "Log network write failed.",
        "The primary could not send redo to a standby.",
        "Check that the standby runs in RECOVERY and its redo port can be reached; missed redo is "
        "sent again from archives.",
        "C+",
    ),
    (
        1030,
        "Log network protocol failure (type=<n> req_type=<n>).",
        "Primary and standby speak different versions of the redo protocol.",
        "Run the same Tibero build on both.",
        "C",
    ),
    (
        1034,
        "Database requires recovery.",
        "The files are not consistent with each other.",
        "Recover the database in MOUNT, or restore it.",
        "C",
    ),
    (
        1035,
        "Database is open in read-only mode.",
        "A write was tried on a standby that is open for reading.",
        "Send the statement to the primary.",
        "C",
    ),
    (
        1036,
        "Standby consistency check failed.",
        "The copy is not, or no longer, a copy of this primary: wrong files, or redo of its own after a failover.",
        _GONE_APART,
        "C",
    ),
    (
        1037,
        "Log network read failed.",
        "The standby lost the connection to the primary while reading redo.",
        "Check the network and the primary; the connection is made again by the primary.",
        "C+",
    ),
    (
        1038,
        "Log network connect failed (<reason>).",
        "The primary cannot reach the redo port of the standby.",
        "Check that the standby is up in RECOVERY, LOG_REPLICATION_DEST_n names its "
        "_STANDBY_CONN_PORT (listener port + 4), and the firewall.",
        "C+",
    ),
    (
        1040,
        "Not permitted while standby database is connected.",
        "This statement cannot be replicated.",
        "Do it without a standby and build the standby anew afterwards, or do not do it.",
        "C",
    ),
    (
        1049,
        "Datafile #<n> needs Media Recovery.",
        "This data file is older than the others: a stale copy or a restore.",
        "Copy the file again in backup mode, or recover it with the archives.",
        "C",
    ),
    (
        1063,
        "Log writer is waiting for all logfiles to be archived.",
        "All redo groups wait for the archiver, mostly because LOG_ARCHIVE_DEST is full: the database stands still.",
        "Make room in LOG_ARCHIVE_DEST. Remove only archives that every standby has received.",
        "C+",
    ),
    (
        1072,
        "Current online log file (thread <n> seq <n>) is outdated.",
        "Recovery came to the end of the redo it was given and is incomplete.",
        "Provide the log with the sequence it names; without it the database can only be opened with "
        "RESETLOGS, which a standby cannot follow.",
        "H",
    ),
    (
        1096,
        "Can't perform standby side controlfile operation: <reason>",
        "ALTER DATABASE STANDBY CONTROLFILE was refused.",
        "The instance must be at MOUNT with the copied control files; check STANDBY_FILE_NAME_CONVERT"
        " and the reason given.",
        "C",
    ),
    (
        1098,
        "Database in standby mode. Failover is required to boot as primary.",
        "A NORMAL boot of a standby was refused, which protects it.",
        "Stop the instance (tbdown) and boot it with tbboot -t RECOVERY. Only to promote it: tbboot -t FAILOVER.",
        "C",
    ),
    (
        1102,
        "Log network connection disconnected.",
        "The redo connection between primary and standby was lost.",
        "Check the other side and the network; missed redo is sent again from archives.",
        "C+",
    ),
    (
        1107,
        "Set the parameter USE_STANDBY_REDO_LOG to Y.",
        "Standby redo logs are switched off in the tip.",
        _TIP,
        "C",
    ),
    (
        1114,
        "Not permitted while some standby databases are disconnected.",
        "The statement needs every standby connected.",
        "Bring the standbys back first.",
        "C+",
    ),
    (
        1116,
        "FLASHBACK_LOG_BUFFER parameter must be set as non-zero when flashback logging is activated, and vice versa.",
        "A snapshot standby needs a flashback log buffer.",
        "Set FLASHBACK_LOG_BUFFER (e.g. 100M) in the tip and boot again.",
        "C",
    ),
    (
        1123,
        "Standby reverse sync is not possible.",
        "The former primary has redo that the new one lacks and cannot give it back.",
        _GONE_APART,
        "C",
    ),
    (
        1126,
        "Standby redo log is necessary for snapshot standby.",
        "A snapshot standby needs standby redo logs.",
        "Add standby redo logs first.",
        "C",
    ),
    (
        1127,
        "Database not in standby mode.",
        "The control file is that of a primary, so RECOVERY or a read-only standby open is refused.",
        "If this host shall be a standby: tbboot -t MOUNT, ALTER DATABASE STANDBY CONTROLFILE, "
        "tbdown, tbboot -t RECOVERY, on a copy of the primary.",
        "C",
    ),
    (
        1128,
        "Database not in snapshot standby mode.",
        "There is no snapshot standby to convert back.",
        "Check which host you are on.",
        "C",
    ),
    (
        1129,
        "Database in snapshot standby mode. Convert to standby first to boot as standby.",
        "A snapshot standby cannot apply redo.",
        "Convert it back to a standby, then boot RECOVERY.",
        "C",
    ),
    (
        1131,
        "Standby redo thread #<n> is not enabled.",
        "Standby redo logs were added, but their thread was not enabled.",
        "ALTER DATABASE ENABLE PUBLIC STANDBY REDO THREAD <n>.",
        "C",
    ),
    (
        1132,
        "The size of standby logfile is too small.",
        "Standby redo logs must be as large as the online logs of the primary.",
        "Add them with the size that V$LOG shows on the primary.",
        "C",
    ),
    (
        2131,
        "Generic I/O error.",
        "Nothing answers at the host and port of the alias, or the connection broke.",
        "Check that the instance and tblistener run, and HOST and PORT of the alias in tbdsn.tbr.",
        "H+",
    ),
    (
        2173,
        "Unable to find the listener.",
        "No listener answers at the host and port of the alias.",
        "Check that tblistener runs, and HOST and PORT of the alias in tbdsn.tbr.",
        "C+",
    ),
    (
        7001,
        "General syntax error.",
        "The statement is not understood.",
        "Check the statement and the Tibero version.",
        "C",
    ),
    (
        7004,
        "This DDL statement is not permitted in the current boot mode.",
        "The instance is in a mode that does not allow this statement.",
        "Check the mode (V$INSTANCE.STATUS) and boot in the mode the statement needs.",
        "C",
    ),
    (
        7067,
        "Specified database name '<a>' does not match parameter database name in tip file '<b>'.",
        "CREATE DATABASE names another database than DB_NAME in the tip.",
        "Make both names equal.",
        "C",
    ),
    (
        7501,
        "Not allowed in standby replication.",
        "This statement cannot run on a standby.",
        "Run it on the primary, if it is one that replication can follow.",
        "C",
    ),
    (
        7512,
        "Not permitted while standby database is enabled.",
        "Redo apply cannot follow this statement.",
        "Do it without a standby and build the standby anew afterwards, or do not do it.",
        "C",
    ),
    (
        7514,
        "The standby is not RUNNING status.",
        "The destination cannot be changed while its standby is not receiving.",
        "Bring the standby to RECOVERY and check the redo port.",
        "C+",
    ),
    (
        7515,
        "At least one LGWR SYNC standby DB is required.",
        "PROTECTION and AVAILABILITY need a standby with LGWR SYNC that receives.",
        "Boot a LGWR SYNC standby in RECOVERY first, or use PERFORMANCE.",
        "C",
    ),
    (
        7516,
        "The LNW is not ready to start.",
        "The sender of redo for this destination cannot start yet.",
        "Check LOG_REPLICATION_MODE and the destination, and try again.",
        "C+",
    ),
    (
        7550,
        "Failed to execute RMGR backup due to another RMGR backup already ongoing.",
        "Another tbrmgr backup is running.",
        "Wait for it to end.",
        "C+",
    ),
    (
        7557,
        "Standby cascade only supports PERFORMANCE mode.",
        "A standby that passes redo on needs PERFORMANCE.",
        "Set LOG_REPLICATION_MODE=PERFORMANCE in its tip.",
        "C",
    ),
    (
        7558,
        "Standby cascade only supports LGWR ASYNC or ARCH ASYNC.",
        "A standby that passes redo on cannot do so synchronously.",
        "Use LGWR ASYNC or ARCH ASYNC in its destination.",
        "C",
    ),
    (
        7564,
        "LOG_REPLICATION_DEST_<n> is already <state>.",
        "The destination is in the wanted state already.",
        "Nothing to do.",
        "C",
    ),
    (
        7570,
        "Another Media Recovery or RMGR job is already ongoing.",
        "Only one recovery or tbrmgr job can run.",
        "Wait for it to end.",
        "C+",
    ),
    (
        7577,
        "Media Recovery without for standby option is not allowed in standby replication.",
        "On a standby, RECOVER needs FOR STANDBY.",
        "ALTER DATABASE RECOVER AUTOMATIC FOR STANDBY.",
        "C",
    ),
    (
        7578,
        "Media Recovery with for standby option is not allowed if the database is not standby replication.",
        "This database is no standby.",
        "Check the host; leave FOR STANDBY out on a primary.",
        "C",
    ),
    (
        7584,
        "Media Recovery with _STANDBY_ALLOW_TEMPFILE_ADD_IN_MOUNT_MODE=Y is not allowed.",
        "This parameter blocks media recovery.",
        "Remove _STANDBY_ALLOW_TEMPFILE_ADD_IN_MOUNT_MODE from the tip and boot again.",
        "C",
    ),
    (
        8004,
        "Syntax error.",
        "The statement is not understood; a comment behind the statement before it does this too.",
        "Check the statement; write no comment behind a statement.",
        "H",
    ),
    (
        8142,
        "This DML statement is not permitted in the current boot mode.",
        "The instance is in a mode that does not allow this statement.",
        "Check the mode (V$INSTANCE.STATUS).",
        "C",
    ),
    (
        12004,
        "Unable to connect: DBMS server is in recovery mode.",
        "Only SYS can log in to a standby in RECOVERY.",
        "Connect to the primary, or as SYS, or open the standby for reading.",
        "C",
    ),
    (
        12021,
        "Only SYS user can log on in restricted boot mode.",
        "The instance is at NOMOUNT or MOUNT.",
        "Connect as SYS, or boot the instance further.",
        "C",
    ),
    (
        12028,
        "Only DDL statements are allowed in NOMOUNT boot mode.",
        "Queries need at least MOUNT.",
        "Boot to MOUNT, or do not query at NOMOUNT.",
        "C",
    ),
    (12039, "Server instance is shutting down.", "A stop is under way.", "Wait until it has ended.", "C+"),
    (
        12079,
        "The requested DB_NAME does not match with the server DB_NAME.",
        "The alias names another database than the one behind the port.",
        "Correct DB_NAME of the alias in tbdsn.tbr: primary and standby share one DB_NAME.",
        "C",
    ),
    (
        17001,
        "Login failed: invalid user name or password.",
        "The password is wrong. On a standby it is the one in its .passwd, which nobody updates.",
        "Check the password; after a change on the primary copy .passwd to every standby again.",
        "C",
    ),
    (
        17003,
        "Insufficient privileges to execute this action.",
        "The user lacks the privilege.",
        "Use SYS.",
        "C",
    ),
    (
        17006,
        "Account is locked.",
        "The account is locked.",
        "ALTER USER <user> ACCOUNT UNLOCK as SYS on the primary.",
        "C",
    ),
    (
        17007,
        "Password file is corrupted or missing: Unable to log in.",
        "The hidden file .passwd is not in DB_CREATE_FILE_DEST; cp * does not copy it.",
        "Copy .passwd from the primary, with owner and mode.",
        "C",
    ),
    (
        17008,
        "Unable to log in: server is booting up or shutting down.",
        "The instance is between two states.",
        "Try again in a moment.",
        "C+",
    ),
    (
        17018,
        "Remote DBA login not allowed.",
        "SYS cannot log in over the network here, but the primary must do so on the standby.",
        "Allow remote SYS logins, or connect on the host itself.",
        "C",
    ),
    (17020, "Cannot login during database creation.", "CREATE DATABASE is running.", "Wait until it has ended.", "C+"),
    (
        21042,
        "Unable to begin new transaction in read only server mode.",
        "A write was tried on a standby that is open for reading.",
        "Send the statement to the primary.",
        "C",
    ),
    (
        22003,
        "Virtual table '<v>' is not supported in current boot mode.",
        "This view needs a higher mode.",
        "Check the mode; on a standby many views are not available.",
        "C",
    ),
    (
        24001,
        "Unable to open control file.",
        "A control file named in CONTROL_FILES is missing or may not be opened.",
        "Check the paths in CONTROL_FILES, owner and mode 0600.",
        "C",
    ),
    (
        24003,
        "Unable to read control file.",
        "No usable control file; the instance stays up at NOMOUNT.",
        "Stop the instance (tbdown), check CONTROL_FILES, owner and mode, restore the control file, boot again.",
        "H",
    ),
    (
        24010,
        "Tablespace <t> is in online backup mode.",
        "BEGIN BACKUP was given twice: a hot backup is open.",
        "Find out whose backup it is; END BACKUP only if it is abandoned.",
        "C",
    ),
    (
        24011,
        "Tablespace <t> is not in online backup mode.",
        "END BACKUP without BEGIN BACKUP.",
        "Nothing to do; but a copy made without backup mode is worthless.",
        "C",
    ),
    (
        24026,
        "Blocksize (<a>) does not match DB_BLOCK_SIZE (<b>).",
        "The tip and the files disagree about the block size.",
        "Set DB_BLOCK_SIZE in the tip of the standby to that of the primary.",
        "C",
    ),
    (
        24027,
        "Invalid DB_NAME value in .tip file: '<a>' should be '<b>'.",
        "The tip and the control file disagree about the database name.",
        "Set DB_NAME in the tip of the standby to that of the primary. TB_SID may differ.",
        "C",
    ),
    (
        24029,
        "Unable to shut down: file <n> ('<path>') has online backup set.",
        "A hot backup is open, so the stop is refused.",
        "Let the backup end, or ALTER DATABASE END BACKUP if it is abandoned; then stop again.",
        "C",
    ),
    (
        24055,
        "None of the tablespaces are in the online backup mode.",
        "END BACKUP without an open backup.",
        "Nothing to do; but a copy made without backup mode is worthless.",
        "C",
    ),
    (
        24068,
        "The latest backup set #<n> is backed up without archivelogs.",
        "The backup set cannot be recovered to a consistent point.",
        "Make a backup with --with-archivelog.",
        "C",
    ),
    (
        24105,
        "The option '--for-standby' needs the latest backup set to be FOR_STANDBY.",
        "The backup set was not made for a standby.",
        "Make a backup with --for-standby.",
        "C",
    ),
    (
        24111,
        "Backup datafiles need more redo logs at least until END_BACKUP to recover.",
        "The archives that were copied end before END BACKUP.",
        "Switch the log on the primary and copy the archives that follow.",
        "C",
    ),
    (
        24112,
        "Redo logfile generation time between the nodes is abnormal. Please check the system time.",
        "The clocks of the hosts differ.",
        "Synchronise the clocks (chrony), then boot again.",
        "C",
    ),
    (
        24115,
        "Backing up archive log files with '--delete-original' needs all standby nodes connected.",
        "Archives must not be deleted while a standby may still need them.",
        "Leave --delete-original out, or bring the standbys back first.",
        "C",
    ),
    (
        24134,
        "Standby Redo thread #<n> is too big (max <n>).",
        "The thread number does not exist.",
        "Use THREAD 0 on a single instance.",
        "C",
    ),
    (
        24140,
        "Cannot raise to read only server mode because temporary tablespace not exists.",
        "The temp files were not copied to the standby.",
        "Copy the temp files from the primary while the standby is down.",
        "C",
    ),
    (
        24141,
        "Cannot create the standby replication because the backup set is invalid.",
        "The backup set cannot be used for a standby.",
        "Make a new backup with --for-standby.",
        "C",
    ),
    (
        29003,
        "Failed to connect to CM (Cluster Manager).",
        "The tip asks for Cluster Manager, which does not answer.",
        "Start it (tbcm -b), check CM_PORT against CM_UI_PORT, or remove the CM parameters from the tip.",
        "C+",
    ),
    (
        70002,
        "Failed to open the file '<f>': <errno text>.",
        "tbsql cannot read the script.",
        "Check path and mode of the file.",
        "H",
    ),
    (
        70003,
        "Invalid command. Enter HELP or HELP <command>.",
        "tbsql does not know the command; user/pw@host:port is one, too: only aliases are accepted.",
        "Use an alias of tbdsn.tbr.",
        "H",
    ),
    (
        70004,
        "Not connected to the server.",
        "The statement ran without a connection: the CONNECT before it failed.",
        "Look at the first error of the run.",
        "H",
    ),
    (
        70028,
        "Invalid shutdown mode.",
        "tbdown does not know the mode word.",
        "Use NORMAL, POST_TX, IMMEDIATE, ABORT, SWITCHOVER or ABNORMAL.",
        "C",
    ),
    (
        130092,
        "(ORA-<n>) <text>",
        "A gateway to another database failed.",
        "Check the gateway; it has nothing to do with the standby.",
        "H",
    ),
    (
        180016,
        "There is an active instance which cannot be recovered as standby.",
        "Another instance of the cluster is open on these files.",
        "Stop the other instance first.",
        "C",
    ),
    (
        210012,
        "Warning: The initialization parameter 'MEMORY_TARGET' value is greater than the physical system memory size.",
        "The instance may use more memory than the host has.",
        "Lower MEMORY_TARGET in the tip.",
        "C",
    ),
    (
        220014,
        "Create directory fail cascade: <dir>",
        "A directory could not be created.",
        "Check owner and mode of the directories above it; Tibero runs as the owner of TB_HOME.",
        "H",
    ),
    (
        220015,
        "Failure to create directory: <dir> (<errno>:<text>)",
        "A directory could not be created.",
        "Check owner and mode of the directories above it; Tibero runs as the owner of TB_HOME.",
        "H",
    ),
    (
        250081,
        "Cannot get shared memory segment:",
        "The kernel did not give the shared memory that TOTAL_SHM_SIZE asks for.",
        "Raise kernel.shmmax and kernel.shmall (or /dev/shm of a container), or lower TOTAL_SHM_SIZE;"
        " look for leftovers with ipcs -m.",
        "H",
    ),
    (
        250086,
        "<prog> is still running, or garbage files have not been deleted.",
        "The instance runs, or a crash left files behind.",
        "If ps shows no tbsvr of this SID: tbdown clean, then boot again.",
        "C",
    ),
    (
        250089,
        "ERROR: Active/Standby replication is not licensed.",
        "The licence does not include TSC.",
        "Get a licence that includes it, for both hosts.",
        "C",
    ),
    (
        250092,
        "<prog>: environment variable TB_HOME or TB_SID is not set.",
        "The program was started without the environment of the instance.",
        "Export TB_HOME and TB_SID.",
        "C",
    ),
    (
        250093,
        '"tbdown clean" failed. tbsvr is running.',
        "The instance is alive, so nothing was cleaned.",
        "Stop it with tbdown first.",
        "C",
    ),
    (
        250094,
        '"tbdown clean" failed.',
        "Leftovers could not be removed.",
        "Check owner and mode of $TB_HOME/instance/$TB_SID.",
        "C",
    ),
    (
        250095,
        '"tbdown clean" is executed automatically.',
        "BOOT_WITH_AUTO_DOWN_CLEAN=Y removed leftovers of a crash before the boot.",
        "On a member of a standby cluster set BOOT_WITH_AUTO_DOWN_CLEAN=N.",
        "C",
    ),
    (250109, "BOOT FAILED.", "The boot was refused.", "Read the lines below it in the box.", "H"),
    (
        250110,
        "Garbage files have not been deleted.",
        "A crash left files of the dead instance behind.",
        "Make sure that no tbsvr of this SID runs, then tbdown clean, then boot again.",
        "C",
    ),
    (
        250111,
        "tbsvr process (<pid>) is alive.",
        "The instance is running already.",
        "Nothing to do, or stop it with tbdown first.",
        "H",
    ),
    (
        250120,
        "Fail to listen port[<n>]. Shutting down the instance...",
        "Another program has the port.",
        "Find it (ss -ltnp), or change LISTENER_PORT; reserve the ports with net.ipv4.ip_local_reserved_ports.",
        "C",
    ),
    (
        260005,
        "Cannot get environment variable: $<name>.",
        "The program was started without the environment of the instance.",
        "Export the variable.",
        "C",
    ),
    (260015, "*** Tibero initialization parameter (tip) file failure:", "The tip file is not accepted.", _TIP, "H"),
    (260021, "Missing mandatory parameter <x>.", "The tip lacks a parameter.", _TIP, "C"),
    (260025, "Invalid parameter name: '<x>'", "This version does not know the parameter.", _TIP, "C"),
    (260026, "Equal sign (=) expected.", "A line of the tip is no KEY=VALUE.", _TIP, "C"),
    (
        260030,
        "Parameter '<x>' defined twice.",
        "The tip sets a key twice.",
        "Remove one of the lines and boot again.",
        "C",
    ),
    (260031, "Too many files in STANDBY_FILE_NAME_CONVERT.", "Too many pairs of directories.", _TIP, "C"),
    (
        260032,
        "Invalid STANDBY_FILE_NAME_CONVERT: not matched.",
        "The directories do not form pairs.",
        'Write "primary directory, standby directory" in one pair of quotes.',
        "C",
    ),
    (260033, "Invalid STANDBY_FILE_NAME_CONVERT: empty prefix.", "A directory is empty.", _TIP, "C"),
    (260039, "Yes/No expected.", "A parameter takes only Y or N.", _TIP, "C"),
    (260041, "Number out of range: <x>.", "A number is too small or too large.", _TIP, "C"),
    (260042, "Control file path must be absolute.", "CONTROL_FILES holds a relative path.", _TIP, "C"),
    (
        260054,
        "'<x>' parameter is no longer supported.",
        "This version has dropped the parameter.",
        "Remove it from the tip.",
        "C",
    ),
    (
        270045,
        "<prog>: Invalid bootmode!!!",
        "tbboot does not know the mode word.",
        "Use NOMOUNT, MOUNT, NORMAL, RECOVERY, RESETLOGS or FAILOVER.",
        "C",
    ),
    (
        270049,
        "<product> instance startup failed!",
        "The boot failed; nothing is left running.",
        "Read the lines above it, then $TB_HOME/instance/$TB_SID/log/slog/sys.log.",
        "C",
    ),
    (
        270053,
        "Error: Timedout while trying to open port <n>",
        "The listener could not open its port.",
        "Find the program that has it (ss -ltnp), or change LISTENER_PORT.",
        "C",
    ),
    (
        270107,
        "Current bootmode is <mode>.",
        "tbboot asks whether to continue.",
        "Answer yes only if this mode is what you want; this collection answers for FAILOVER alone.",
        "C",
    ),
    (
        350004,
        "Invalid LOG_REPLICATION_MODE: <x>",
        "The mode is unknown.",
        "Use PROTECTION, AVAILABILITY or PERFORMANCE.",
        "C",
    ),
    (
        350005,
        "Active/Standby replication is not licensed.",
        "The licence does not include TSC.",
        "Get a licence that includes it, for both hosts.",
        "C",
    ),
    (
        350006,
        "TAC cannot have LOG_REPLICATION_DEST",
        "This version does not replicate from a TAC.",
        "Remove the destinations, or use a version with TAC-TSC.",
        "C",
    ),
    (
        350007,
        "Invalid LOG_REPLICATION_DEST_<n>",
        "The destination is not understood.",
        'Write it as "host:port LGWR SYNC", "... LGWR ASYNC" or "... ARCH ASYNC".',
        "C",
    ),
    (
        350008,
        "LGWR SYNC standby DB is required for <mode>",
        "PROTECTION and AVAILABILITY need a destination with LGWR SYNC.",
        "Configure one and boot its standby first, or use PERFORMANCE.",
        "C",
    ),
    (
        350009,
        "Standby DB is required for <mode>",
        "A replication mode is set without a destination.",
        "Set LOG_REPLICATION_DEST_1, or remove LOG_REPLICATION_MODE.",
        "C",
    ),
    (
        350012,
        "LOG_REPLICATION_DEST_<n> does not exist.",
        "The destination is not configured.",
        "Set LOG_REPLICATION_DEST_<n> first.",
        "C",
    ),
    (
        350013,
        "Standby cascade only supports LOG_REPLICATION_METHOD AVAILABILITY or PERFORMANCE.",
        "A standby that passes redo on cannot use PROTECTION.",
        "Set LOG_REPLICATION_MODE=PERFORMANCE in its tip.",
        "C",
    ),
    (
        350014,
        "Standby cascade only supports async.",
        "A standby passes redo on asynchronously only.",
        "Use LGWR ASYNC.",
        "C",
    ),
    (
        360002,
        "ERROR: Can't open the license file!!",
        "There is no licence file, or it may not be read.",
        "Put the licence at $TB_HOME/license/license.xml, readable for the owner of TB_HOME.",
        "H",
    ),
    (
        360003,
        "ERROR: License expired!!",
        "The licence has ended. A running instance goes on, but it cannot start again once stopped.",
        "Get a new licence before stopping anything else. Never set the clock back.",
        "C",
    ),
    (
        360004,
        "ERROR: Mismatch host id!!",
        "The licence belongs to another host.",
        "Use the licence made for this host name (identified_by_host); each host of a standby cluster has its own.",
        "C",
    ),
    (
        360006,
        "ERROR: Invalid license file format or Mismatch version!!",
        "The file is damaged, or made for another version.",
        "Copy the licence again without editing; check product version.",
        "C",
    ),
    (360007, "ERROR: Invalid signature!!", "The file was changed.", "Copy the licence again without editing.", "C"),
    (360008, "ERROR: Invalid license!!", "The licence is not accepted.", "Ask the vendor, with the file.", "C"),
    (
        360009,
        "(<n>) Check the license file - <path>",
        "Names the licence file that was read.",
        "Look at that file.",
        "C",
    ),
)

CATALOGUE: Dict[int, Message] = {
    code: Message(code, pattern, meaning, remedy, mark.rstrip("+"), mark.endswith("+"))
    for code, pattern, meaning, remedy, mark in _TABLE
}

# Numbers that an older or other edition prints for the same thing, or that are printed by their own wording.
_ALIASES = {7200: 260015}

_ARGUMENT = re.compile(r"<[^<>]*>")


def _regex(pattern: str) -> Pattern[str]:
    parts = [re.escape(part.strip()).replace(r"\ ", r"[ \t]*") for part in _ARGUMENT.split(pattern)]
    return re.compile(r"[ \t]*[^\n]{0,400}?[ \t]*".join(parts), re.IGNORECASE)


# Longest text first: "LGWR SYNC standby DB is required" also contains "Standby DB is required".
_CONSOLE: List[Tuple[Pattern[str], Message]] = [
    (_regex(message.pattern), message)
    for message in sorted(CATALOGUE.values(), key=lambda item: -len(_ARGUMENT.sub("", item.pattern)))
    if message.code >= 210000
]


def lookup(code: int) -> Optional[Message]:
    """Return the message of a number, or None if it is not in the catalogue (``tberr <n>`` on the host explains any
    number)."""
    return CATALOGUE.get(_ALIASES.get(code, code))


def identify(text: str) -> Optional[Message]:
    """Return the message that a console line prints, or None.

    Numbers below 210000 are printed with the text and need lookup().
    """
    for pattern, message in _CONSOLE:
        if pattern.search(text[:2000]):
            return message
    return None


def explain(code: Optional[int], text: str = "") -> str:
    """Return message, meaning and remedy in one paragraph; for an unknown number, what to run to learn more."""
    message = lookup(code) if code is not None else identify(text)
    if message is None:
        if code is None:
            return text.strip()
        return "%s (number %d is not in the catalogue of this collection; 'tberr %d' on the host explains it)" % (
            text.strip() or "error",
            code,
            code,
        )
    said = text.strip() or message.pattern
    return "%s %s %s" % (said if said.endswith((".", "!")) else said + ".", message.meaning, message.remedy)
