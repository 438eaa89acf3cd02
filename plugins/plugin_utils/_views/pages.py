# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This plugin utility is private to the collection firedrill.standby: other collections must not import it.
"""Pages made from an evidence document: HTML and Markdown of one drill, HTML of the trend. Pure: the same document gives the same bytes.

Public: :func:`html`, :func:`markdown`, :func:`trend_html`.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jinja2
import markupsafe

from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_calendar import at_wall
from ansible_collections.firedrill.standby.plugins.module_utils._core.drill_policy import stale
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import MARKS, sources, value_of
from ansible_collections.firedrill.standby.plugins.module_utils._core.trend import population, statistics
from ansible_collections.firedrill.standby.plugins.plugin_utils._views import drawing
from ansible_collections.firedrill.standby.plugins.plugin_utils._views.language import (
    Language,
    number,
    percent,
    span,
    wall,
)
from ansible_collections.firedrill.standby.plugins.plugin_utils._views.messages import MESSAGES

TEMPLATES = pathlib.Path(__file__).parent / "templates"
#: The columns of the table of losses, in the order in which they are read.
COUNTS = (
    *("intents", "acked", "failed", "unknown", "survived", "lost", "recovered", "absent"),
    *("phantom", "alien", "duplicate", "damaged", "holes"),
)
CHECK_SIGNS = {"OK": "✔", "WARN": "▲", "FAIL": "✘", "UNKNOWN": "?", "not run": "–"}
SEVERITY_SIGNS = {"info": "i", "warning": "▲", "failure": "✘"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")


class Look(NamedTuple):
    """How a verdict looks: the class of its style and a sign, so that it can be told without colours."""

    css: str
    sign: str


LOOKS = {
    "met": Look("met", "✔"),
    "met with findings": Look("findings", "✔!"),
    "inconclusive": Look("inconclusive", "?"),
    "not met": Look("notmet", "✘"),
}
LUCK = Look("luck", "≈")


def look(word: str, annotation: str = "") -> Look:
    """The look of a verdict; what is not known looks inconclusive, and what was met by luck like neither."""
    if annotation and word in ("met", "met with findings"):
        return LUCK
    return LOOKS.get(word, LOOKS["inconclusive"])


def _html_quote(text: Any) -> str:
    # What people wrote may be in any language, so none is claimed.
    if text is None or text == "":
        return markupsafe.Markup("")
    return markupsafe.Markup('<q class="quoted" lang="">{0}</q>').format(str(text))


def _markdown_quote(text: Any) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(str("" if text is None else text).split()))


def _template(name: str) -> str:
    """The text of a template. Its first two lines are the licence, which no page shows; a comment keeps the numbers of the others right."""
    return "{#\n\n-#}" + (TEMPLATES / name).read_text(encoding="utf-8").split("\n", 2)[2]


class _Environment(jinja2.Environment):
    """A name that the template does not have is a defect; a key that a record of the evidence does not have is something unknown: None."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look a record's key up before its methods."""
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else getattr(obj, attribute, None)
        return super().getattr(obj, attribute)


def _environment(language: Language, quote: Callable[[Any], str], escape: bool) -> jinja2.Environment:
    environment = _Environment(
        loader=jinja2.FunctionLoader(_template),
        # Markdown escapes by its own rules, in `quote`.
        autoescape=escape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: "" if value is None else value,
    )

    def told(sentence: str) -> str:
        text = language.told(sentence)
        if text is None:
            return quote(sentence)
        return text if escape else quote(text)

    def word(family: str, name: Any) -> str:
        text = language.word(family, name)
        return text if escape or f"{family}.{name}" in MESSAGES else quote(text)

    def known(show: Callable[..., str]) -> Callable[..., str]:
        return lambda value, *more: language.say("unknown") if value is None else show(value, *more)

    def figure(value: int | None, unit: str, up: bool = True) -> str:
        if value is None:
            return language.say("unknown")
        return span(value, up) if unit == "ns" else f"{number(value)} {word('unit', unit)}"

    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    environment.globals.update(
        code=language.code,
        t=language.say,
        w=word,
        told=told,
        q=quote,
        look=look,
        span=known(span),
        wall=known(wall),
        number=known(number),
        percent=percent,
        figure=figure,
        milli=lambda value: f"{value // 1000}.{value % 1000 // 100}",
        # Rounded down: load is never said to be more than it was.
        share=lambda ppm: f"{ppm // 10000}.{ppm % 10000 // 1000} %",
        checksign=lambda word: CHECK_SIGNS.get(word, "?"),
        severitysign=lambda word: SEVERITY_SIGNS.get(word, "?"),
        style=markupsafe.Markup(re.sub(r"/\*.*?\*/", "", style, flags=re.S)),
    )
    return environment


def sentence(document: Mapping[str, Any], language: Language) -> str:
    """What happened, in one sentence: the outage against its objective, and the loss."""
    objectives = {each["objective"]: each for each in value_of(document, "R.objectives", [])}
    rto, counts = objectives.get("rto"), value_of(document, "L.counts")
    if rto and rto["measured_hi"] is not None:
        first = language.say("sentence.outage", hi=span(rto["measured_hi"]), target=span(rto["target"]))
    else:
        first = language.say("sentence.outage_unknown")
    if counts:
        second = language.say("sentence.loss", lost=number(counts["lost"]), acked=number(counts["acked"]))
    else:
        second = language.say("sentence.loss_unknown")
    return first + language.say("sentence.joint") + second


