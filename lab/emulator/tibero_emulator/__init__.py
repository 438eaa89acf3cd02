# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An emulator of Tibero 6 and 7 with TSC, for tests and for trying the collection without a licence.

It is NOT Tibero. It answers as the recordings and the published documents say a Tibero server answers, and refuses what
they say is refused. docs/fidelity.md tells for each behaviour whether it is recorded, documented, inferred or invented;
everything that is not recorded is a named switch in settings.py.

How the two halves meet
    tools/tbboot.py starts `python -m tibero_emulator.server.main --request-fd N --event-fd M`: it writes one JSON
    object (the boot request) to fd N and closes it, then reads JSON lines (events) from fd M until "up", "suspended" or
    "refused".
    tools/tbdown.py speaks JSON lines over the unix socket `$TB_HOME/instance/$TB_SID/path/control`.
    tools/tbsql.py speaks wire.py to the listener.
"""

from __future__ import annotations

EMULATOR_VERSION = "0.1.0"

# product, copyright, build and edition words by major version. Sources: recordings t6-tbboot-*, t7-ps-two-instances-*,
# t6-monitor-instance-database-summary (build 163119 FS06_CS_1806) and t7-cmrctl-* (build 254994).
PRODUCTS = {
    "6": {
        "product": "Tibero 6",
        "copyright": "TmaxData Corporation Copyright (c) 2008-. All rights reserved.",
        "build": "163119",
        "release": "FS06_CS_1806",
    },
    "7": {
        "product": "Tibero 7",
        "copyright": "TmaxTibero Corporation Copyright (c) 2020-. All rights reserved.",
        "build": "254994",
        "release": "FS02",
    },
}
