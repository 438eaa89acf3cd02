# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This plugin utility is private to the collection firedrill.standby: other collections must not import it.
"""The drawings of the views, as SVG inside of a page: no script, no reference, shapes as well as colours.

Colours come from classes that the page's style defines. Public: :func:`timeline`, :func:`gauge`, :func:`trend`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import PARTS
from ansible_collections.firedrill.standby.plugins.plugin_utils._views.language import Language, span

WIDTH, LEFT, RIGHT = 960, 150, 16
SECOND = 10**9
#: How a verdict is marked in the drawing of the trend.
SHAPES = {"met": "dot", "met with findings": "ring", "inconclusive": "question", "not met": "cross"}


class _Scale(NamedTuple):
    """From nanoseconds to the width of the drawing."""

    begin: int
    end: int

    def x(self, at: int) -> float:
        """Where an instant lies, kept inside."""
        share = (min(max(at, self.begin), self.end) - self.begin) / max(1, self.end - self.begin)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


class _Canvas:
    """An SVG that grows."""

    def __init__(self, title: str) -> None:
        self.root = ElementTree.Element("svg", {"class": "drawing", "role": "img", "aria-label": title})
        ElementTree.SubElement(self.root, "title").text = title

    def put(self, tag: str, text: str = "", **attributes: Any) -> None:
        """An element; ``klass`` is its class, an underscore in a name stands for a hyphen."""
        named = {
            ("class" if key == "klass" else key.replace("_", "-")): str(value) for key, value in attributes.items()
        }
        element = ElementTree.SubElement(self.root, tag, named)
        if text:
            element.text = text

    def done(self, height: float) -> str:
        """The text of the drawing; everything in it is escaped."""
        self.root.set("viewBox", f"0 0 {WIDTH} {round(height)}")
        return ElementTree.tostring(self.root, encoding="unicode")


def _step(width: int, most: int = 9) -> int:
    """A round distance of ticks, in nanoseconds."""
    step = SECOND // 10
    for factor in (2, 2.5, 2, 2, 2.5, 2, 2, 2.5, 2, 3, 2, 5, 2, 2, 2, 2, 2, 2, 2, 2):
        if width // step <= most:
            break
        step = int(step * factor)
    return max(step, 1)


def _axis(canvas: _Canvas, scale: _Scale, zero: int, y: float) -> None:
    canvas.put("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, klass="axis")
    step = _step(scale.end - scale.begin)
    at = zero - (zero - scale.begin) // step * step
    while at <= scale.end:
        canvas.put("line", x1=scale.x(at), x2=scale.x(at), y1=y, y2=y + 5, klass="axis")
        canvas.put("text", f"{(at - zero) / SECOND:g}", x=scale.x(at), y=y + 18, klass="tick")
        at += step


def _marks(canvas: _Canvas, scale: _Scale, marks: Sequence[tuple[str, int]], y: float, bottom: float) -> None:
    """Lines of the marks; those that would lie on each other share a label, and labels keep out of each other's way."""
    groups: list[tuple[float, list[str]]] = []
    before = -1000.0
    for name, at in sorted(marks, key=lambda each: (each[1], int(each[0][1:]))):
        x = scale.x(at)
        if x - before < 12:
            groups[-1][1].append(name)
        else:
            groups.append((x, [name]))
        before = x
    ends = [-1000.0, -1000.0]
    for x, names in groups:
        text = names[0] if len(names) == 1 else f"{names[0]}–{names[-1]}" if len(names) > 2 else " ".join(names)
        level = 0 if x - ends[0] > 6 else 1
        ends[level] = x + 8 * len(text)
        canvas.put("line", x1=x, x2=x, y1=y - 2 + 14 * level, y2=bottom, klass="mark")
        canvas.put("text", text, x=x + 3, y=y + 9 + 14 * level, klass="marklabel")


def _bands(
    canvas: _Canvas, scale: _Scale, marks: Mapping[str, int], phases: Sequence[tuple[str, str, str]], y: float
) -> None:
    """Phases from mark to mark, each with its name where there is room for it."""
    for number, (label, first, last) in enumerate(phases):
        if first in marks and last in marks and scale.begin <= marks[first] < scale.end:
            begin, end = scale.x(marks[first]), scale.x(marks[last])
            canvas.put(
                "rect", x=begin, y=y, width=round(max(0.0, end - begin), 1), height=15, klass=f"phase{number % 3}"
            )
            if end - begin > 8 * len(label):
                canvas.put("text", label, x=begin + 4, y=y + 11.5, klass="marklabel")


