# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL functions that sqlite3 lacks, registered on every session's connection.

Inside the engine a DATE is the text `YYYY-MM-DD HH:MM:SS`, a TIMESTAMP the same with six fraction digits, a NUMBER
an integer or a float (so 38 digits of precision are not kept: docs/fidelity.md).
"""

from __future__ import annotations

import calendar
import functools
import hashlib
import math
import random
import re
import sqlite3
import string
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tibero_emulator.server.errors import TbrError

Number = int | float
DATE_TEXT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\Z")
MONTHS = [calendar.month_name[i].upper() for i in range(1, 13)]
DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]


class EngineConnection(sqlite3.Connection):
    """A connection that remembers what a function raised, since sqlite3 reports only that one failed."""

    last_error: TbrError | None = None


class Nls:
    """Formats of one session."""

    def __init__(self, date: str = "YYYY/MM/DD", timestamp: str = "YYYY/MM/DD HH24:MI:SS.FF6") -> None:
        self.date = date
        self.timestamp = timestamp


def parse_internal(text: str) -> datetime:
    """The moment an internal DATE or TIMESTAMP text names. Raises TbrError."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise TbrError(590004, f"'{text}' is not a date") from error


def date_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def timestamp_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def is_date(value: Any) -> bool:
    return isinstance(value, str) and DATE_TEXT.match(value) is not None


_DATE_TOKEN = re.compile(
    r'"[^"]*"|YYYY|YYY|YY|RRRR|RR|MONTH|MON|MM|DDD|DD|DAY|DY|D|HH24|HH12|HH|MI|SSSSS|SS|FF\d?|FF|AM|PM|Q|WW|IW|[^A-Za-z"]+|[A-Za-z]',
    re.IGNORECASE,
)


def format_date(moment: datetime, form: str) -> str:
    """TO_CHAR of a date. Raises TbrError on an unknown element."""
    out = []
    for match in _DATE_TOKEN.finditer(form):
        token = match.group()
        out.append(_date_part(moment, token))
    return "".join(out)


