# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The views of a drill's evidence: figures equal those of the JSON, nothing escapes, nothing is fetched, every word is in three languages."""

from __future__ import annotations

import ast
import copy
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import markupsafe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import verdict
from ansible_collections.firedrill.standby.plugins.module_utils._core.evidence import MARKS, PARTS, blank
from ansible_collections.firedrill.standby.plugins.module_utils._core.verdict_material import OBJECTIVES
from ansible_collections.firedrill.standby.plugins.plugin_utils._views import messages, pages
from ansible_collections.firedrill.standby.plugins.plugin_utils._views.junit import junit
from ansible_collections.firedrill.standby.plugins.plugin_utils._views.language import Language, span
from ansible_collections.firedrill.standby.plugins.plugin_utils._views.metrics import metrics

ROOT = Path(__file__).parents[4]
CORE = ROOT / "plugins" / "module_utils" / "_core"
VIEWS = ROOT / "plugins" / "plugin_utils" / "_views"
SAMPLE = ROOT / "tests" / "unit" / "plugins" / "module_utils" / "_core" / "evidence_sample.json"
DIGEST = "ab" * 32
VOID = {"meta", "br", "rect", "path", "circle", "line"}


@pytest.fixture
def document() -> dict[str, Any]:
    return dict(json.loads(SAMPLE.read_text(encoding="utf-8")))


