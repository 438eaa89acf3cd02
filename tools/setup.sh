#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Lays down what a target of the Makefile needs, once, and says what it does.
#
#   tools/setup.sh run       .venv with requirements/run.txt: enough for `make demo`; needs no root
#   tools/setup.sh test      the same with requirements/test.txt
#
# A finished set-up leaves a stamp with the digest of its requirements, so that a second call costs nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
mkdir -p .cache/logs
log=$PWD/.cache/logs/setup.log

say() { printf '%s\n' "$*"; }

stop() {
    printf '\nStopped: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}

# One set-up at a time in a checkout; flock is missing on some systems, where a user does not start two at once.
exec 9>.cache/setup.lock
if command -v flock >/dev/null 2>&1; then
    flock -w 900 9 || stop "another set-up has held .cache/setup.lock for 15 minutes." "See which with: fuser -v .cache/setup.lock"
fi

can_install_packages() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

install_packages() {
    say "Debian packages: $*"
    {
        DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$@" ||
            { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$@"; }
    } </dev/null >>"$log" 2>&1 || {
        tail -n 15 "$log" >&2
        stop "apt-get could not install: $*." "The lines above are its last words; all of them are in $log."
    }
}

require_python() {
    command -v "$PYTHON" >/dev/null 2>&1 || stop "there is no program '$PYTHON'." "Install Python 3.11 or later, or name one: make PYTHON=/path/to/python3.12 ..."
    "$PYTHON" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' ||
        stop "$PYTHON is $("$PYTHON" -V 2>&1); ansible-core 2.19 needs Python 3.11 or later on the controller." \
            "Name another one: make PYTHON=/path/to/python3.12 ..."
}

# python3 -m venv needs ensurepip, which Debian packs apart. Ways on, in order: the package (root), virtualenv through pip, a clear text.
make_venv() {
    if [ -e .venv ] && ! .venv/bin/python -c 'import pip' >/dev/null 2>&1; then
        rm -rf .venv
    fi
    [ -e .venv ] && return
    require_python
    say "Python environment: .venv ($("$PYTHON" -V 2>&1))"
    if ! "$PYTHON" -c 'import ensurepip, venv' >/dev/null 2>&1 && can_install_packages; then
        install_packages python3-venv
    fi
    if "$PYTHON" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        "$PYTHON" -m venv .venv >>"$log" 2>&1 && return
        rm -rf .venv
    fi
    if "$PYTHON" -m pip install --quiet --target .cache/virtualenv virtualenv >>"$log" 2>&1 &&
        PYTHONPATH=.cache/virtualenv "$PYTHON" -m virtualenv --quiet .venv >>"$log" 2>&1; then
        return
    fi
    rm -rf .venv
    stop "$PYTHON cannot make a virtual environment: its module ensurepip is missing, and virtualenv could not be had through pip." \
        "On Debian and Ubuntu, as root: apt-get install python3-venv" "Details: $log"
}

install_requirements() {
    local set=$1 stamp
    stamp=.venv/.$set-$(cat requirements/*.txt | sha256sum | cut -c 1-16)
    [ -e "$stamp" ] && [ -x .venv/bin/python ] && return
    make_venv
    say "Python packages: requirements/$set.txt"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
        -r "requirements/$set.txt" -c requirements/constraints.txt </dev/null >>"$log" 2>&1 || {
        tail -n 15 "$log" >&2
        stop "pip could not install requirements/$set.txt." "The lines above are its last words; all of them are in $log." \
            "A proxy or a mirror is set with pip's own means (pip.conf, PIP_INDEX_URL)."
    }
    rm -f .venv/."$set"-*
    : >"$stamp"
}

# Ansible finds a collection by its path only: this link gives the checkout the one it wants (ansible.cfg names it).
link_checkout() {
    local link=.cache/python/ansible_collections/firedrill/standby
    mkdir -p "${link%/*}"
    [ "$link" -ef . ] || ln -sfn "$PWD" "$link"
}

case "${1:-}" in
run | test)
    link_checkout
    install_requirements "$1"
    ;;
*) stop "unknown set '${1:-}'." "Usage: tools/setup.sh run|test" ;;
esac