def _date_part(moment: datetime, token: str) -> str:
    upper = token.upper()
    if token.startswith('"'):
        return token[1:-1]
    if not token[0].isalpha():
        return token
    if upper.startswith("FF"):
        digits = int(upper[2:] or 6)
        return f"{moment.microsecond:06d}".ljust(9, "0")[:digits]
    simple: dict[str, Callable[[], str]] = {
        "YYYY": lambda: f"{moment.year:04d}",
        "RRRR": lambda: f"{moment.year:04d}",
        "YYY": lambda: f"{moment.year % 1000:03d}",
        "YY": lambda: f"{moment.year % 100:02d}",
        "RR": lambda: f"{moment.year % 100:02d}",
        "MM": lambda: f"{moment.month:02d}",
        "DD": lambda: f"{moment.day:02d}",
        "DDD": lambda: f"{moment.timetuple().tm_yday:03d}",
        "D": lambda: str(moment.isoweekday() % 7 + 1),
        "HH24": lambda: f"{moment.hour:02d}",
        "HH": lambda: f"{(moment.hour - 1) % 12 + 1:02d}",
        "HH12": lambda: f"{(moment.hour - 1) % 12 + 1:02d}",
        "MI": lambda: f"{moment.minute:02d}",
        "SS": lambda: f"{moment.second:02d}",
        "SSSSS": lambda: str(moment.hour * 3600 + moment.minute * 60 + moment.second),
        "AM": lambda: "AM" if moment.hour < 12 else "PM",
        "PM": lambda: "AM" if moment.hour < 12 else "PM",
        "Q": lambda: str((moment.month + 2) // 3),
        "WW": lambda: f"{(moment.timetuple().tm_yday + 6) // 7:02d}",
        "IW": lambda: f"{moment.isocalendar()[1]:02d}",
        "MONTH": lambda: MONTHS[moment.month - 1].ljust(9),
        "MON": lambda: MONTHS[moment.month - 1][:3],
        "DAY": lambda: DAYS[moment.weekday()].ljust(9),
        "DY": lambda: DAYS[moment.weekday()][:3],
    }
    if upper not in simple:
        raise TbrError(590004, f"date format element '{token}'")
    text = simple[upper]()
    if upper in ("MONTH", "MON", "DAY", "DY"):
        return (
            text.capitalize()
            if token[0].isupper() and token[1:2].islower()
            else text
            if token.isupper()
            else text.lower()
        )
    return text


def parse_date(text: str, form: str) -> datetime:
    """TO_DATE. Raises TbrError when text and format do not match."""
    if is_date(text):
        return parse_internal(text)
    values = {"year": datetime.now().year, "month": datetime.now().month, "day": 1, "h": 0, "m": 0, "s": 0, "us": 0}
    afternoon: bool | None = None
    position = 0
    for match in _DATE_TOKEN.finditer(form):
        token = match.group().upper()
        if position >= len(text):
            break
        if not token[0].isalpha():
            skipped = re.compile(r"[^A-Za-z0-9]*").match(text, position)
            position = skipped.end() if skipped else position
            continue
        position, afternoon = _take_part(text, position, token, values, afternoon)
    if text[position:].strip():
        raise TbrError(590004, f"'{text}' does not match the date format '{form}'")
    hour = values["h"]
    if afternoon is not None:
        hour = hour % 12 + (12 if afternoon else 0)
    try:
        return datetime(values["year"], values["month"], values["day"], hour, values["m"], values["s"], values["us"])
    except ValueError as error:
        raise TbrError(590004, f"'{text}' is not a valid date") from error


def _take_part(
    text: str, position: int, token: str, values: dict[str, int], afternoon: bool | None
) -> tuple[int, bool | None]:
    """Read one format element of TO_DATE; returns the new position."""
    if token in ("MON", "MONTH"):
        word = re.compile(r"[A-Za-z]+").match(text, position)
        names = [name[:3] for name in MONTHS]
        if not word or word.group()[:3].upper() not in names:
            raise TbrError(590004, f"'{text[position:]}' is not a month")
        values["month"] = names.index(word.group()[:3].upper()) + 1
        return word.end(), afternoon
    if token in ("AM", "PM"):
        return position + 2, text[position : position + 2].upper() == "PM"
    lengths = {"YYYY": 4, "RRRR": 4, "YYY": 3, "YY": 2, "RR": 2, "SSSSS": 5}
    width = 9 if token.startswith("FF") else lengths.get(token, 2)
    digits = re.compile(r"\d{1,%d}" % width).match(text, position)
    if digits is None:
        raise TbrError(590004, f"'{text}' does not match the date format element '{token}'")
    number = int(digits.group())
    keys = {"MM": "month", "DD": "day", "HH24": "h", "HH": "h", "HH12": "h", "MI": "m", "SS": "s"}
    if token in ("YYYY", "RRRR"):
        values["year"] = number
    elif token in ("YY", "RR", "YYY"):
        values["year"] = 2000 + number if number < 50 or token != "RR" else 1900 + number
    elif token.startswith("FF"):
        values["us"] = int(digits.group().ljust(6, "0")[:6])
    elif token in keys:
        values[keys[token]] = number
    else:
        raise TbrError(590004, f"date format element '{token}'")
    return digits.end(), afternoon


def number_text(value: Number) -> str:
    """A number as Tibero prints it without a format: no exponent, no trailing zeros, no leading 0 before the point
    removed."""
    if isinstance(value, int):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_number(value: Number, form: str) -> str:
    """TO_CHAR(number, format) for the elements 9 0 . , D G FM S MI $ and L; # signs when it does not fit."""
    form = form.upper()
    fill = form.startswith("FM")
    form = form[2:] if fill else form
    sign_first = form.startswith("S")
    sign_last = form.endswith("MI")
    form = form.removeprefix("S").removesuffix("MI")
    dollar = "$" if form.startswith(("$", "L")) else ""
    form = form.lstrip("$L").replace("D", ".").replace("G", ",")
    whole, _point, fraction = form.partition(".")
    if set(whole + fraction) - set("90,"):
        raise TbrError(590004, f"number format '{form}'")
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-len(fraction)), rounding=ROUND_HALF_UP)
    digits, _dot, decimals = format(abs(rounded), "f").partition(".")
    places = whole.replace(",", "")
    if digits == "0" and "0" not in places:
        digits = ""
    if len(digits) > len(places):
        return "#" * (len(form) + 1)
    first_zero = places.find("0")
    minimum = len(places) - first_zero if first_zero >= 0 else 0
    digits = digits.rjust(minimum, "0")
    if "," in whole:
        digits = _group(digits, whole)
    elif not digits and not fraction:
        digits = "0"
    sign = "-" if rounded < 0 else ("+" if sign_first else "")
    body = dollar + digits + ("." + decimals if fraction else "")
    if fill:
        return (sign + body) if not sign_last else body + ("-" if rounded < 0 else "")
    if sign_last:
        return body.rjust(len(form)) + ("-" if rounded < 0 else " ")
    return (sign + body).rjust(len(form) + len(dollar) + 1)


