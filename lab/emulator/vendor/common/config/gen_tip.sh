#!/bin/sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Writes tip, psm_commands and tbdsn.tbr of TB_SID (emulator, not Tibero)
home=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$home/lib/emulator/run.sh"
emulator_run "$home" gen_tip "$@"
