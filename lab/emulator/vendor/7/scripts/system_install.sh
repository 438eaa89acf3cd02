#!/bin/sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Creates the dictionary's packages, roles and example users (emulator, not Tibero)
home=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$home/lib/emulator/run.sh"
emulator_run "$home" system_script "$@"