def _loss(document: Mapping[str, Any], language: Language) -> str:
    counts, step = value_of(document, "L.counts"), value_of(document, "L.resolution_ns")
    if not counts:
        return language.say("sentence.loss_unknown")
    return language.say(
        "loss.statement",
        lost=number(counts["lost"]),
        acked=number(counts["acked"]),
        step=language.say("unknown") if step is None else span(step),
    )


def legs(document: Mapping[str, Any], language: Language) -> list[dict[str, Any]]:
    """The timeline of each leg and client: ``leg``, ``client``, ``zero`` (t0 on its clock or None), ``events`` in order, ``drawing``."""
    events = value_of(document, "J.events", [])
    order = {name: position for position, (name, _title) in enumerate(MARKS)}
    found = []
    for leg, client in dict.fromkeys((each["leg"], each["client"]) for each in events):
        own = [each for each in events if (each["leg"], each["client"]) == (leg, client)]
        marks = {each["mark"]: each["mono_ns"] for each in own if each["mono_ns"] is not None}
        mine = [
            [each for each in value_of(document, path, []) if (each["leg"], each["client"]) == (leg, client)]
            for path in ("K.series", "K.outages")
        ]
        found.append(
            {
                "leg": leg,
                "client": client,
                "zero": marks.get("t0"),
                "events": sorted(own, key=lambda each: order.get(each["mark"], len(order))),
                "drawing": markupsafe.Markup(drawing.timeline(leg, client, marks, mine[0], mine[1], language)),
            }
        )
    return found


def _gauge(document: Mapping[str, Any], language: Language) -> str:
    targets = {"write": value_of(document, "C.rto_ns"), "read": value_of(document, "C.rto_reads_ns")}
    rows = [
        (f"{each['leg']}: {language.word('kind', each['kind'])}", each["lo_ns"], each["hi_ns"], targets[each["kind"]])
        for each in value_of(document, "K.outages", [])
        if each["judged"] and targets.get(each["kind"])
    ]
    return markupsafe.Markup(drawing.gauge(rows, language)) if rows else ""


def _context(document: Mapping[str, Any], language: Language, folder: str, sha256: str) -> dict[str, Any]:
    def why(path: str) -> str:
        group, _dot, name = path.partition(".")
        return str(((document.get(group) or {}).get(name) or {}).get("unknown") or "it was not recorded")

    # By the day of the drill, not by today: a page made again later says the same.
    began = at_wall(value_of(document, "A.started_wall_ns", 0))
    return {
        "stale": lambda verified: stale(verified, began.date()),
        "v": lambda path, default=None: value_of(document, path, default),
        "has": lambda path: value_of(document, path) is not None,
        "why": why,
        "overall": value_of(document, "R.overall", "inconclusive"),
        "annotation": value_of(document, "R.annotation", ""),
        "sentence": sentence(document, language),
        "loss": _loss(document, language),
        "counts": COUNTS,
        "legs": legs(document, language),
        "gauge": _gauge(document, language),
        "open_findings": sum(1 for each in value_of(document, "Q.findings", []) if each.get("state") != "closed"),
        "folder": folder,
        "sha256": sha256,
        "sources": sources(document),
    }


def html(document: Mapping[str, Any], code: str, folder: str, sha256: str) -> str:
    """The page of a drill: one file, no script, no reference to anything outside.

    :arg code: language, one of messages.LANGUAGES. :arg folder: where the sealed folder lies. :arg sha256: of its evidence.json.
    """
    language = Language(code)
    template = _environment(language, _html_quote, True).get_template("report.html.j2")
    return template.render(_context(document, language, folder, sha256)) + "\n"


def markdown(document: Mapping[str, Any], code: str, folder: str, sha256: str) -> str:
    """The same in short, as Markdown. Arguments as for :func:`html`."""
    language = Language(code)
    template = _environment(language, _markdown_quote, False).get_template("report.md.j2")
    text = template.render(_context(document, language, folder, sha256))
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"


def trend_html(
    cluster: str, drills: Sequence[Mapping[str, Any]], left_out: Sequence[Mapping[str, str]], code: str
) -> str:
    """The page of all drills of a cluster.

    :arg drills: entries of the trend, oldest first. :arg left_out: drill_id and why, of folders that cannot be relied on.
    """
    language = Language(code)
    groups = []
    for each in statistics(drills):
        own = [one for one in drills if population(one) == (each["environment"], each["type"], each["fault"])]
        picture = drawing.trend(own, each["rto_hi_ns"], language)
        groups.append(dict(each, drills=own, drawing=markupsafe.Markup(picture)))
    groups.sort(key=lambda each: (each["environment"] != "production", *population(each)))
    template = _environment(language, _html_quote, True).get_template("trend.html.j2")
    return template.render(cluster=cluster, groups=groups, left_out=left_out) + "\n"
