# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets are taken out however a program has written them, and nothing else is."""

from __future__ import annotations

import base64
import json
import shlex
import textwrap
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core.redaction import (
    HIDDEN,
    is_secret_name,
    leaves,
    redact,
    without,
)

SECRET = 's3cr\'et "x"\\y&ü'
FORMS = {
    "plain": SECRET,
    "json": json.dumps({"a": SECRET}),
    "json in json": json.dumps(json.dumps({"a": SECRET})),
    "json, not ASCII": json.dumps({"a": SECRET}, ensure_ascii=False),
    "repr": repr([SECRET]),
    "shell": f"tbsql {shlex.quote(SECRET)}",
    "sql": "IDENTIFIED BY '" + SECRET.replace("'", "''") + "'",
    "address": "https://u:" + quote(SECRET, safe="") + "@h/",
    "base64": "Authorization: " + base64.b64encode(SECRET.encode()).decode(),
    "folded": SECRET[:5] + "\n" + SECRET[5:],
    "folded with an indent": SECRET[:3] + "\r\n      " + SECRET[3:6] + "\n\t" + SECRET[6:],
    "folded by a shell": SECRET[:4] + "\\\n" + SECRET[4:],
    "folded in JSON": json.dumps("CONN " + SECRET[:5] + "\n  " + SECRET[5:]),
    "broken at its blank": SECRET.replace(" ", "\n    "),
}


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_planted_secret_is_taken_out(name: str) -> None:
    text, places = redact(f"before\n{FORMS[name]}\nbehind", [SECRET])
    assert HIDDEN in text and text.startswith("before\n") and text.endswith("\nbehind"), text
    assert places == [2]
    bare = "".join(text.split())
    assert "s3cr" not in bare and "czNjci" not in bare, text


def test_a_console_that_folds_hides_nothing() -> None:
    words = "TBS-70003: cannot CONN sys/Tiger-Tiger-Burning-Bright@orders_drill as asked"
    for width in range(12, 60):
        folded = "\n".join(textwrap.wrap(words, width, break_on_hyphens=True, subsequent_indent="  "))
        cut = "\n".join(words[at : at + width] for at in range(0, len(words), width))
        for text in (folded, cut):
            found, places = redact(text, ["Tiger-Tiger-Burning-Bright"])
            assert len(places) == 1 and "Burning" not in found and "Bright" not in found.replace("\n", ""), (
                width,
                text,
            )


def test_what_is_no_secret_stays() -> None:
    text = "tiger tigers\ntig er\n"
    assert redact(text, ["Tiger-Tiger", "", "tiger2"]) == (text, [])


def test_of_two_secrets_the_longer_goes_first() -> None:
    assert redact("secret-long secret", ["secret", "secret-long"]) == (f"{HIDDEN} {HIDDEN}", [1, 1])


@given(st.text(min_size=6, max_size=12), st.text(max_size=40), st.text(max_size=40), st.integers(1, 5))
def test_a_folded_secret_is_found_wherever_it_stands(secret: str, before: str, behind: str, at: int) -> None:
    secret = "".join(each for each in secret if not each.isspace() and each != "\\") + "q-7Zx!"
    _text, places = redact(before + secret[:at] + "\n" + secret[at:] + behind, [secret])
    assert places


def test_much_text_is_quick() -> None:
    text = "I 17 w00-000017 0123456789abcdef 1 5000000000\n" * 200_000
    began = time.process_time()
    assert redact(text, [f"secret-of-{number}" for number in range(8)])[1] == []
    # 9 MB; a search by the pattern alone takes some ten seconds.
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("tibero_sys_password", True),
        ("ansible_become_pass", True),
        ("ansible_ssh_pass", True),
        ("vault_token", True),
        ("standby_service_key", True),
        ("app_db_Password", True),
        ("tibero_password_file", False),
        ("standby_compass", False),
        ("ansible_ssh_private_key_file", False),
        ("passthrough", False),
    ],
)
def test_what_is_a_secret_by_its_name(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


def test_the_texts_of_a_value() -> None:
    assert leaves({"a": ["longer-one", "x", 12345678, True, None], "b": {"c": " padded-one "}}) == [
        "longer-one",
        "12345678",
        "padded-one",
    ]


def test_data_keeps_its_shape() -> None:
    assert without({"k-tiger-1": ["a tiger-1", 5, None]}, ["tiger-1"]) == {f"k-{HIDDEN}": [f"a {HIDDEN}", 5, None]}
