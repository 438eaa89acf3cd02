# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Takes secrets out of a text by their value, also where a program has quoted, escaped or folded them. Pure.

Public: :data:`HIDDEN`, :func:`redact`, :func:`without`, :func:`leaves`, :func:`is_secret_name`.
"""

import base64
import html
import json
import re
import shlex
from typing import Any, List, Mapping, Sequence, Set, Tuple
from urllib.parse import quote, quote_plus

#: What stands where a secret stood.
HIDDEN = "********"
#: A shorter value of the inventory is a word of ordinary text too, and taking it out would make evidence unreadable.
SHORTEST = 6
#: Between two characters of a secret, where a program has folded its line: a line end, as it is or escaped in a string, and what indents the next line.
_FOLD = r"(?:\\?(?:\r?\n|\\n|\\r\\n)[ \t]*)?"
_SECRET = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|pass|secrets?|token|private_key|service_key|secret_key|access_key|api_key|apikey|credentials?)(?:_|$)",
    re.IGNORECASE,
)
#: Such a variable tells where a secret is, or of what kind, and is none.
_NO_SECRET = re.compile(
    r"_(?:file|path|dir|directory|command|prompt|length|policy|name|id|user|timeout|mode|owner|group|url)$",
    re.IGNORECASE,
)
#: What a program may put into a secret, or in the place of its blanks.
_FLAT = re.compile(r"\\?(?:\r?\n|\\r\\n|\\n)|\s")


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret."""
    return bool(_SECRET.search(name)) and not _NO_SECRET.search(name)


def leaves(value: Any) -> List[str]:
    """The texts in a value that are long enough to be taken out."""
    if isinstance(value, Mapping):
        return [text for each in value.values() for text in leaves(each)]
    if isinstance(value, (list, tuple)):
        return [text for each in value for text in leaves(each)]
    text = str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return [text] if len(text) >= SHORTEST else []


def _forms(secret: str) -> Set[str]:
    """A secret as programs write it: plain, in a string of JSON or Python, for a shell, in YAML, SQL, XML and addresses, in base64."""
    data = secret.encode("utf-8", "surrogateescape")
    found = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(secret)[1:-1])[1:-1],
        repr(secret)[1:-1],
        secret.replace("'", "''"),
        secret.replace("'", "'\"'\"'"),
        shlex.quote(secret).strip("'"),
        html.escape(secret),
        quote(data, safe=""),
        quote(data),
        quote_plus(data),
    }
    if len(data) >= SHORTEST:
        found.add(base64.b64encode(data).decode("ascii"))
    return {each for each in found if each}


def _pattern(form: str) -> str:
    """What recognises a form, folded anywhere; where it has blanks, a line may have been broken at them."""
    parts = [r"\s+" if each == " " else re.escape(each) for each in re.sub(r" +", " ", form)]
    return _FOLD.join(parts)


def redact(text: str, secrets: Sequence[str]) -> Tuple[str, List[int]]:
    """The text without secrets, and the numbers of the lines at which one stood, once for each place."""
    places: List[int] = []
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    # Longest first: one secret may be part of another.
    flat = _FLAT.sub("", text) if forms else ""
    for form in sorted(forms, key=lambda each: (-len(each), each)):
        # Most texts hold none of them, and such a search is a hundred times as quick as that of the pattern.
        if _FLAT.sub("", form) not in flat:
            continue
        pattern = re.compile(_pattern(form))
        places += [text.count("\n", 0, found.start()) + 1 for found in pattern.finditer(text)]
        # The line ends of a fold stay, so that the numbers are those of the text as it was and as it is.
        text = pattern.sub(lambda found: HIDDEN + "\n" * found.group().count("\n"), text)
    return text, sorted(places)


def without(value: Any, secrets: Sequence[str]) -> Any:
    """The same data without the secrets, at any depth, keys included."""
    if isinstance(value, str):
        return redact(value, secrets)[0]
    if isinstance(value, Mapping):
        return {without(key, secrets): without(each, secrets) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without(each, secrets) for each in value]
    return value
