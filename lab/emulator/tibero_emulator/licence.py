# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""license.xml: structure as recorded (t7-license-xml-structure), checks as documented (tibero.md 1.4, 10).

The emulator's licences are worth nothing outside the emulator. `<signature>` is the SHA-256, in capitals of hex, of the
salt below followed by the other elements in the order of FIELDS, each as `name=value` and ended by a newline. It proves
nothing; it only lets a changed date or host be noticed, as the real program notices it. A real licence is refused
(360007).
"""

from __future__ import annotations

import hashlib
import os
import socket
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from . import messages

SALT = "firedrill.standby Tibero emulator, not a licence of any product\n"
PRODUCT_VERSIONS = {"6": "6", "7": "7.2.3"}
EDITIONS = ("enterprise", "standard", "trial")

# `kind` -> (edition, <tsc>). The real file has no known element for the option: <tsc> is ours. Y = replication with a
# read-only standby; SINGLE = replication, but no read-only standby (tibero.md 10: what a Single licence allows); N =
# none.
KINDS = {
    "tsc": ("enterprise", "Y"),
    "trial": ("trial", "Y"),
    "single": ("standard", "SINGLE"),
    "none": ("standard", "N"),
}

FIELDS = (
    "product",
    "product_version",
    "serial_ID",
    "issue_date",
    "start_date",
    "end_date",
    "licensee",
    "edition",
    "type",
    "duration",
    "limit_user",
    "identified_by_host",
    "tsc",
)


class LicenceError(Exception):
    """A licence tbboot refuses: `code` of the box (360002-360008) and the path that was looked at."""

    def __init__(self, code: int, path: str, detail: str = "") -> None:
        super().__init__(f"{messages.text(code)} {detail}".strip())
        self.code = code
        self.path = path

    def render(self, overrides: Mapping[str, str] | None = None) -> str:
        """The licence box. Width 73 and the order of its lines come from the catalogue only (tibero.md 22.1)."""
        return messages.box(
            messages.BOX_LICENCE,
            messages.text(self.code, overrides=overrides),
            messages.text(360009, 1, self.path, overrides=overrides),
        )


class Licence(NamedTuple):
    """The elements of license.xml; dates are `YYYY/MM/DD`."""

    product: str
    product_version: str
    serial_ID: str  # noqa: N815  (the element's name in the file)
    issue_date: str
    start_date: str
    end_date: str
    licensee: str
    edition: str
    type: str
    duration: str
    limit_user: str
    identified_by_host: str
    tsc: str


def signature(licence: Licence) -> str:
    """The emulator's digest over all other elements."""
    text = SALT + "".join(f"{name}={getattr(licence, name)}\n" for name in FIELDS)
    return hashlib.sha256(text.encode("utf-8")).hexdigest().upper()


def make(host: str, days: int, kind: str = "tsc", version: str = "7", start: date | None = None) -> Licence:
    """A licence for `host`, valid `days` days from `start` (default today; the last day counts).

    Raises:
        ValueError: unknown kind or version.
    """
    if kind not in KINDS:
        raise ValueError(f"licence kind {kind!r}: one of {', '.join(KINDS)} expected")
    if version not in PRODUCT_VERSIONS:
        raise ValueError(f"version {version!r}: one of {', '.join(PRODUCT_VERSIONS)} expected")
    first = start or date.today()
    last = first + timedelta(days=days - 1)
    edition, tsc = KINDS[kind]
    serial = hashlib.sha256(f"{host}{first}{days}{kind}".encode()).hexdigest()[:16].upper()
    return Licence(
        product="Tibero",
        product_version=PRODUCT_VERSIONS[version],
        serial_ID=f"EMULATOR-{serial}",
        issue_date=first.strftime("%Y/%m/%d"),
        start_date=first.strftime("%Y/%m/%d"),
        end_date=last.strftime("%Y/%m/%d"),
        licensee="Tibero emulator of firedrill.standby",
        edition=edition,
        type="demo",
        duration=str(days),
        limit_user="20",
        identified_by_host=host,
        tsc=tsc,
    )


def render(licence: Licence) -> str:
    """license.xml, laid out as the recorded one: tabs, no newline at the end."""
    lines = [
        '<?xml version="1.0" encoding="ISO-8859-1"?>',
        "<tmax_license>",
        '\t<license version="1.1">',
        f'\t\t<product version="{licence.product_version}">{licence.product}</product>',
    ]
    lines += [f"\t\t<{name}>{getattr(licence, name)}</{name}>" for name in FIELDS[2:]]
    lines += [f"\t\t<signature>{signature(licence)}</signature>", "\t</license>", "</tmax_license>"]
    return "\n".join(lines)


def parse(text: str, path: str) -> tuple[Licence, str]:
    """license.xml -> (licence, signature written in it); raises LicenceError 360006 when it has not the known shape."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise LicenceError(360006, path, str(error)) from error
    node = root.find("license") if root.tag == "tmax_license" else None
    product = node.find("product") if node is not None else None
    if node is None or product is None:
        raise LicenceError(360006, path, "no <tmax_license><license><product>")
    values = {"product": (product.text or "").strip(), "product_version": product.get("version", "")}
    for name in FIELDS[2:]:
        element = node.find(name)
        if element is None and name != "tsc":
            raise LicenceError(360006, path, f"no <{name}>")
        values[name] = "" if element is None else (element.text or "").strip()
    return Licence(**values), (node.findtext("signature") or "").strip()


def host_name(settings: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> str:
    """The host name a licence is compared with: setting, TB_EMULATOR_HOSTNAME, else that of the kernel."""
    environment = os.environ if environ is None else environ
    return settings.get("licence_host") or environment.get("TB_EMULATOR_HOSTNAME") or socket.gethostname()


def path_of(tb_home: str) -> str:
    """Where the licence must be."""
    return f"{tb_home}/license/license.xml"


def check(tb_home: str, version: str, settings: Mapping[str, Any], today: date | None = None) -> Licence:
    """The valid licence of this home, checked at boot only, never later (tibero.md 10, M).

    Raises:
        LicenceError: missing 360002, malformed or other version 360006, signature 360007, host 360004, dates 360003.
    """
    path = path_of(tb_home)
    try:
        text = Path(path).read_text(encoding="iso-8859-1")
    except OSError as error:
        raise LicenceError(360002, path, error.strerror or "") from error
    licence, written = parse(text, path)
    if licence.product != "Tibero" or licence.product_version.split(".")[0] != version:
        raise LicenceError(360006, path, f"product {licence.product} {licence.product_version}")
    if written != signature(licence):
        raise LicenceError(360007, path)
    if settings.get("licence_check_host", True) and licence.identified_by_host != host_name(settings):
        raise LicenceError(360004, path)
    now = (today or date.today()).strftime("%Y/%m/%d")
    if not licence.start_date <= now <= licence.end_date:
        raise LicenceError(360003, path)
    return licence


def allows_replication(licence: Licence) -> bool:
    """Whether a primary with destinations, or a standby in RECOVERY, may boot."""
    return licence.tsc in ("Y", "SINGLE")


def allows_read_only_standby(licence: Licence) -> bool:
    """Whether a standby may be opened read only."""
    return licence.tsc == "Y"