class Page(HTMLParser):
    """What a page holds: its elements with attributes, the values of data elements, and its text outside of quotations."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.data: list[str] = []
        self.words: list[str] = []
        self.stack: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.elements.append((tag, values))
        if tag == "data":
            self.data.append(str(values["value"]))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"q", "style", "code"} & set(self.stack):
            self.words.append(data)


def html(document: dict[str, Any], code: str = "en") -> str:
    return pages.html(document, code, "/srv/evidence/01", DIGEST)


@pytest.mark.parametrize("code", messages.LANGUAGES)
def test_marks_that_no_client_saw_stand_apart_under_words_of_their_own(document: dict[str, Any], code: str) -> None:
    events = document["J"]["events"]["value"]
    seen = [next(each for each in events if each["leg"] == leg) for leg in ("there", "back")]
    events += [{**each, "mark": "t11", "client": "", "mono_ns": None, "why": "it was not seen"} for each in seen]
    headings = re.findall(r"<h3>(.*?)</h3>", section(html(document, code), "timeline"), re.S)
    column = list(messages.LANGUAGES).index(code)
    for leg in ("there", "back"):
        apart = str(markupsafe.escape(messages.MESSAGES["leg_unseen"][column].format(leg=leg)))
        empty = str(markupsafe.escape(messages.MESSAGES["leg_of"][column].format(leg=leg, client="")))
        assert apart in headings and empty not in headings


def section(text: str, name: str) -> str:
    start = text.index(f'id="{name}"')
    return text[start : text.find("<h2", start)]


def test_every_figure_of_the_page_is_that_of_the_document(document: dict[str, Any]) -> None:
    text = html(document)
    page = Page(text)
    for each in document["R"]["objectives"]["value"]:
        row = re.search(rf'<tr id="objective-{each["objective"]}">.*?</tr>', text, re.S)
        assert row
        wanted = [str(each[key]) for key in ("target", "measured_lo", "measured_hi")]
        assert Page("<table>" + row.group(0) + "</table>").data == wanted
    worst = re.search(r'<tr id="worst">.*?</tr>', text, re.S)
    assert worst
    counts = document["L"]["counts"]["value"]
    assert Page("<table>" + worst.group(0) + "</table>").data == [str(counts[name]) for name in pages.COUNTS]
    assert set(pages.COUNTS) == set(counts)
    for each in document["K"]["outages"]["value"]:
        assert str(each["lo_ns"]) in page.data and str(each["hi_ns"]) in page.data
    assert DIGEST in text and document["A"]["drill_id"]["value"] in text and "/srv/evidence/01" in text
    assert (
        "python3 verify.py" in text and "writes were away for at most 4.426 s, objective 30 s; 0 of 96\u202f865" in text
    )


@pytest.mark.parametrize("code", messages.LANGUAGES)
def test_a_page_is_well_formed_and_refers_to_nothing(document: dict[str, Any], code: str) -> None:
    for text in (html(document, code), pages.trend_html("orders", document["S"]["drills"]["value"], [], code)):
        page = Page(text)
        assert page.stack == [] and ("html", {"lang": code}) in page.elements
        for tag, attributes in page.elements:
            assert tag not in {
                "script",
                "link",
                "img",
                "iframe",
                "object",
                "embed",
                "base",
                "form",
                "a",
                "use",
                "image",
            }
            assert not {"src", "href", "xlink:href", "srcset", "action", "data"} & set(attributes)
            assert not [name for name in attributes if name.startswith("on")]
        assert "url(" not in text and "@import" not in text and "http://" not in text and "https://" not in text
        drawings = re.findall(r"<svg.*?</svg>", text, re.S)
        assert len(drawings) >= 2
        for drawing in drawings:
            assert ElementTree.fromstring(drawing).tag == "svg"


def test_the_drawing_shows_marks_probe_dots_and_the_outage(document: dict[str, Any]) -> None:
    drawing = ElementTree.fromstring(pages.legs(document, Language("en"))[0]["drawing"])
    classes = [each.get("class", "").split(" ")[0] for each in drawing.iter()]
    series = [each for each in document["K"]["series"]["value"] if each["leg"] == "there"]
    for kind in ("ok", "failed", "unknown"):
        assert classes.count(kind) == sum(1 for each in series for number in each[kind] if number)
    gaps = [
        gap
        for each in document["K"]["outages"]["value"]
        if each["leg"] == "there" and each["path"] == "application"
        for gap in each["gaps"]
    ]
    assert classes.count("possible") == classes.count("sure") == len(gaps)
    words = " ".join(each.text or "" for each in drawing.iter())
    assert "[4.398 s, 4.426 s]" in words and "t0" in words and "t10" in words


def poisoned(value: Any, poison: str) -> Any:
    """The document with a poison behind every text of people; names of verdicts, kinds and marks stay."""
    if isinstance(value, dict):
        kept = (
            "kind",
            "source",
            "verdict",
            "mark",
            "objective",
            "unit",
            "read",
            "part",
            "raised_by",
            "schema",
            "value!",
        )
        return {
            key: each if key in kept and isinstance(each, str) else poisoned(each, poison)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [poisoned(each, poison) for each in value]
    return value + poison if isinstance(value, str) else value


@pytest.mark.parametrize("code", messages.LANGUAGES)
def test_everything_is_escaped(document: dict[str, Any], code: str) -> None:
    poison = "</q></svg></style><script>alert(1)</script><img src=x onerror=y>\"'|\n# x\x01"
    bad = poisoned(document, poison)
    text = html(bad, code)
    tags = [tag for tag, _attributes in Page(text).elements]
    assert "script" not in tags and "img" not in tags
    assert text.count("&lt;script&gt;") > 50
    assert tags.count("style") == 1
    trend = pages.trend_html("a" + poison, bad["S"]["drills"]["value"], [{"drill_id": "x", "why": poison}], code)
    assert not {"script", "img"} & {tag for tag, _attributes in Page(trend).elements}
    markdown = pages.markdown(bad, code, "/srv", DIGEST)
    prose = "\n".join(line for line in markdown.splitlines() if not line.startswith("    "))
    assert "<script" not in prose.replace("\\<script", "") and not re.search(r"^# x", markdown, re.M)
    assert ElementTree.fromstring(junit(bad).encode("utf-8")).tag == "testsuites"
    assert all(line.startswith(("#", "firedrill_drill_")) for line in metrics(bad, DIGEST).splitlines())


VERDICTS = [
    ("met", "", "met"),
    ("met with findings", "", "findings"),
    ("met", "met, not guaranteed", "luck"),
    ("met with findings", "met, not guaranteed", "luck"),
    ("inconclusive", "", "inconclusive"),
    ("not met", "", "notmet"),
    ("something new", "", "inconclusive"),
]


@pytest.mark.parametrize(("overall", "annotation", "css"), VERDICTS)
def test_each_verdict_looks_different_and_not_by_colour_alone(
    document: dict[str, Any], overall: str, annotation: str, css: str
) -> None:
    document["R"]["overall"]["value"], document["R"]["annotation"]["value"] = overall, annotation
    assert f'<section class="box {css}"' in html(document)
    looks = [pages.look(word, note) for word, note, _css in VERDICTS[:6]]
    assert len({each.sign for each in looks}) == len({each.css for each in looks}) == 5
    style = (VIEWS / "templates" / "style.css").read_text(encoding="utf-8")
    borders = [re.search(rf"\.box\.{name} {{ border-style: (\w+)", style) for name in {each.css for each in looks}]
    assert all(borders)


@pytest.mark.parametrize("code", messages.LANGUAGES)
def test_a_document_in_which_nothing_is_known_is_shown_as_unknown_and_passes_nothing(code: str) -> None:
    text = html(blank(), code)
    assert 'class="box inconclusive"' in text and Language(code).say("sentence.outage_unknown") in text
    assert pages.markdown(blank(), code, "/srv", DIGEST)
    root = ElementTree.fromstring(junit(blank()).encode("utf-8"))
    cases = root.findall("*/testcase")
    assert cases and all(case.find("error") is not None for case in cases)
    lines = metrics(blank(), DIGEST).splitlines()
    assert not any(line.startswith("firedrill_drill_writes_after_fence") for line in lines)
    assert int(lines[-1].rsplit(" ", 1)[1]) >= 5


def test_an_outage_without_a_bound_is_drawn_and_absent_from_the_metrics(document: dict[str, Any]) -> None:
    before = metrics(document, DIGEST)
    for each in document["K"]["outages"]["value"]:
        each["hi_ns"] = None
        for gap in each["gaps"]:
            gap.update(end_mono_ns=None, hi_ns=None, first_ok=None)
    document["R"]["objectives"]["value"][0]["measured_hi"] = None
    assert "not bounded" in html(document)
    after = metrics(document, DIGEST)
    assert 'kind="write",end="upper"} 4.426' in before and not re.search(r'outage_seconds.*"write",end="upper"', after)
    assert after.splitlines()[-1].rsplit(" ", 1)[1] == str(int(before.splitlines()[-1].rsplit(" ", 1)[1]) + 1)


METRIC = re.compile(r'([a-z_]+)\{((?:[a-z0-9_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\} (-?\d+(?:\.\d+)?)$')


def test_metrics_keep_to_the_format_and_the_conventions(document: dict[str, Any]) -> None:
    document["A"]["cluster"]["value"] = 'or"der\\s\n'
    text = metrics(document, DIGEST)
    assert text.endswith("\n")
    family, seen, samples = "", set(), set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split()[2]
            assert family not in seen and line.endswith(".")
            seen.add(family)
        elif line.startswith("# TYPE "):
            assert line == f"# TYPE {family} gauge"
        else:
            match = METRIC.match(line)
            assert match and match.group(1) == family, line
            assert match.group(2) not in {labels for name, labels in samples if name == family}
            samples.add((family, match.group(2)))
            assert all(f'{label}="' in match.group(2) for label in ("cluster", "engine", "type", "environment"))
    for name in seen:
        assert re.fullmatch(r"firedrill_drill_[a-z]+(_[a-z]+)*", name)
        assert not name.endswith(("_total", "_count", "_sum", "_bucket")) and "milli" not in name and "_ns" not in name
    assert 'cluster="or\\"der\\\\s\\n"' in text
    assert re.search(r'outage_seconds\{.*kind="write",end="upper"\} 4\.426\n', text)
    assert re.search(r'firedrill_drill_writes\{.*outcome="lost"\} 0\n', text)


def test_junit_has_a_case_for_each_objective_and_inconclusive_is_an_error(document: dict[str, Any]) -> None:
    objectives = document["R"]["objectives"]["value"]
    root = ElementTree.fromstring(junit(document).encode("utf-8"))
    names = [case.get("name") for case in root.findall("*/testcase")]
    assert names[: len(objectives)] == [each["objective"] for each in objectives] and len(names) == len(set(names))
    assert root.get("failures") == root.get("errors") == "0" and root.get("tests") == str(len(names))
    assert root.find("*/testcase").get("time") == "4.426000000"  # type: ignore[union-attr]
    objectives[0]["verdict"], objectives[1]["verdict"] = "inconclusive", "not met"
    document["R"]["overall"]["value"] = "not met"
    document["N"]["accepted_after_fence"]["value"] = 2
    document["L"]["agree"].update(value=None, unknown="fewer than two reads")
    root = ElementTree.fromstring(junit(document).encode("utf-8"))
    cases = {case.get("name"): [each.tag for each in case] for case in root.findall("*/testcase")}
    assert cases["rto"] == ["error"] and cases["rto_reads"] == ["failure"] and cases["overall"] == ["failure"]
    assert cases["no write after the fence"] == ["failure"] and cases["all reads agree"] == ["error"]
    assert (root.get("failures"), root.get("errors")) == ("3", "2")


def test_the_trend_has_no_percentile_below_59_and_never_mixes(document: dict[str, Any]) -> None:
    drills = document["S"]["drills"]["value"]
    text = pages.trend_html("orders", drills, [{"drill_id": "01X", "why": "raw/drill.json: was edited"}], "en")
    words = Language("en")
    assert text.count(words.say("trend.few")) == 2 and words.say("trend.p95") not in text
    assert text.index("production ·") < text.index("tests (CI), not production") and "01X" in text
    assert "3 clean drills bound the probability of a loss in the next one by 63.2 %" in text
    many = [dict(drills[0], drill_id=f"D{number}", rto_hi_ns=10**9 + number) for number in range(59)]
    assert words.say("trend.p95") in pages.trend_html("orders", many, [], "en")
    assert words.say("trend.few") in pages.trend_html("orders", many[1:], [], "en")
    unknown = [dict(many[0], overall="inconclusive", rto_hi_ns=None, lost=None, acked=None), dict(many[1], lost=3)]
    text = pages.trend_html("orders", unknown, [], "en")
    assert "2 drills, 1 conclusive, 0 of them without a loss: no bound" in text and "unknown" in text


def test_the_trend_says_what_has_no_upper_end_and_keeps_faults_apart(document: dict[str, Any]) -> None:
    one = document["S"]["drills"]["value"][0]
    many = [dict(one, drill_id=f"D{number}", type="failover_fence_reinstate", fault="freeze") for number in range(59)]
    open_end = dict(many[0], drill_id="E", overall="inconclusive", outage="unbounded", loss="unbounded", rto_hi_ns=None)
    for code in messages.LANGUAGES:
        words = Language(code)
        text = pages.trend_html("orders", [*many, open_end, dict(many[0], drill_id="N", fault="none")], [], code)
        assert words.say("trend.unbounded", count=1, n=60) in text and words.say("trend.undecided", count=1) in text
        assert words.say("trend.p95") not in text and f">{words.say('gauge.unbounded')}<" in text
        assert text.index("· freeze</h2>") < text.index("· none</h2>")


def test_a_standard_that_was_verified_long_ago_is_called_stale(document: dict[str, Any]) -> None:
    standards = document["B"]["standards"]["value"]
    for code in messages.LANGUAGES:
        assert Language(code).say("ask.stale") not in html(document, code)
    standards[0]["verified"] = "2024-08-31"
    for code in messages.LANGUAGES:
        assert html(document, code).count(Language(code).say("ask.stale")) == 1


def test_an_approval_names_the_account_that_gave_it(document: dict[str, Any]) -> None:
    text = html(document, "en")
    assert "lee (lee@control1), " in re.sub(r"<[^>]+>", "", text)
    for key in ("os_user", "sudo_user", "host"):
        del document["E"]["approvals"]["value"][0][key]
    assert "lee@control1" not in html(document, "en"), "evidence of an earlier version has none"


@pytest.mark.parametrize("code", messages.LANGUAGES)
def test_a_fence_that_nothing_confirmed_is_shown_as_such(document: dict[str, Any], code: str) -> None:
    words, fences = Language(code), document["N"]["fences"]["value"]
    fences[0].update(method="override of a person", result="not confirmed", confirmed_wall_ns=None)
    why = "the journal of the failover does not tell how busan1 was fenced"
    fences[1].update(method="UNKNOWN", result="UNKNOWN", confirmed_wall_ns=None, why=why)
    first, second = re.findall(r"<tr>(.*?)</tr>", section(html(document, code), "fencing").split("</table>")[0])[1:]
    assert all(f"<td>{words.told(each)}</td>" in first for each in ("override of a person", "not confirmed"))
    unknown = words.say("unknown")
    assert f'<td>{unknown}: {words.told(why)}</td><td>{unknown}</td><td class="t">{unknown}</td>' in second


def test_who_ended_a_drill_early_is_told_as_the_role_writes_it(document: dict[str, Any]) -> None:
    stop = {"by": "outage_seconds: no write got through", "when_wall_ns": 1772323210000000000, "source": "raw/x"}
    document["E"]["stopped_by"]["value"] = [stop]
    for code in messages.LANGUAGES:
        text = section(html(document, code), "auditor")
        assert '<q class="quoted" lang="">outage_seconds: no write got through</q>, 2026-03-01 00:00:10 UTC' in text


# ---------------------------------------------------------------------------------------------- words


def test_every_key_and_sentence_has_three_languages_with_the_same_holes() -> None:
    for texts in (*messages.MESSAGES.values(), *messages.SENTENCES):
        assert len(texts) == len(messages.LANGUAGES) and all(each.strip() for each in texts)
        assert len({frozenset(re.findall(r"\{(\w+)\}", each)) for each in texts}) == 1, texts
    # What differs from English is translated: only signs may be the same.
    same = [key for key, (english, korean, chinese) in messages.MESSAGES.items() if english in (korean, chinese)]
    assert set(same) <= {"bound", "sentence.joint"}
    for _english, korean, chinese in (*messages.MESSAGES.values(), *messages.SENTENCES):
        assert re.search("[\uac00-\ud7a3]", korean) or not re.search("[A-Za-z]", korean)
        assert re.search("[\u4e00-\u9fff]", chinese) or not re.search("[A-Za-z]", chinese)
        assert not re.search("[\uac00-\ud7a3]", chinese) and not re.search("[\u4e00-\u9fff]", korean)


#: Families whose keys are made from words of the evidence, with all the words that there are.
FAMILIES: dict[str, set[str]] = {
    "verdict": {*verdict.ORDER, verdict.NOT_GUARANTEED},
    "meaning": {*verdict.ORDER, verdict.NOT_GUARANTEED},
    "objective": set(OBJECTIVES),
    "mark": {name for name, _title in MARKS},
    "part": {name for name, _from, _to in PARTS},
    "count": set(pages.COUNTS),
    "type": {"switchover_and_back", "failover_fence_reinstate", "snapshot_standby", "restore_from_backup", "tabletop"},
    "environment": {"production", "ci"},
    "unit": {"transactions", "writes", "rows", "defects", "bytes", "differences"},
    "kind": {"write", "read", "guard"},
    "path": {"application", "database"},
    "read": {"a", "b", "c"},
    "check": set(pages.CHECK_SIGNS),
    "severity": set(pages.SEVERITY_SIGNS),
    "smoke": {"passed", "failed"},
    "raised": {"tool", "person"},
    "finding": {"open", "closed"},
    "role": {"primary", "standby"},
    "signoff": {"operator", "system_owner", "business_owner", "reviewer", "date"},
}


def test_no_key_is_unused_and_none_is_missing() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (*VIEWS.glob("*.py"), *VIEWS.glob("templates/*.j2"))
             if path.name != "messages.py"]  # fmt: skip
    source = "\n".join(texts)
    quoted = set(re.findall(r"""["']([a-z_0-9]+(?:\.[a-z_0-9]+)?)["']""", source))
    made = {f"{family}.{word}" for family, words in FAMILIES.items() for word in words}
    for family in FAMILIES:
        assert re.search(rf"""w\("{family}"|word\(["']{family}["']|"{family}\." ~""", source), family
    assert sorted(made - set(messages.MESSAGES)) == []
    trend = {"trend.min", "trend.median", "trend.max"}
    assert sorted(set(messages.MESSAGES) - quoted - made - trend) == []
    asked = set(re.findall(r"""(?:\bt|say|row)\(["']([^"']+)["']""", source)) - {"mark.", "signoff."}
    assert sorted(asked - set(messages.MESSAGES)) == []


def sentences_of_the_verdict() -> set[str]:
    """Every sentence that the sources of the verdict can write into evidence.json, each hole filled."""
    found = set()
    for name in ("verdict", "verdict_figures", "verdict_material", "evidence_compose", "drill_story", "drill_promise"):
        tree = ast.parse((CORE / f"{name}.py").read_text(encoding="utf-8"))
        docs = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and isinstance(node.body[0], ast.Expr)
        }
        raised = {id(each) for node in ast.walk(tree) if isinstance(node, ast.Raise) for each in ast.walk(node)}
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or id(node) in docs | raised:
                continue
            if node.value.count(" ") >= 2 and not node.value.startswith(" "):
                found.add(node.value)
    return {re.sub(r"\{(\d)(?::\w+)?\}", lambda hole: f"x{hole.group(1)}", text) for text in found}


