#!/bin/sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Called by gen_tip.sh; the emulator has no embedded SQL, so there is nothing to write (emulator, not Tibero).
exit 0
