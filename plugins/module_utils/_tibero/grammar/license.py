# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The licence file (``$TB_HOME/license/license.xml``).

Public API
    parse(data) -> License                       bytes of the file, in the encoding it declares
    last_day(licence) -> date or None            the last on which a boot is accepted; how many are left is judged by preflight and readiness

Source: one expired demo licence of 7.2.3 (H). The licence is checked at boot only (M). Serial number and signature
are not kept: a record must be safe to print. The last day counts: the recorded 30-day licence runs from 2025/07/03 to
2025/08/01 (L).
"""

import datetime
import re
from typing import Dict, NamedTuple, Optional, Tuple
from xml.etree import ElementTree

from ansible_collections.firedrill.standby.plugins.module_utils._tibero.grammar.errors import GrammarError


class License(NamedTuple):
    """A licence. Dates are None where the file has none (a licence without end, L); numbers are None where not given.

    limits: every ``limit_*`` element as (name, text), e.g. ("limit_user", "20"); host: the host name it is bound to,
    or ""; endless: its end date says in a word that there is none.
    """

    product: str
    product_version: str
    format_version: str
    issue_date: Optional[datetime.date]
    start_date: Optional[datetime.date]
    end_date: Optional[datetime.date]
    licensee: str
    edition: str
    type: str
    duration: Optional[int]
    host: str
    limits: Tuple[Tuple[str, str], ...]
    signed: bool
    endless: bool = False


_DECLARED = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]{0,300}\?>")
_DATE = re.compile(r"([0-9]{4})[/.-]([0-9]{1,2})[/.-]([0-9]{1,2})\Z")
# Another element that speaks of the end; V$LICENSE calls the column EXPIRE_DATE (L: no licence with it was seen).
_END = re.compile(r"expir|enddate|valid_?(?:to|until)", re.IGNORECASE)
_ENDLESS = frozenset(["unlimited", "permanent", "infinite"])
_NO_DATE = _ENDLESS | frozenset(["", "-", "none"])
_LONGEST = 1 << 20
# Python knows more "encodings" than texts have; some of them are slow or hide characters.
_ENCODINGS = frozenset(
    [
        "utf-8",
        "utf8",
        "us-ascii",
        "ascii",
        "iso-8859-1",
        "latin1",
        "latin-1",
        "iso-8859-15",
        "windows-1252",
        "cp1252",
        "euc-kr",
        "ks_c_5601-1987",
        "cp949",
        "ms949",
        "uhc",
        "johab",
        "gb2312",
        "gbk",
        "gb18030",
        "big5",
        "euc-jp",
        "shift_jis",
        "windows-31j",
        "cp932",
    ]
)


def _text_of(data: bytes) -> str:
    """Decode the file ourselves.

    The XML parser of the standard library refuses EUC-KR and other multi-byte encodings.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    declared = _DECLARED.match(data)
    encoding = declared.group(1).decode("ascii") if declared else "utf-8"
    try:
        if encoding.lower() in _ENCODINGS:
            return data.decode(encoding)
    except (LookupError, UnicodeError):
        pass  # reported below, together with encodings that no licence has
    raise GrammarError("licence file", encoding, "text in the encoding that its first line declares")


def _date(name: str, text: str) -> Optional[datetime.date]:
    if text.lower() in _NO_DATE:
        return None
    match = _DATE.match(text)
    if match:
        try:
            return datetime.date(int(match.group(1)), int(match.group(2)), int(match.group(3)))
        except ValueError:
            pass  # 2025/02/30: reported below like any other text that is no date
    raise GrammarError("licence file, %s" % name, text, "a date as YYYY/MM/DD")


def _number(name: str, text: str) -> Optional[int]:
    if text == "" or text.lower() in _NO_DATE:
        return None
    if not re.match(r"[0-9]{1,9}\Z", text):
        raise GrammarError("licence file, %s" % name, text, "a whole number")
    return int(text)


def _root(text: str) -> ElementTree.Element:
    # A document type or entity has no place in a licence, and expanding one is how XML files attack their readers.
    lowered = text.lower()
    if "<!doctype" in lowered or "<!entity" in lowered:
        raise GrammarError(
            "licence file", "a document type or entity declaration", "a plain licence file from the vendor"
        )
    try:
        return ElementTree.fromstring(_DECLARATION.sub("", text, count=1).strip())
    except ElementTree.ParseError as error:
        line, column = error.position
        raise GrammarError(
            "licence file", str(error), "well-formed XML; copy the file again, without editing", line, column + 1
        ) from error


def parse(data: bytes) -> License:
    """Read a licence file.

    :raises GrammarError: if it is no XML, declares a document type, has no ``license`` for Tibero, or a date that is
        none.
    """
    if len(data) > _LONGEST:
        raise GrammarError("licence file", "%d bytes" % len(data), "a file of a few kilobytes")
    text = _text_of(data)
    try:
        root = _root(text)
    except (ValueError, RecursionError) as error:
        if isinstance(error, GrammarError):
            raise
        raise GrammarError("licence file", str(error)[:80], "well-formed XML") from error
    found = [root] if root.tag == "license" else list(root.iter("license"))
    if not found:
        raise GrammarError("licence file", "<%s> without <license>" % root.tag, "<tmax_license><license>...")
    # One file may hold licences of several products of the vendor.
    chosen = [element for element in found if "tibero" in (element.findtext("product") or "").lower()]
    if not chosen:
        raise GrammarError("licence file", "product %r" % (found[0].findtext("product") or ""), "a licence for Tibero")
    return _record(chosen[0])


def _record(element: ElementTree.Element) -> License:
    values: Dict[str, str] = {}
    limits = []
    other_end = ""
    for child in element:
        name = str(child.tag)
        value = (child.text or "").strip()
        values.setdefault(name, value)
        if name.startswith("limit_"):
            limits.append((name, value))
        elif name != "end_date" and _END.search(name) and _DATE.match(value):
            # Read as the end rather than as a licence without one, which would be taken for valid for ever.
            other_end = other_end or value
    product = element.find("product")
    return License(
        product=values.get("product", ""),
        product_version=(product.get("version") or "").strip() if product is not None else "",
        format_version=(element.get("version") or "").strip(),
        issue_date=_date("issue_date", values.get("issue_date", "")),
        start_date=_date("start_date", values.get("start_date", "")),
        end_date=_date("end_date", values.get("end_date", other_end)),
        licensee=values.get("licensee", ""),
        edition=values.get("edition", ""),
        type=values.get("type", ""),
        duration=_number("duration", values.get("duration", "")),
        host=values.get("identified_by_host", ""),
        limits=tuple(limits),
        signed=bool(values.get("signature", "")),
        endless=values.get("end_date", "").lower() in _ENDLESS,
    )


def last_day(licence: License) -> Optional[datetime.date]:
    """Return the last day on which a boot is accepted, or None if the licence has no end.

    Without an end date it follows from start (or issue) date and duration, as the recorded licence has it (L). A
    duration of 0 is none.
    """
    first = licence.start_date or licence.issue_date
    if licence.end_date is None and not licence.endless and licence.duration and first is not None:
        try:
            return first + datetime.timedelta(days=licence.duration - 1)
        except OverflowError:
            return None
    return licence.end_date
