# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbprobe: exit code 0 NORMAL, 1 STANDBY, 2 UNKNOWN, 3 DEAD (documented for 5; not verified for 6 and 7)."""

from __future__ import annotations

from . import common

NORMAL, STANDBY, UNKNOWN, DEAD = range(4)


def main(arguments: list[str]) -> int:
    """The program; returns its exit code."""
    del arguments
    try:
        ctx = common.context()
    except common.MissingEnvironment:
        return UNKNOWN
    if not common.live_pids(ctx):
        return DEAD
    try:
        for event in common.control_events(ctx, {"op": "status"}):
            mode = str(event.get("mode", "")).upper()
            return {"NORMAL": NORMAL, "RECOVERY": STANDBY, "READ_ONLY": STANDBY}.get(mode, UNKNOWN)
    except common.NoControl:
        return UNKNOWN
    return UNKNOWN


if __name__ == "__main__":
    common.run(main)