def _group(digits: str, pattern: str) -> str:
    """Put the group separators of a format between digits, from the right."""
    out: list[str] = []
    left = list(digits)
    for mark in reversed(pattern):
        if not left:
            break
        out.append("," if mark == "," else left.pop())
    return "".join(reversed(out))


def to_number(value: Any) -> Number | None:
    if value is None or isinstance(value, (int, float)):
        return value
    text = str(value).strip().replace(",", "")
    try:
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    except ValueError as error:
        raise TbrError(590004, f"'{value}' is not a number") from error


def to_text(value: Any, nls: Nls) -> str | None:
    """Implicit conversion to text."""
    if value is None:
        return None
    if isinstance(value, (int, float)):
        return number_text(value)
    return str(value)


def to_char(nls: Nls, *args: Any) -> str | None:
    value, form = args[0], args[1] if len(args) > 1 else None
    if value is None:
        return None
    if isinstance(value, (int, float)):
        return format_number(value, form) if form else number_text(value)
    if is_date(value):
        default = nls.timestamp if "." in value else nls.date
        return format_date(parse_internal(value), form or default)
    if form and re.fullmatch(r"[+-]?\d+(\.\d+)?", str(value).strip()):
        number = to_number(value)
        return format_number(number, form) if number is not None else None
    return str(value)


def as_date(value: Any, nls: Nls) -> str | None:
    """Implicit conversion to DATE: internal text, or text in NLS_DATE_FORMAT."""
    if value is None or value == "":
        return None
    if is_date(value):
        return str(value)[:19]
    return date_text(parse_date(str(value), nls.date))


def as_timestamp(value: Any, nls: Nls) -> str | None:
    if value is None or value == "":
        return None
    if is_date(value):
        return timestamp_text(parse_internal(str(value)))
    try:
        return timestamp_text(parse_date(str(value), nls.timestamp))
    except TbrError:
        return timestamp_text(parse_date(str(value), nls.date))


def date_add(value: Any, days: Any) -> str | None:
    if value is None or days is None:
        return None
    moment = parse_internal(str(value)) + timedelta(days=float(days))
    return timestamp_text(moment) if "." in str(value) else date_text(moment + timedelta(microseconds=500000))


def date_diff(left: Any, right: Any) -> Number | None:
    """Days between two dates."""
    if left is None or right is None:
        return None
    days = (parse_internal(str(left)) - parse_internal(str(right))).total_seconds() / 86400
    return int(days) if days == int(days) else days


def add_months(value: Any, months: Any) -> str | None:
    if value is None or months is None:
        return None
    moment = parse_internal(str(value))
    total = moment.year * 12 + moment.month - 1 + int(months)
    year, month = divmod(total, 12)
    last = calendar.monthrange(year, month + 1)[1]
    was_last = moment.day == calendar.monthrange(moment.year, moment.month)[1]
    return date_text(moment.replace(year=year, month=month + 1, day=last if was_last else min(moment.day, last)))


def months_between(left: Any, right: Any) -> Number | None:
    if left is None or right is None:
        return None
    first, second = parse_internal(str(left)), parse_internal(str(right))
    months = (first.year - second.year) * 12 + first.month - second.month
    if first.day == second.day:
        return months
    return months + (first.day - second.day) / 31


def last_day(value: Any) -> str | None:
    if value is None:
        return None
    moment = parse_internal(str(value))
    return date_text(moment.replace(day=calendar.monthrange(moment.year, moment.month)[1]))


def trunc(*args: Any) -> Any:
    value = args[0]
    if value is None:
        return None
    if is_date(value):
        return _trunc_date(parse_internal(value), str(args[1]).upper() if len(args) > 1 else "DD")
    number = to_number(value)
    places = int(args[1]) if len(args) > 1 else 0
    scaled = Decimal(repr(number)) * Decimal(10) ** places
    result = Decimal(int(scaled)) / Decimal(10) ** places
    return int(result) if result == int(result) else float(result)


def _trunc_date(moment: datetime, unit: str) -> str:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit in ("MM", "MON", "MONTH"):
        day = day.replace(day=1)
    elif unit in ("YYYY", "YEAR", "YY"):
        day = day.replace(month=1, day=1)
    elif unit in ("HH", "HH24"):
        day = moment.replace(minute=0, second=0, microsecond=0)
    elif unit == "MI":
        day = moment.replace(second=0, microsecond=0)
    return date_text(day)


