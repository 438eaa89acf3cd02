# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What tbboot, tbdown and ``tbdown clean`` print.

Public API
    parse_boot(text) -> Boot            output of tbboot (also of ``cmrctl start db``)
    parse_down(text) -> Down            output of tbdown and of ``tbdown clean``
    parse_version(text) -> Version      output of ``tbboot -version``
    version_lines(text) -> lines        those of it by which two hosts can be compared
    parse_gen_tip(text) -> GenTip       output of gen_tip.sh
    parse_script(text) -> Script        output of system.sh and system_install.sh
    BootOutcome, DownOutcome            enums
No function raises on any text. What is not recognised is UNRECOGNISED with the text kept; the absence of an error is
never read as success. Success is the printed message alone, and a caller still probes the instance.

Tolerated: prompts and commands around the output, ``cat: /proc/...`` lines of tbboot 6, lost blank lines, lost or
extra blanks, lines run together, either company's copyright line, boxes of any width, indentation, CRLF, terminal
colours.
"""

import enum
import re
from typing import List, NamedTuple, Optional, Pattern, Sequence, Set, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.lines import split_plain
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.messages import lookup


class BootOutcome(enum.Enum):
    """What a tbboot run came to."""

    STARTED = "started"  # "instance started up (<mode> mode)": H
    SUSPENDED = "suspended"  # up, but below the wanted mode; still running: H
    ALREADY_RUNNING = "already running"  # box 250111: H
    GARBAGE_LEFT = "garbage left"  # box 250110 or 250086: C
    AUTO_CLEANED = "auto cleaned"  # 250095 and nothing after it: C
    LICENSE = "license"  # box 360001-360009: C
    TIP_ERROR = "tip error"  # 260015 ff.: H
    PORT_TAKEN = "port taken"  # 250120, 270053: C
    NO_SHARED_MEMORY = "no shared memory"  # box 250081: H
    PERMISSION = "permission"  # 220014, 220015: H
    BAD_MODE = "bad mode"  # 270045: C
    NOT_LICENSED_TSC = "not licensed for TSC"  # 250089, 350005: C
    SYNC_STANDBY_REQUIRED = "standby required"  # 350008, 350009, TBR-7515: C
    QUESTION = "question"  # 270107, nobody answered: C
    REFUSED = "refused"  # anything else that says it failed; see Boot.code
    TERMINATED = "terminated"  # the last message is one of tbdown
    UNRECOGNISED = "unrecognised"


class DownOutcome(enum.Enum):
    """What a tbdown run came to."""

    TERMINATED = "terminated"  # "instance terminated (<mode> mode)": H
    ALREADY_STOPPED = "already stopped"  # "proc info file is deleted": H
    BACKUP_OPEN = "backup open"  # TBR-24029: C
    BAD_MODE = "bad mode"  # TBS-70028: C
    CLEANED = "cleaned"  # wording of a successful clean is unknown: L
    CLEAN_REFUSED = "clean refused"  # 250093, 250094: C
    HELP = "help"  # usage: H
    QUESTION = "question"  # a question that nobody answered: L
    REFUSED = "refused"  # an error we have a number for; see Down.code
    STARTED = "started"  # the last message is one of tbboot
    UNRECOGNISED = "unrecognised"


class Error(NamedTuple):
    """An error message.

    code: its number or None; prefix: "TBR", "TBS" or "" for console texts, which print no prefix.
    """

    code: Optional[int]
    prefix: str
    text: str


class Box(NamedTuple):
    """A box of asterisks: its lines without asterisks and outer blanks; the title is the first."""

    title: str
    lines: Tuple[str, ...]


class Listener(NamedTuple):
    """A listening port; family is "IPv4", "IPv6" or "" if the line does not say."""

    family: str
    port: int


class Boot(NamedTuple):
    """What tbboot printed.

    mode, flag: the words in the brackets as printed (``NORMAL RESETLOGS`` -> "NORMAL", "RESETLOGS"); for SUSPENDED
    the mode the instance is left in. code: the number of the message that decided, if it has one. version: of the
    banner, "6" or "7". pid: the process that is alive (ALREADY_RUNNING). auto_cleaned: tbdown clean ran first
    (250095).
    """

    outcome: BootOutcome
    mode: str
    flag: str
    code: Optional[int]
    version: str
    listeners: Tuple[Listener, ...]
    pid: Optional[int]
    errors: Tuple[Error, ...]
    boxes: Tuple[Box, ...]
    warnings: Tuple[str, ...]
    auto_cleaned: bool
    core_dir: str
    licence_path: str
    tip_path: str
    files: Tuple[str, ...]
    text: str


class Down(NamedTuple):
    """What tbdown printed. mode: the words in the brackets as printed; modes: the words the help lists."""

    outcome: DownOutcome
    mode: str
    code: Optional[int]
    errors: Tuple[Error, ...]
    boxes: Tuple[Box, ...]
    modes: Tuple[str, ...]
    files: Tuple[str, ...]
    text: str


class Version(NamedTuple):
    """What ``tbboot -version`` printed. product: as printed, "6" or "7.2.3"; build: digits or ""; label: patch name or ""."""

    product: str
    build: str
    label: str
    text: str


class GenTip(NamedTuple):
    """What gen_tip.sh printed. done: it said so."""

    sid: str
    files: Tuple[str, ...]
    done: bool
    text: str


class Script(NamedTuple):
    """What system.sh or system_install.sh printed.

    done: it said so; log: the file it names; errors: TBR- and TBS- lines.
    """

    done: bool
    log: str
    errors: Tuple[Error, ...]
    text: str


# ------------------------------------------------------------------------------------------------------- messages


class _Rule(NamedTuple):
    """A refusal: how it reads, its number, and how strongly it explains a failed boot (higher wins within one boot)."""

    outcome: BootOutcome
    code: Optional[int]
    rank: int
    pattern: Pattern[str]


def _rule(outcome: BootOutcome, code: Optional[int], rank: int, pattern: str) -> _Rule:
    # Any blank of the catalogue may be missing or doubled in a copied text.
    return _Rule(outcome, code, rank, re.compile(pattern.replace(" ", r"[ \t]*"), re.IGNORECASE))


_B = BootOutcome
_RULES: Tuple[_Rule, ...] = (
    _rule(_B.ALREADY_RUNNING, 250111, 9, r"tbsvr process \( [0-9]+ \) is alive"),
    _rule(_B.GARBAGE_LEFT, 250110, 9, r"^[*\s]*Garbage files have not been deleted"),
    _rule(_B.GARBAGE_LEFT, 250086, 9, r"is still running, or garbage files have not been deleted"),
    _rule(_B.NOT_LICENSED_TSC, 350005, 9, r"Active/Standby replication is not licensed"),
    _rule(_B.SYNC_STANDBY_REQUIRED, 350008, 9, r"LGWR SYNC standby DB is required for"),
    _rule(_B.SYNC_STANDBY_REQUIRED, 7515, 9, r"At least one LGWR SYNC standby DB is required"),
    _rule(_B.SYNC_STANDBY_REQUIRED, 350009, 8, r"Standby DB is required for"),
    _rule(_B.LICENSE, 360002, 8, r"Can'?t open the license file"),
    _rule(_B.LICENSE, 360003, 8, r"License expired"),
    _rule(_B.LICENSE, 360004, 8, r"Mismatch host ?id"),
    _rule(_B.LICENSE, 360006, 8, r"Invalid license file format"),
    _rule(_B.LICENSE, 360007, 8, r"ERROR: Invalid signature"),
    _rule(_B.LICENSE, 360008, 8, r"Invalid license !"),
    _rule(_B.LICENSE, 360009, 7, r"Check the license file -"),
    _rule(_B.TIP_ERROR, 7200, 8, r"Error \( -7200 \) occurred while processing parameter"),
    _rule(_B.TIP_ERROR, 260021, 8, r"Missing mandatory parameter"),
    _rule(_B.TIP_ERROR, 260025, 8, r"Invalid parameter name:"),
    _rule(_B.TIP_ERROR, 260026, 8, r"Equal sign \(=\) expected"),
    _rule(_B.TIP_ERROR, 260030, 8, r"Parameter '[^']*' defined twice"),
    _rule(_B.TIP_ERROR, 260031, 8, r"Too many files in STANDBY_FILE_NAME_CONVERT"),
    _rule(_B.TIP_ERROR, 260032, 8, r"Invalid STANDBY_FILE_NAME_CONVERT: not matched"),
    _rule(_B.TIP_ERROR, 260033, 8, r"Invalid STANDBY_FILE_NAME_CONVERT: empty prefix"),
    _rule(_B.TIP_ERROR, 260039, 8, r"^\W*Yes/No expected"),
    _rule(_B.TIP_ERROR, 260041, 8, r"Number out of range:"),
    _rule(_B.TIP_ERROR, 260042, 8, r"Control file path must be absolute"),
    _rule(_B.TIP_ERROR, 260054, 8, r"'[^']*' parameter is no longer supported"),
    _rule(_B.TIP_ERROR, 350004, 8, r"Invalid LOG_REPLICATION_MODE"),
    _rule(_B.TIP_ERROR, 350007, 8, r"Invalid LOG_REPLICATION_DEST"),
    _rule(_B.TIP_ERROR, 350013, 8, r"Standby cascade only supports LOG_REPLICATION_METHOD"),
    _rule(_B.TIP_ERROR, 350014, 8, r"Standby cascade only supports async"),
    _rule(_B.TIP_ERROR, 350006, 8, r"TAC cannot have LOG_REPLICATION_DEST"),
    _rule(_B.TIP_ERROR, None, 7, r"iparam condition check failed"),
    _rule(_B.TIP_ERROR, 260015, 7, r"initialization parameter \(tip\) file failure"),
    _rule(_B.PORT_TAKEN, 250120, 8, r"Fail to listen port"),
    _rule(_B.PORT_TAKEN, 270053, 8, r"Timedout while trying to open port"),
    _rule(_B.NO_SHARED_MEMORY, 250081, 8, r"Cannot get shared memory segment"),
    _rule(_B.NO_SHARED_MEMORY, 250081, 7, r"shmget failed"),
    _rule(_B.BAD_MODE, 270045, 9, r"Invalid bootmode"),
    _rule(_B.BAD_MODE, None, 9, r"TAC does not allow bootmode"),
    _rule(_B.REFUSED, 250092, 8, r"environment variable TB_HOME or TB_SID is not set"),
    _rule(_B.REFUSED, 260005, 8, r"Cannot get environment variable:"),
    _rule(_B.PERMISSION, 220015, 6, r"Failure to create directory:"),
    _rule(_B.PERMISSION, 220014, 5, r"Create directory fail cascade:"),
    _rule(_B.PERMISSION, None, 5, r"\btbsvr\b[^\n]{0,200}Permission denied"),
    _rule(_B.PERMISSION, None, 4, r"tb_open_logfd \("),
    _rule(_B.REFUSED, 29003, 6, r"Failed to connect to CM"),
    _rule(_B.REFUSED, 250109, 3, r"^[*\s]*BOOT FAILED"),
    _rule(_B.REFUSED, 270049, 2, r"instance startup failed"),
    _rule(_B.REFUSED, None, 1, r"Failed to start the resource"),
)
# The start of a line that ends a boot for good, even if an earlier boot in the same text had succeeded.
_FINAL = (250109, 250111, 250110, 250086, 270049, 270045, 260015, 7200, 360002, 360003, 360004, 360006, 360007, 360008)
# One quick look decides whether a line needs the rules at all.
_RULE_HINT = re.compile(
    r"alive|garbage|licen[sc]e|required|mismatch|signature|parameter|equal|twice|too|invalid|expected|range|absolute|"
    r"supports|TAC|iparam|fail|timedout|shared|shmget|bootmode|environment|director|cascade|permission|logfd|connect",
    re.IGNORECASE,
)

# A message ends with its bracket, or with the line if it has none: "until the instance started up." and "instance
# terminated abnormally" are somebody's words.
_BRACKET = r"[ \t]*\(((?:[^()]{0,80}mode|(?-i:[A-Z_ \t]{1,80}))[ \t]*)\)[ \t]*(?=\.|[^\w \t.]|\Z)"
_BARE = r"\A[*\s]*Tibero[ \t]*instance[ \t]*%s[ \t]*\.?[ \t]*\Z"
_STARTED = re.compile(r"instance[ \t]*started[ \t]*up" + _BRACKET + "|" + _BARE % r"started[ \t]*up", re.IGNORECASE)
_SUSPENDED = re.compile(r"instance[ \t]*started[ \t]*suspended[ \t]*at[ \t]*([A-Z_ ]{1,40}?)[ \t]*mode", re.IGNORECASE)
_TERMINATED = re.compile(
    r"instance[ \t]*(?:was[ \t]*)?terminated" + _BRACKET + "|" + _BARE % r"(?:was[ \t]*)?terminated", re.IGNORECASE
)
_SVMODE = re.compile(r"Raise[ \t]*svmode[ \t]*failed", re.IGNORECASE)
_CURRENT_MODE = re.compile(r"Current[ \t]*server[ \t]*mode[ \t]*is[ \t]*([A-Z_]+)", re.IGNORECASE)
_QUESTION = re.compile(
    r"Do[ \t]*you[ \t]*really[ \t]*want[ \t]*to[ \t]*continue|Current[ \t]*bootmode[ \t]*is[ \t]*(\w*)", re.IGNORECASE
)
_AUTO_CLEAN = re.compile(r"tbdown[ \t]*clean\"?[ \t]*is[ \t]*executed[ \t]*automatically", re.IGNORECASE)
_LISTENER = re.compile(r"Listener[ \t]*(IPv[46])?[ \t]*port[ \t]*[=:-]?[ \t]*([0-9]{1,5})", re.IGNORECASE)
_BANNER = re.compile(
    r"(?:^|(?<=[ \t.]))(?:Tibero|TIBERO)[ \t]*([0-9]+(?:\.[0-9]+)*)(?=[ \t]*(?:$|\(|Tmax|Copyright|FS|PS|CS))"
)
_CORE_DIR = re.compile(r"Change[ \t]*core[ \t]*dump[ \t]*dir[ \t]*to[ \t]*", re.IGNORECASE)
_TB_ERROR = re.compile(r"\b(TB[RS])-([0-9]{1,18})[ \t]*:[ \t]*")
# Within a line a number without a colon is somebody's words; at its start it is an error.
_TB_FIRST = re.compile(r"[*\s]*(TB[RS])-([0-9]{1,18})[ \t]*")
_ERROR_NUMBER = re.compile(r"Error[ \t]*\([ \t]*-([0-9]{1,7})[ \t]*\)")
_PID_ALIVE = re.compile(r"process[ \t]*\([ \t]*([0-9]{1,10})[ \t]*\)[ \t]*is[ \t]*alive", re.IGNORECASE)
_LICENCE_PATH = re.compile(r"Check[ \t]*the[ \t]*license[ \t]*file[ \t]*-[ \t]*", re.IGNORECASE)
_LICENCE_FILE = re.compile(r"[^\s'\"()*]+")
_TIP_PATH = re.compile(r"Tip[ \t]*file[ \t]*path[ \t]*=[ \t]*", re.IGNORECASE)
_BORDER = re.compile(r"[ \t]*\*{8,}[ \t]*\Z")
_PATH = re.compile(r"(?:(?<![\w./$}>-])/(?=[\w.$@{])|\$TB_HOME/|(?<!\w)\+[A-Za-z]\w*/)[^\s'\"()<>,;*]+")
_WARNING = re.compile(r"^[*\s]*Warning[ \t]*:", re.IGNORECASE)
_REUSE = re.compile(r"shared memory segment with the same key already exists", re.IGNORECASE)
_CAT_NOISE = re.compile(r"[ \t]*cat:[ \t]")


class _Event(NamedTuple):
    """A message that may decide, in the order of the text."""

    outcome: BootOutcome
    code: Optional[int]
    rank: int
    mode: str
    flag: str
    line: int = -1


def _mode_words(bracket: Optional[str]) -> Tuple[str, str]:
    """Split ``NORMAL RESETLOGS mode`` into ("NORMAL", "RESETLOGS"); unknown words are kept as printed."""
    words = (bracket or "").split()
    if words and words[-1].lower() == "mode":
        words.pop()
    elif words and words[-1].lower().endswith("mode") and len(words[-1]) > 4:
        words[-1] = words[-1][:-4]
    return (words[0], " ".join(words[1:])) if words else ("", "")


def _lines(text: str) -> List[str]:
    """Return the lines; a mode bracket that a narrow terminal broke over two lines is put together again."""
    lines = split_plain(text)
    joined: List[str] = []
    for line in lines:
        if joined and _BROKEN.search(joined[-1]) and _BROKEN_REST.match(line):
            joined[-1] = "%s %s" % (joined[-1].rstrip(), line.strip())
        else:
            joined.append(line)
    return joined


_BROKEN = re.compile(
    r"instance[ \t]*(?:started[ \t]*(?:up|suspended)|(?:was[ \t]*)?terminated)[ \t]*"
    r"(?:\([^()]{0,40}|at[A-Z \t]{0,40})?\Z",
    re.IGNORECASE,
)
_BROKEN_REST = re.compile(r"[ \t]*(?:\(?[A-Z_ \t]*mode\b|at [A-Z_]+ mode)", re.IGNORECASE)


def _boxes(lines: Sequence[str]) -> Tuple[Box, ...]:
    """Find the boxes: a border of asterisks, lines that start with one, and mostly a border again."""
    boxes: List[Box] = []
    inside: Optional[List[str]] = None
    for line in lines:
        if _BORDER.match(line):
            if inside:
                boxes.append(Box(inside[0], tuple(inside)))
                inside = None
            else:
                inside = []
        elif inside is not None:
            content = line.strip()
            if content.startswith("*"):
                content = content.strip("* \t")
                if content:
                    inside.append(content)
            elif content:
                # No asterisk: the box had no lower border, or what we took for its upper border was the lower one of
                # another.
                if inside:
                    boxes.append(Box(inside[0], tuple(inside)))
                inside = None
    if inside:
        boxes.append(Box(inside[0], tuple(inside)))
    return tuple(boxes)


def _clean_path(path: str) -> str:
    path = path.strip()
    return path[:-1] if path.endswith(".") else path


def _files(lines: Sequence[str]) -> Tuple[str, ...]:
    """Return the paths that messages name, each once; commands typed at a prompt and container noise are left out."""
    seen: List[str] = []
    known: Set[str] = set()
    for line in lines:
        if "/" not in line or _CAT_NOISE.match(line) or _SHELL.match(line):
            continue
        for match in _PATH.finditer(line):
            path = match.group().rstrip(".:")
            if len(path) > 1 and path not in known:
                known.add(path)
                seen.append(path)
    return tuple(seen)


_QUOTING = re.compile(r"\b(?:grep|echo|tail|cat|sed|awk)\b")
_SHELL = re.compile(r"[ \t]*(?:\[[^\]\n]*\][ \t]*[$#>]+|[\w.@:~/-]*[$#]+)(?:[ \t]|\Z)")


class _Placed(NamedTuple):
    """An error and the index of its line."""

    line: int
    error: Error


def _error_of(line: str) -> Optional[Error]:
    """The error that a line tells, or None."""
    if _SHELL.match(line):
        return None
    match = _TB_ERROR.search(line) or _TB_FIRST.match(line)
    if match:
        return Error(int(match.group(2)), match.group(1), line[match.end() :].strip(" \t*"))
    number = _ERROR_NUMBER.search(line)
    if number:
        # Published copies run the next sentence, which names the tip file, into the same line.
        end = _TIP_PATH.search(line)
        return Error(int(number.group(1)), "", line[number.start() : end.start() if end else None].strip(" \t*"))
    rule = _best_rule(line)
    if rule is not None and rule.code not in _VAGUE:
        return Error(rule.code, "", line.strip(" \t*"))
    return None


def _placed_errors(lines: Sequence[str]) -> List[_Placed]:
    found = [(number, _error_of(line)) for number, line in enumerate(lines)]
    return [_Placed(number, error) for number, error in found if error is not None]


def _errors(lines: Sequence[str]) -> Tuple[Error, ...]:
    return tuple([placed.error for placed in _placed_errors(lines)])


# These say that a boot failed, not why; so does a refusal without a number.
_VAGUE = (None, 250109, 270049)
# What a client is told when there is no server to talk to, or when its words are wrong: no reason of a failed boot.
_OF_CLIENTS = ((2131, 2131), (2173, 2173), (12000, 12999), (17000, 17999), (70000, 79999))


def _weight(code: Optional[int]) -> int:
    """How much a number explains of a failed boot."""
    if code is None or [True for low, high in _OF_CLIENTS if low <= code <= high]:
        return 0
    return 1 if lookup(code) is None else 2


def _cause(errors: Sequence[Error]) -> Optional[int]:
    """The number that explains most: one of the catalogue before others, and of several the last; None without any."""
    best: Optional[int] = None
    for error in errors:
        if best is None or _weight(error.code) >= _weight(best):
            best = error.code
    return best


# A command, or the start or end of tbsql: what follows was printed by another run of a program.
_EDGE = re.compile(r"(?:[0-9:]{8}[ \t]+)?SQL>|[ \t]*tbSQL[ \t]*[0-9]|[ \t]*Disconnected\b")


def _runs(lines: Sequence[str]) -> List[int]:
    """Return for each line the number of the run of a program that printed it."""
    runs: List[int] = []
    for line in lines:
        last = runs[-1] if runs else 0
        runs.append(last + 1 if _SHELL.match(line) or _EDGE.match(line) else last)
    return runs


class _Told(NamedTuple):
    """The errors of a text, and which of them belong to the run that printed a line."""

    placed: Sequence[_Placed]
    runs: Sequence[int]

    def with_line(self, line: int, first: int = 0) -> List[Error]:
        """The errors that the run which printed `line` printed from the line `first` on."""
        return [each.error for each in self.placed if each.line >= first and self.runs[each.line] == self.runs[line]]


def _best_rule(line: str) -> Optional[_Rule]:
    if not _RULE_HINT.search(line):
        return None
    best: Optional[_Rule] = None
    for rule in _RULES:
        if (best is None or rule.rank > best.rank) and rule.pattern.search(line):
            best = rule
    return best


# ------------------------------------------------------------------------------------------------------- tbboot


def _boot_events(lines: Sequence[str]) -> List[_Event]:
    events: List[_Event] = []
    svmode = False
    for number, line in enumerate(lines):
        found: List[Tuple[int, _Event]] = []
        if _SHELL.match(line) and not _prompt_and_message(line):
            continue
        for match in _STARTED.finditer(line):
            mode, flag = _mode_words(match.group(1))
            found.append((match.start(), _Event(_B.STARTED, None, 10, mode, flag)))
        for match in _SUSPENDED.finditer(line):
            found.append((match.start(), _Event(_B.SUSPENDED, None, 10, match.group(1).strip(), "")))
        for match in _TERMINATED.finditer(line):
            mode, flag = _mode_words(match.group(1))
            found.append((match.start(), _Event(_B.TERMINATED, None, 10, mode, flag)))
        svmode = svmode or _SVMODE.search(line) is not None
        current = _CURRENT_MODE.search(line)
        if current and svmode:
            # Recorded boxes are sometimes all that was copied: the box alone says that the instance stays up below
            # the wanted mode.
            found.append((current.start(), _Event(_B.SUSPENDED, None, 9, current.group(1), "")))
            svmode = False
        if _AUTO_CLEAN.search(line):
            found.append((0, _Event(_B.AUTO_CLEANED, 250095, 0, "", "")))
        question = _QUESTION.search(line)
        if question:
            found.append((question.start(), _Event(_B.QUESTION, 270107, 0, question.group(1) or "", "")))
        rule = None if found else _best_rule(line)
        if rule is not None:
            found.append((0, _Event(rule.outcome, rule.code, rule.rank, "", "")))
        found.sort(key=lambda pair: pair[0])
        events.extend([event._replace(line=number) for _place, event in found])
    return events


def _prompt_and_message(line: str) -> bool:
    """Tell whether a message was printed behind a shell prompt, as a program in the background does."""
    said = _STARTED.search(line) or _SUSPENDED.search(line) or _TERMINATED.search(line)
    return said is not None and not _QUOTING.search(line)


def _last_boot(events: Sequence[_Event], decided: _Event) -> int:
    """Return the first line of the boot that decided, so that its record holds nothing of an earlier one in the same
    text."""
    ends = [event.line for event in events if event.rank == 10 and event.line < decided.line]
    return ends[-1] + 1 if ends else 0


def _refused(refusals: Sequence[_Event], told: _Told, first: int) -> _Event:
    """The strongest of the refusals; one that tells no reason gets the number that its own run printed.

    :arg first: the first line that belongs to this boot.
    """
    best = refusals[0]
    for event in refusals:
        if event.rank > best.rank:
            best = event
    if best.code not in _VAGUE:
        return best
    # Of several runs the last one counts, and a console text of another kind is no reason of this one.
    numbers = [
        error for error in told.with_line(refusals[-1].line, first) if error.prefix or _ERROR_NUMBER.match(error.text)
    ]
    return best._replace(code=_cause(numbers)) if numbers else best


def _decide_boot(events: Sequence[_Event], told: _Told) -> _Event:
    """The last instance message decides; a refusal after it, or without it, is explained by its strongest cause."""
    decisive = [
        index
        for index, event in enumerate(events)
        if event.rank >= 9 and event.outcome in (_B.STARTED, _B.SUSPENDED, _B.TERMINATED)
    ]
    rest = list(events[decisive[-1] + 1 :] if decisive else events)
    refusals = [event for event in rest if event.rank > 0]
    # After a success only a message that ends a boot counts; stray errors of other programs in the same text do not.
    if decisive and not [event for event in refusals if event.code in _FINAL]:
        last = events[decisive[-1]]
        questions = [event for event in rest if event.outcome == _B.QUESTION]
        if questions and last.outcome == _B.TERMINATED:
            return questions[-1]._replace(mode=_last_mode(questions))
        return last
    if refusals:
        return _refused(refusals, told, events[decisive[-1]].line + 1 if decisive else 0)
    # Neither a question nor a clean is the end of a run that printed an error behind it.
    questions = [event for event in rest if event.outcome == _B.QUESTION]
    open_ends = questions or [event for event in rest if event.outcome == _B.AUTO_CLEANED]
    at = open_ends[-1].line if open_ends else -1
    errors = told.with_line(at, at) if open_ends else [each.error for each in told.placed]
    if errors:
        return _Event(_B.REFUSED, _cause(errors), 0, "", "")
    if open_ends:
        return open_ends[-1]._replace(mode=_last_mode(questions))
    return _Event(_B.UNRECOGNISED, None, 0, "", "")


def _last_mode(events: Sequence[_Event]) -> str:
    modes = [event.mode for event in events if event.mode]
    return modes[-1] if modes else ""


def _warnings(lines: Sequence[str], boxes: Sequence[Box]) -> Tuple[str, ...]:
    warnings: List[str] = []
    boxed: Set[str] = set()
    for box in boxes:
        if _REUSE.search(box.title) or _WARNING.match(box.title):
            warnings.append(" ".join(box.lines))
            boxed.update(box.lines)
    for line in lines:
        if _WARNING.match(line) and line.strip("* \t") not in boxed:
            warnings.append(line.strip("* \t"))
    return tuple(warnings)


def _after(pattern: Pattern[str], lines: Sequence[str], stop: str = "") -> str:
    """Return what follows a phrase, from its last occurrence, up to `stop` or the end of the line."""
    for line in reversed(lines):
        match = pattern.search(line)
        if match:
            rest = line[match.end() :]
            cut = rest.lower().find(stop) if stop else -1
            return _clean_path(rest[:cut] if cut >= 0 else rest)
    return ""


def parse_boot(text: str) -> Boot:
    """Read the output of tbboot. Never raises.

    Sources: recordings (H) for started, suspended, already running, shared memory, tip error and permission; message
    catalogue (C) for the other refusals. RECOVERY and FAILOVER banners were never recorded (L): any mode word is kept
    as printed.
    """
    lines: Sequence[str] = _lines(text)
    events = _boot_events(lines)
    told = _Told(_placed_errors(lines), _runs(lines))
    decided = _decide_boot(events, told)
    first = _last_boot(events, decided)
    lines = lines[first:]
    errors = tuple([each.error for each in told.placed if each.line >= first])
    boxes = _boxes(lines)
    versions = [match.group(1) for line in lines for match in _BANNER.finditer(line)]
    listeners: List[Listener] = []
    for line in lines:
        for match in _LISTENER.finditer(line):
            family = (match.group(1) or "").lower().replace("ip", "IP")
            listener = Listener(family, int(match.group(2)))
            if listener not in listeners:
                listeners.append(listener)
    pids = [int(match.group(1)) for line in lines for match in _PID_ALIVE.finditer(line)]
    code = decided.code
    if decided.outcome == _B.SUSPENDED and errors:
        code = _cause(told.with_line(decided.line, first) or errors)
    licence = _after(_LICENCE_PATH, lines) or _last(_licence_files(lines))
    return Boot(
        outcome=decided.outcome,
        mode=decided.mode,
        flag=decided.flag,
        code=code,
        version=_last(versions),
        listeners=tuple(listeners),
        pid=pids[-1] if pids else None,
        errors=errors,
        boxes=boxes,
        warnings=_warnings(lines, boxes),
        auto_cleaned=bool([event for event in events if event.outcome == _B.AUTO_CLEANED]),
        core_dir=_after(_CORE_DIR, lines, "listener"),
        licence_path=licence,
        tip_path=_after(_TIP_PATH, lines),
        files=_files(lines),
        text=text,
    )


def _licence_files(lines: Sequence[str]) -> List[str]:
    words = [word for line in lines if "license.xml" in line for word in _LICENCE_FILE.findall(line)]
    return [word.rstrip(".,:") for word in words if word.startswith("/") and word.rstrip(".,:").endswith("license.xml")]


def _last(values: Sequence[str]) -> str:
    return values[-1] if values else ""


# ------------------------------------------------------------------------------------------------------- tbdown

_STOPPED = re.compile(
    r"proc[ \t]*info[ \t]*file[ \t]*is[ \t]*deleted|instance[ \t]*was[ \t]*already[ \t]*stopped", re.IGNORECASE
)
_CLEAN_REFUSED = re.compile(r"tbdown[ \t]*clean\"?[ \t]*failed", re.IGNORECASE)
_CLEAN_RUNNING = re.compile(r"tbsvr[ \t]*is[ \t]*running", re.IGNORECASE)
# No recording of a successful clean exists; these are the wordings that could not mean anything else (L).
_CLEANED = re.compile(
    r"(?:garbage|resources?|files?|instance|shared memory|tbdown clean\"?)[^\n]{0,60}?"
    r"(?:(?<!not )(?:been|were|was|are|is)[ \t]+(?:cleaned|deleted|removed)|cleaned[ \t]+up|"
    r"clean(?:ing)?[ \t]+(?:completed|succeeded|done))",
    re.IGNORECASE,
)
_CLEAN_CALLED = re.compile(r"[ \t]*tbdown[ \t]+clean[ \t]*\Z")
_NOT = re.compile(r"\b(?:not|cannot|fail(?:ed)?|unable|proc[ \t]*info)\b", re.IGNORECASE)
_BACKUP_OPEN = re.compile(r"has[ \t]*online[ \t]*backup[ \t]*set|TBR-24029\b", re.IGNORECASE)
_BAD_DOWN = re.compile(r"Invalid[ \t]*shutdown[ \t]*mode|TBS-70028\b", re.IGNORECASE)
_USAGE = re.compile(r"Usage[ \t]*:[ \t]*tbdown", re.IGNORECASE)
_DOWN_MODES = re.compile(r"DOWNMODE[ \t]*:[ \t]*([A-Z_, \t]+)", re.IGNORECASE)
_ASKS = re.compile(
    r"(?:\?[ \t]*|[\[(][ \t]*y(?:es)?[ \t]*/[ \t]*no?[ \t]*[\])][ \t:?]*)\Z",
    re.IGNORECASE,
)


_Found = Tuple[DownOutcome, Optional[int], str]


def _down_of(line: str, refused: bool) -> Optional[_Found]:
    if _TERMINATED.search(line):
        match = _TERMINATED.search(line)
        mode, flag = _mode_words(match.group(1) if match else "")
        return DownOutcome.TERMINATED, None, (mode + " " + flag).strip()
    started = _STARTED.search(line)
    if started or _SUSPENDED.search(line):
        return DownOutcome.STARTED, None, _mode_words(started.group(1) if started else "")[0]
    if _CLEAN_REFUSED.search(line):
        return DownOutcome.CLEAN_REFUSED, 250093 if _CLEAN_RUNNING.search(line) else 250094, ""
    if refused and _CLEAN_RUNNING.search(line):
        return DownOutcome.CLEAN_REFUSED, 250093, ""
    if _BACKUP_OPEN.search(line):
        return DownOutcome.BACKUP_OPEN, 24029, ""
    if _BAD_DOWN.search(line):
        return DownOutcome.BAD_MODE, 70028, ""
    if _STOPPED.search(line):
        return DownOutcome.ALREADY_STOPPED, None, ""
    if _CLEANED.search(line) and not _NOT.search(line):
        return DownOutcome.CLEANED, None, ""
    if _USAGE.search(line):
        return DownOutcome.HELP, None, ""
    if _ASKS.search(line.rstrip()):
        return DownOutcome.QUESTION, None, ""
    return None


def parse_down(text: str) -> Down:
    """Read the output of tbdown or ``tbdown clean``. Never raises; the last message that is known decides.

    Sources: recordings (H) for NORMAL and IMMEDIATE, already stopped, help; other modes by the same pattern (L);
    refusals C. The prompt and the success text of ``tbdown clean`` are unknown: see DownOutcome.CLEANED.
    """
    lines = _lines(text)
    errors = _errors(lines)
    outcome: DownOutcome = DownOutcome.UNRECOGNISED
    code: Optional[int] = None
    mode = ""
    settled: Optional[_Found] = None
    for line in lines:
        if _CLEAN_CALLED.match(line) or (_SHELL.match(line) and not _prompt_and_message(line)):
            settled = None if "tbdown" in line else settled
            continue
        found = _down_of(line, outcome == DownOutcome.CLEAN_REFUSED)
        # A run that said what became of the instance may remove its leftovers on top of it.
        if found is not None and found[0] == DownOutcome.CLEANED:
            found = settled or found
        elif found is not None and found[0] not in (DownOutcome.QUESTION, DownOutcome.HELP):
            settled = found
        # A question is answered if anything known follows it, and help is only help if nothing else happened.
        if found is not None and not (found[0] == DownOutcome.HELP and outcome != DownOutcome.UNRECOGNISED):
            outcome, code, mode = found
    if outcome in (DownOutcome.UNRECOGNISED, DownOutcome.QUESTION) and errors:
        outcome, code = DownOutcome.REFUSED, errors[-1].code
    modes = _after(_DOWN_MODES_PREFIX, lines)
    return Down(
        outcome,
        mode,
        code,
        errors,
        _boxes(lines),
        tuple([word.strip() for word in modes.split(",") if word.strip()]),
        _files(lines),
        text,
    )


_DOWN_MODES_PREFIX = re.compile(r"DOWNMODE[ \t]*:", re.IGNORECASE)


# ------------------------------------------------------------------------------------------------------- other programs

_BUILD = re.compile(r"Build[ \t:]*([0-9]{3,})", re.IGNORECASE)
# Not within a path: a warning that names one must not be taken for what the program says of itself.
_LABEL = re.compile(r"(?<![/\w.-])(?:FS[0-9]{2}\w*|[0-9]+FS[0-9]{2}\w*|(?:CS|PS)[_-]?[0-9]{2,}\w*)(?!/)", re.IGNORECASE)
_PRODUCT = re.compile(r"(?<![/\w.-])Tibero[ \t]*(?:RDBMS[ \t]*)?([0-9]+(?:\.[0-9]+)*)(?![/\w])", re.IGNORECASE)
# Two numbers, as in "DB 7.2", name a line of versions with many builds; three name one of them.
_DOTTED = re.compile(r"(?<![/\w.-])(?:Tibero|RDBMS|DB)[ \t]*[0-9]+(?:\.[0-9]+){2,}", re.IGNORECASE)
_COPYRIGHT = re.compile(r"Copyright.*", re.IGNORECASE)


def version_lines(text: str) -> Tuple[str, ...]:
    """The lines of ``tbboot -version`` that tell product, build or patch, with single blanks: what two hosts can be compared by.

    Warnings of a shell or a locale stand in the same output and differ between hosts. Empty when no line tells a build or a
    version of three numbers: the form is not recorded (L).
    """
    lines = [" ".join(line.split()) for line in split_plain(text) if not _SHELL.match(line)]
    kinds = (_PRODUCT, _BUILD, _LABEL, _DOTTED)
    found = tuple([line for line in lines if [True for each in kinds if each.search(line)]])
    return found if [line for line in found if _tells_build(line)] else ()


def _tells_build(line: str) -> bool:
    """Tell whether two builds cannot both print this line; the years of a copyright are no build."""
    number = re.search(r"[0-9]{3,}", _COPYRIGHT.sub("", line))
    return bool(number or _BUILD.search(line) or _LABEL.search(line) or _DOTTED.search(line))


def parse_version(text: str) -> Version:
    """Read ``tbboot -version``.

    No recording exists (L): product, build number and patch label are looked for anywhere.
    """
    body = "\n".join([line for line in split_plain(text) if not _SHELL.match(line)])
    product = _PRODUCT.search(body)
    build = _BUILD.search(body)
    label = _LABEL.search(body)
    return Version(
        product.group(1) if product else "", build.group(1) if build else "", label.group() if label else "", text
    )


# gen_tip.bat of Windows puts the SID in square brackets.
_USING_SID = re.compile(r"[ \t]*Using[ \t]+TB_SID[ \t]+(?:\"([^\"]*)\"|\[([^\[\]]*)\])")
_GENERATED = re.compile(r"[ \t]*((?:/|[A-Za-z]:\\)\S.*?)[ \t]+generated\.?[ \t]*\Z")
_DONE = re.compile(r"[ \t]*Done\.[ \t]*\Z")
_DETAILS = re.compile(r"For[ \t]+details,[ \t]+check[ \t]+")


def parse_gen_tip(text: str) -> GenTip:
    """Read the output of gen_tip.sh (H, recordings of 6 and 7) and gen_tip.bat (6 on Windows, M). Never raises."""
    lines = split_plain(text)
    sids = [match.group(1) or match.group(2) or "" for match in (_USING_SID.match(line) for line in lines) if match]
    files = [match.group(1) for match in (_GENERATED.match(line) for line in lines if len(line) < 5000) if match]
    return GenTip(_last(sids), tuple(files), bool([line for line in lines if _DONE.match(line)]), text)


def parse_script(text: str) -> Script:
    """Read the output of system.sh or system_install.sh (H): it ends with ``Done.`` and names its log. Never raises."""
    lines = split_plain(text)
    return Script(bool([line for line in lines if _DONE.match(line)]), _after(_DETAILS, lines), _errors(lines), text)