#: Sentences that are no sentences of evidence: one that views make by themselves from the counts, and parts of longer ones that are listed whole.
APART = {
    "x0 lost of x1 acked; resolution 1/rate = x2",
    "x0 disagrees with x1: x2 rows missing, x3 more",
    "met, not guaranteed",
    "met with findings",
    "measured x0 against x1",
    "evidence toward a control, not certification",
    "; intervals are measured on the monotonic clock",
    "its bounds are too wide",
    "x0: the bounds are wider than the objective",
    # Words of a failover's journal, which the story tells in a sentence.
    "its own host",
    "command of the site",
    # What is wrong with an event log stands in the check of a folder, never in its document.
    "line x0: cannot be read",
    "line x0: it, or a line before it, is not as it was written",
}


@pytest.mark.parametrize("code", ["ko", "zh"])
def test_every_sentence_of_the_verdict_is_known_in_every_language(code: str) -> None:
    sentences = sentences_of_the_verdict() - APART
    assert len(sentences) > 40
    missing = [each for each in sorted(sentences) if Language(code).told(each) is None]
    assert missing == []
    for limit in verdict.LIMITS:
        assert Language(code).told(limit) not in (None, limit)


def test_a_sentence_keeps_its_values_and_its_inner_sentence() -> None:
    korean, chinese = Language("ko"), Language("zh")
    assert korean.told("2 gaps of writes on the path application in leg there: the service flapped") == (
        "구간 there의 애플리케이션 경로에서 쓰기 중단 2회: 서비스가 반복 중단됨"
    )
    told = chinese.told("measured [4 writes, unknown writes] against 0 writes: nothing bounds it")
    assert told == "实测 [4 次写入, 未知 次写入]，目标 0 次写入：没有上界"
    assert chinese.told("read (c) of the primary in leg back is missing: it was not taken") == (
        "行程 back 中 主库 的核对（c）缺失：未执行"
    )
    assert korean.told("something that nobody has said before") is None
    assert Language("en").told("anything") == "anything"


