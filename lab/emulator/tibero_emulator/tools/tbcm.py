# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tbcm -b | -d: records that the cluster manager of CM_SID is up or down, with the recorded words."""

from __future__ import annotations

import os

from .. import PRODUCTS
from . import cm as manager
from . import common
from .common import Context, say

# 7: recording t7-tbcm-boot-ok-and-failed; 6: invented
TITLES = {"6": f"TBCM 6.0 (Build {PRODUCTS['6']['build']})", "7": f"TBCM 7.1.1 (Build {PRODUCTS['7']['build']})"}


def boot(ctx: Context, found: manager.Cm) -> int:
    """`tbcm -b`."""
    say("CM Guard daemon started up.\n")
    if manager.is_up(found):
        say(f"Tibero cluster manager ({found.name}) startup failed!\n")
        return ctx.exit_code("cmrctl_failed")
    if "CM_RESOURCE_FILE" in found.values:
        say(f"import resources from '{found.resource_file}'...\n")
    found.state.parent.mkdir(parents=True, exist_ok=True)
    found.state.write_text("up\n", encoding="ascii")
    say(f"\n{TITLES[ctx.version]}\n\n{ctx.copyright}\n\nTibero cluster manager started up.\n")
    say(f"Local node name is ({found.name}:{found.values['CM_UI_PORT']}).\n")
    return ctx.exit_code("cmrctl_ok")


def down(ctx: Context, found: manager.Cm) -> int:
    """`tbcm -d` (words invented)."""
    if not manager.is_up(found):
        say("Tibero cluster manager is not running.\n")
        return ctx.exit_code("cmrctl_failed")
    found.state.unlink()
    say(f"Tibero cluster manager ({found.name}) terminated.\n")
    return ctx.exit_code("cmrctl_ok")


def main(arguments: list[str]) -> int:
    """The program; returns its exit code."""
    try:
        ctx = common.context(need_sid=False)
    except common.MissingEnvironment:
        say("tbcm: environment variable TB_HOME is not set.\n")
        return 1
    if arguments not in (["-b"], ["-d"]):
        say(f"Usage: tbcm -b | -d\n{common.emulator_notice(ctx)}\n")
        return 0 if arguments in (["-h"], ["--help"]) else 1
    try:
        found = manager.read(ctx.tb_home)
    except manager.CmError:
        say(f"CM Guard daemon started up.\nTibero cluster manager ({os.environ.get('CM_SID', '')}) startup failed!\n")
        return ctx.exit_code("cmrctl_failed")
    return boot(ctx, found) if arguments == ["-b"] else down(ctx, found)


if __name__ == "__main__":
    common.run(main)