def _dots(canvas: _Canvas, scale: _Scale, series: Mapping[str, Any], y: float) -> None:
    """Operations of one path: answered above, failed in the middle, unknown below; each outcome has a shape of its own."""
    for number in range(len(series["ok"])):
        x = scale.x(series["from_mono_ns"] + number * series["step_ns"] + series["step_ns"] // 2)
        if series["ok"][number]:
            canvas.put("circle", cx=x, cy=y, r=2.6, klass="ok")
        if series["failed"][number]:
            canvas.put("path", d=f"M{x - 2.8} {y + 9.2}l5.6 5.6m0 -5.6l-5.6 5.6", klass="failed")
        if series["unknown"][number]:
            canvas.put("path", d=f"M{x} {y + 20}l4 4l-4 4l-4 -4z", klass="unknown")


def _bars(canvas: _Canvas, scale: _Scale, outage: Mapping[str, Any], label: str, y: float) -> None:
    """The outage: what is possible as an outline, what is sure filled."""
    for gap in outage["gaps"]:
        begin = gap["begin_mono_ns"] if gap["begin_mono_ns"] is not None else scale.begin
        end = gap["end_mono_ns"] if gap["end_mono_ns"] is not None else scale.end
        left, right = scale.x(begin), scale.x(end)
        canvas.put("rect", x=left, y=y, width=max(2, round(right - left, 1)), height=12, klass="possible")
        first, last = gap.get("first_failed"), gap.get("last_failed")
        if first and last and gap["lo_ns"]:
            sure = scale.x(begin + (end - begin - gap["lo_ns"]) // 2)
            width = max(1, round((right - left) * gap["lo_ns"] / max(1, end - begin), 1))
            canvas.put("rect", x=sure, y=y + 2, width=width, height=8, klass="sure")
    ends = [gap["end_mono_ns"] for gap in outage["gaps"] if gap["end_mono_ns"] is not None]
    if ends:
        x = scale.x(max(ends))
        fits = x + 8 * len(label) < WIDTH
        canvas.put("text", label, x=x + 6 if fits else WIDTH - RIGHT, y=y + 11, klass="label" if fits else "label end")


def interval(lo: int | None, hi: int | None, language: Language) -> str:
    """An interval of time in words; the upper end may be unknown."""
    low = language.say("unknown") if lo is None else span(lo, up=False)
    high = language.say("gauge.unbounded") if hi is None else span(hi)
    return f"[{low}, {high}]"


def timeline(
    leg: str,
    client: str,
    marks: Mapping[str, int],
    series: Sequence[Mapping[str, Any]],
    outages: Sequence[Mapping[str, Any]],
    language: Language,
) -> str:
    """One leg as one client saw it: above the whole leg with its marks, below the time around the outage with a dot for each sampling step.

    :arg marks: mark to nanoseconds of the client's clock.
    :arg series, outages: records of K.series and K.outages of this leg and client.
    :returns: an SVG; empty without t0 or anything to draw.
    """
    zero = marks.get("t0", series[0]["t0_mono_ns"] if series else None)
    if zero is None or not (series or len(marks) > 1):
        return ""
    canvas = _Canvas(language.say("timeline.drawing", leg=leg))
    last = max([*marks.values(), zero + SECOND])
    whole = _Scale(zero - (last - zero) // 40, last + (last - zero) // 12)
    canvas.put("text", language.say("timeline.whole"), x=4, y=40, klass="row")
    phases = [(language.say("timeline.outage"), "t0", "t7")]
    phases += [
        (language.word("mark", last), first, last) for first, last in (("t7", "t9"), ("t9", "t10"), ("t10", "t11"))
    ]
    _bands(canvas, whole, marks, phases, 34)
    _marks(canvas, whole, list(marks.items()), 4, 50)
    _axis(canvas, whole, zero, 52)
    y = 100.0
    if series:
        begin = min(each["from_mono_ns"] for each in series)
        end = max(each["from_mono_ns"] + each["step_ns"] * len(each["ok"]) for each in series)
        zoom = _Scale(begin, end)
        top = y
        canvas.put("text", language.say("timeline.zoom"), x=4, y=y + 12, klass="row")
        _bands(canvas, zoom, marks, [(language.word("part", name), one, two) for name, one, two in PARTS], y + 28)
        y += 58
        inside = [(name, at) for name, at in marks.items() if begin <= at <= end]
        _marks(canvas, zoom, inside, top, y + 66 * len(series))
        for each in series:
            canvas.put("text", language.word("kind", each["kind"]), x=4, y=y + 4, klass="row")
            canvas.put("text", language.word("path", each["path"]), x=4, y=y + 20, klass="small")
            _dots(canvas, zoom, each, y)
            own = [one for one in outages if (one["path"], one["kind"]) == (each["path"], each["kind"])]
            for one in own:
                label = f"{language.say('timeline.outage')} {interval(one['lo_ns'], one['hi_ns'], language)}"
                _bars(canvas, zoom, one, label, y + 32)
            y += 66
        _axis(canvas, zoom, zero, y)
        y += 22
    canvas.put("text", language.say("timeline.seconds"), x=WIDTH - RIGHT, y=y + 10, klass="small end")
    return canvas.done(y + 16)


def gauge(rows: Sequence[tuple[str, int | None, int | None, int]], language: Language) -> str:
    """Outages as bars against their objective: sure part filled, possible part outlined, the objective a line.

    :arg rows: label, lower end, upper end (None: not bounded), objective; nanoseconds.
    """
    canvas = _Canvas(language.say("gauge"))
    most = max([max(hi or 0, lo or 0, target) for _label, lo, hi, target in rows] + [1])
    scale = _Scale(0, most + most // 6)
    y = 8.0
    for label, lo, hi, target in rows:
        canvas.put("text", label, x=4, y=y + 13, klass="row")
        end = scale.end if hi is None else hi
        canvas.put("rect", x=LEFT, y=y, width=max(1.5, round(scale.x(end) - LEFT, 1)), height=18, klass="possible")
        if lo:
            canvas.put("rect", x=LEFT, y=y + 3, width=max(1, round(scale.x(lo) - LEFT, 1)), height=12, klass="sure")
        text, x, aim = interval(lo, hi, language), scale.x(end), scale.x(target)
        # Beside the bar where there is room, else below it.
        clear = x + 12 + 8 * len(text) < aim or (x > aim and x + 8 * len(text) < WIDTH)
        canvas.put("text", text, x=x + 6 if clear else LEFT + 4, y=y + (14 if clear else 34), klass="label")
        canvas.put("line", x1=aim, x2=aim, y1=y - 4, y2=y + 22, klass="target")
        canvas.put("text", language.say("gauge.objective", target=span(target)), x=aim, y=y + 34, klass="small end")
        y += 50
    return canvas.done(y)


def _point(canvas: _Canvas, shape: str, x: float, y: float) -> None:
    if shape == "cross":
        canvas.put("path", d=f"M{x - 5} {y - 5}l10 10m0 -10l-10 10", klass="failed thick")
    elif shape == "question":
        canvas.put("path", d=f"M{x} {y - 7}l7 7l-7 7l-7 -7z", klass="unknown")
        canvas.put("text", "?", x=x, y=y + 4, klass="tick")
    else:
        canvas.put("circle", cx=x, cy=y, r=5, klass="ok" if shape == "dot" else "ring")


def trend(drills: Sequence[Mapping[str, Any]], spread: Mapping[str, int | None] | None, language: Language) -> str:
    """The upper end of the outage of each drill, oldest left, and lines at the smallest, median and largest that are bounded. Unknown has no height: it
    stands apart, below the axis."""
    canvas = _Canvas(language.say("trend.drawing"))
    most = max([each["rto_hi_ns"] or 0 for each in drills] + [1])
    bottom, height = 214.0, 190.0

    def up(value: int) -> float:
        return round(bottom - value / (most * 1.1) * height, 1)

    canvas.put("line", x1=LEFT, x2=WIDTH - RIGHT, y1=bottom, y2=bottom, klass="axis")
    canvas.put("line", x1=LEFT, x2=LEFT, y1=bottom - height, y2=bottom, klass="axis")
    canvas.put("text", "0 s", x=LEFT - 8, y=bottom + 4, klass="small end")
    lowest = bottom + 4
    for name in ("min", "median", "max"):
        height_of = spread[name] if spread else None
        if height_of is None:
            continue
        y = up(height_of)
        canvas.put("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, klass="target" if name == "median" else "axis dash")
        # Labels that would lie on each other are moved up; the lines are not.
        lowest = min(y + 4, lowest - 14)
        text = f"{language.word('trend', name)} {span(height_of)}"
        canvas.put("text", text, x=LEFT - 8, y=round(lowest, 1), klass="small end")
    room = (WIDTH - LEFT - RIGHT - 40) / max(1, len(drills) - 1)
    for number, each in enumerate(drills):
        x = round(LEFT + 20 + (number * room if len(drills) > 1 else 0), 1)
        known = each["rto_hi_ns"] is not None
        _point(canvas, SHAPES.get(each["overall"], "question"), x, up(each["rto_hi_ns"]) if known else bottom + 16)
        if not known:
            canvas.put("text", language.say("unknown"), x=x, y=bottom + 38, klass="tick")
    return canvas.done(bottom + 46)