@pytest.mark.parametrize("code", ["ko", "zh"])
def test_no_english_sentence_is_left_outside_of_quotations(document: dict[str, Any], code: str) -> None:
    trend = pages.trend_html("orders", document["S"]["drills"]["value"], [], code)
    for text in (html(document, code), trend):
        words = "\n".join(Page(text).words)
        assert not re.findall(r"(?:\b[A-Za-z][a-z]+\b[ ,;:]+){2,}\b[A-Za-z][a-z]+\b", words)


def test_quotations_are_of_people_and_checks_and_none_is_of_the_verdict(document: dict[str, Any]) -> None:
    quoted = re.findall(r'<q class="quoted" lang="">(.*?)</q>', html(document, "zh"))
    assert "The recovery runbook still names the old VIP" in quoted
    told = document["R"]["reasons"]["value"] + document["R"]["limits"]["value"]
    assert not set(told) & set(quoted)


@given(st.integers(min_value=-(10**12), max_value=10**15))
def test_an_upper_end_is_never_shown_shorter_than_it_is(nanoseconds: int) -> None:
    def back(text: str) -> float:
        units = {"s": 10**9, "ms": 10**6, "min": 60 * 10**9, "h": 3600 * 10**9}
        parts = text.split()
        return sum(round(float(parts[at]) * units[parts[at + 1]]) for at in range(0, len(parts), 2))

    assert back(span(nanoseconds)) >= nanoseconds >= back(span(nanoseconds, up=False))


def test_the_same_evidence_gives_the_same_bytes(document: dict[str, Any]) -> None:
    other = copy.deepcopy(document)
    assert html(document) == html(other) and metrics(document, DIGEST) == metrics(other, DIGEST)
    assert document == other
