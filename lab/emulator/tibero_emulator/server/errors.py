# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors the server answers with: TBR number and text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tibero_emulator import messages

# Numbers that the shared catalogue lacks. "public": seen in public documents for the same occasion. "invented": ours.
EXTRA: dict[int, str] = {
    5070: "Divide by zero.",  # public number, text invented
    7001: "General syntax error.",
    7124: "Duplicate index exists.",  # public (7.2.6 manual sample)
    8026: "Invalid identifier.",  # public
    8033: "Specified schema object was not found.",  # public
    10005: "NOT NULL constraint violation ('{0}').",  # public number
    10006: "CHECK constraint violation ('{0}').",  # public number
    10007: "UNIQUE constraint violation ('{0}').",  # public number
    10008: "INTEGRITY constraint violation ('{0}') (primary key not found).",  # public
    10009: "INTEGRITY constraint violation ('{0}') (foreign key exists).",  # public
    590001: "Emulator: {0}",  # invented: something only the emulator can say (for instance a full file in the sandbox)
    590003: "Emulator: value is too large for column '{0}' (actual {1}, maximum {2}).",  # invented number
    590004: "Emulator: invalid number or conversion: {0}",  # invented number
    590005: "Emulator: no free space in tablespace '{0}'.",  # invented number
    590006: "Emulator: statement interrupted, the session is being ended.",  # invented number
    590007: "Emulator: {0} '{1}' does not exist.",  # invented number
    590008: "Emulator: {0} '{1}' already exists.",  # invented number
}

_overrides: dict[str, str] = {}


def set_overrides(overrides: Mapping[str, str]) -> None:
    """Adopt the setting "message_overrides" (number as a string -> template)."""
    _overrides.clear()
    _overrides.update(overrides)


class TbrError(Exception):
    """A refusal with its Tibero number.

    Args:
        code: message number without prefix.
        arguments: values for the template's placeholders.
        text: the whole text, when no template fits.
    """

    def __init__(self, code: int, *arguments: Any, text: str | None = None) -> None:
        self.code = code
        self.text = text if text is not None else text_of(code, *arguments)
        super().__init__(f"TBR-{code}: {self.text}")


def text_of(code: int, *arguments: Any) -> str:
    """The text of a message number, from the shared catalogue or from EXTRA; never fails on an unknown number."""
    template = _overrides.get(str(code)) or EXTRA.get(code)
    if template is None:
        try:
            template = messages.entry(code).text
        except messages.UnknownMessage:
            template = "(no text in the emulator's catalogue) {0}"
    padded = (*arguments, *([""] * 8))
    return template.format(*padded)