def round_value(*args: Any) -> Any:
    value = args[0]
    if value is None:
        return None
    places = int(args[1]) if len(args) > 1 else 0
    number = to_number(value)
    result = Decimal(repr(number)).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return int(result) if result == int(result) else float(result)


def modulo(left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    first, second = to_number(left), to_number(right)
    if not second:
        return first
    result = math.fmod(first or 0, second)
    return int(result) if result == int(result) else result


def divide(left: Any, right: Any) -> Any:
    """Division of NUMBERs: never an integer division."""
    if left is None or right is None:
        return None
    first, second = to_number(left), to_number(right)
    if not second:
        raise TbrError(5070)
    result = (first or 0) / second
    return int(result) if result == int(result) and abs(result) < 1e15 else result


def instr(*args: Any) -> int | None:
    if args[0] is None or args[1] is None:
        return None
    text, part = str(args[0]), str(args[1])
    start = int(args[2]) if len(args) > 2 else 1
    wanted = int(args[3]) if len(args) > 3 else 1
    position = start - 1 if start > 0 else 0
    for _ in range(wanted):
        found = text.find(part, position)
        if found < 0:
            return 0
        position = found + 1
    return position


def substr(*args: Any) -> str | None:
    if args[0] is None:
        return None
    text, start = str(args[0]), int(args[1])
    start = start - 1 if start > 0 else (len(text) + start if start < 0 else 0)
    if start < 0:
        return None
    end = start + int(args[2]) if len(args) > 2 and args[2] is not None else len(text)
    return text[start:end] or None


def pad(left: bool) -> Callable[..., str | None]:
    def run(*args: Any) -> str | None:
        if args[0] is None:
            return None
        text, width = to_text(args[0], Nls()) or "", int(args[1])
        fill = str(args[2]) if len(args) > 2 else " "
        if len(text) >= width:
            return text[:width] or None
        extra = (fill * width)[: width - len(text)]
        return extra + text if left else text + extra

    return run


def column_text(value: Any, length: int, name: str) -> Any:
    """A value stored in VARCHAR(length)."""
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else to_text(value, Nls()) or ""
    if length and len(text) > length:
        raise TbrError(590003, name, len(text), length)
    return text


def column_char(value: Any, length: int, name: str) -> Any:
    """A value stored in CHAR(length): blank-padded."""
    text = column_text(value, 0, name)
    if text is None:
        return None
    if len(text) > length:
        raise TbrError(590003, name, len(text), length)
    return text.ljust(length)


def column_number(value: Any, precision: int, scale: int, name: str) -> Any:
    """A value stored in NUMBER(precision, scale); precision 0 = as it comes."""
    number = to_number(value if value != "" else None)
    if number is None or not precision:
        return number
    number = round_value(number, scale)
    if abs(number) >= 10 ** (precision - scale):
        raise TbrError(590003, name, len(str(int(abs(number)))), precision - scale)
    return number


def decode(*args: Any) -> Any:
    value, rest = args[0], list(args[1:])
    while len(rest) >= 2:
        if rest[0] == value:
            return rest[1]
        rest = rest[2:]
    return rest[0] if rest else None


def ora_hash(*args: Any) -> int:
    digest = hashlib.sha256(str(args[0]).encode()).digest()
    bucket = int.from_bytes(digest[:4], "big")
    return bucket % (int(args[1]) + 1) if len(args) > 1 else bucket


def random_text(kind: Any, length: Any) -> str:
    letters = {"U": string.ascii_uppercase, "L": string.ascii_lowercase, "X": string.ascii_uppercase + string.digits}
    pool = letters.get(str(kind).upper(), string.ascii_letters)
    return "".join(random.choice(pool) for _ in range(int(length)))


def translate(value: Any, source: Any, target: Any) -> str | None:
    if value is None or source is None:
        return None
    table = {ord(ch): (str(target)[i] if i < len(str(target or "")) else None) for i, ch in enumerate(str(source))}
    return str(value).translate(table) or None


def to_date(nls: Nls, *args: Any) -> str | None:
    return None if args[0] is None else date_text(parse_date(str(args[0]), args[1] if len(args) > 1 else nls.date))


def to_timestamp(nls: Nls, *args: Any) -> str | None:
    if args[0] is None:
        return None
    return timestamp_text(parse_date(str(args[0]), args[1] if len(args) > 1 else nls.timestamp))


def regexp_replace(*args: Any) -> str | None:
    return None if args[0] is None else re.sub(str(args[1]), str(args[2] if len(args) > 2 else ""), str(args[0]))


def power(left: Any, right: Any) -> Number | None:
    result: Number | None = None
    if left is not None and right is not None:
        result = (to_number(left) or 0) ** (to_number(right) or 0)
    return result


# name -> (number of arguments, -1 for any; function)
FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "TB_TO_NUMBER": (-1, lambda *a: to_number(a[0])),
    "TB_SYSDATE": (0, lambda: date_text(datetime.now())),
    "TB_SYSTIMESTAMP": (0, lambda: timestamp_text(datetime.now())),
    "TB_DATE_ADD": (2, date_add),
    "TB_DATE_DIFF": (2, date_diff),
    "TB_ADD_MONTHS": (2, add_months),
    "TB_MONTHS_BETWEEN": (2, months_between),
    "TB_LAST_DAY": (1, last_day),
    "TB_TRUNC": (-1, trunc),
    "TB_ROUND": (-1, round_value),
    "TB_MOD": (2, modulo),
    "TB_DIV": (2, divide),
    "TB_INSTR": (-1, instr),
    "TB_SUBSTR": (-1, substr),
    "TB_LPAD": (-1, pad(True)),
    "TB_RPAD": (-1, pad(False)),
    "TB_COL_TEXT": (3, column_text),
    "TB_COL_CHAR": (3, column_char),
    "TB_COL_NUMBER": (4, column_number),
    "TB_DECODE": (-1, decode),
    "TB_NVL2": (3, lambda a, b, c: b if a is not None else c),
    "TB_ORA_HASH": (-1, ora_hash),
    "TB_INITCAP": (1, lambda v: None if v is None else str(v).title()),
    "TB_TRANSLATE": (3, translate),
    "TB_ASCII": (1, lambda v: None if not v else ord(str(v)[0])),
    "TB_CHR": (1, lambda v: None if v is None else chr(int(v))),
    "TB_SYS_GUID": (0, lambda: f"{random.getrandbits(128):032X}"),
    "TB_RANDOM_VALUE": (-1, lambda *a: random.uniform(float(a[0]), float(a[1])) if a else random.random()),
    "TB_RANDOM_STRING": (2, random_text),
    "CEIL": (1, lambda v: None if v is None else math.ceil(to_number(v) or 0)),
    "FLOOR": (1, lambda v: None if v is None else math.floor(to_number(v) or 0)),
    "POWER": (2, power),
    "SQRT": (1, lambda v: None if v is None else math.sqrt(to_number(v) or 0)),
    "REGEXP": (2, lambda p, v: v is not None and re.search(str(p), str(v)) is not None),
    "REGEXP_LIKE": (-1, lambda *a: a[0] is not None and re.search(str(a[1]), str(a[0])) is not None),
    "REGEXP_REPLACE": (-1, regexp_replace),
}
# the same for functions that depend on the session's formats; they get the Nls first
NLS_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "TB_TO_CHAR": (-1, to_char),
    "TB_TO_DATE": (-1, to_date),
    "TB_TO_TIMESTAMP": (-1, to_timestamp),
    "TB_DATE": (1, lambda nls, value: as_date(value, nls)),
    "TB_TIMESTAMP": (1, lambda nls, value: as_timestamp(value, nls)),
    "TB_TEXT": (1, lambda nls, value: to_text(value, nls)),
}


def register(
    connection: EngineConnection, nls: Nls, context: Callable[[str], Any], nextval: Callable[..., int]
) -> None:
    """Put every function on a connection.

    Args:
        context: SYS_CONTEXT / USERENV lookup by key.
        nextval: nextval(sequence key, current) -> value.
    """

    def guard(function: Callable[..., Any]) -> Callable[..., Any]:
        """sqlite3 hides what a function raised: keep it for the session (see `last_error`)."""

        def run(*args: Any) -> Any:
            try:
                return function(*args)
            except TbrError as error:
                connection.last_error = error
                raise

        return run

    session: dict[str, tuple[int, Callable[..., Any]]] = {
        "TB_CONTEXT": (1, context),
        "TB_NEXTVAL": (1, lambda key: nextval(key, False)),
        "TB_CURRVAL": (1, lambda key: nextval(key, True)),
    }
    bound: dict[str, tuple[int, Callable[..., Any]]] = {
        name: (count, functools.partial(each, nls)) for name, (count, each) in NLS_FUNCTIONS.items()
    }
    for name, (count, function) in {**FUNCTIONS, **bound, **session}.items():
        connection.create_function(name, count, guard(function))
