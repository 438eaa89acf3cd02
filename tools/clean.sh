#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Removes what the targets made. Labs come down first: their hosts have mounts below .cache, and a mount is never walked into.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
[ -x "$python" ] || python=${PYTHON:-python3}
if [ -d .cache/lab ]; then
    "$python" -m lab down --all || {
        printf 'Stopped: a lab could not be removed; its text above says why. Nothing else was removed.\n' >&2
        exit 1
    }
fi
if grep -qsF " $PWD/.cache/" /proc/self/mounts; then
    printf 'Stopped: something is mounted below %s/.cache:\n' "$PWD" >&2
    grep -F " $PWD/.cache/" /proc/self/mounts >&2
    exit 1
fi
rm -rf --one-file-system .cache .venv build evidence tests/output .ansible .hypothesis .pytest_cache .mypy_cache .ruff_cache
find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
