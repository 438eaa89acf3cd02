# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# Sourced by every wrapper of the Tibero emulator: finds a Python 3.11 or later and runs one of the package's modules.
# TB_EMULATOR_PYTHON names the interpreter, or the file lib/emulator_python that packing wrote after trying it; without both, python3 and python3.x
# of PATH are tried, best first.

emulator_python() {
    if [ -z "${TB_EMULATOR_PYTHON:-}" ] && [ -r "$1/lib/emulator_python" ]; then
        read -r packed < "$1/lib/emulator_python"
        if [ -x "$packed" ]; then
            echo "$packed"
            return 0
        fi
    fi
    for candidate in "${TB_EMULATOR_PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        [ -n "$candidate" ] || continue
        command -v "$candidate" >/dev/null 2>&1 || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

# emulator_run HOME MODULE [ARGUMENT...]
emulator_run() {
    emulator_home=$1
    emulator_module=$2
    shift 2
    if ! emulator_found=$(emulator_python "$emulator_home"); then
        echo "Tibero emulator: no Python 3.11 or later on PATH; set TB_EMULATOR_PYTHON to one." >&2
        exit 127
    fi
    PYTHONPATH=$emulator_home/lib/python
    export PYTHONPATH
    exec "$emulator_found" -s -B -m "tibero_emulator.tools.$emulator_module" "$@"
}
