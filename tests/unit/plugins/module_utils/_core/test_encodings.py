# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold more than ASCII, read and written by a Python whose locale says ASCII, as one of 3.6 under LC_ALL=C."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ansible_collections
import pytest

BASE = "ansible_collections.firedrill.standby.plugins.module_utils._core"
READ_PORT = "from {0}.seed import offer; print(offer._port_configured({1!r}))"
READ_KEYS = "from {0}.seed import offer; print(len(list(offer._host_key_files({1!r}))))"
WRITE = "from {0} import detached as d; d.write_atomically({1!r}, chr(233)); print(len(open({1!r}, 'rb').read()))"
READ_JSON = "from {0} import detached as d; print(ascii(d.read_json({1!r})['a']))"


def under_c(code: str) -> str:
    """What the code prints under LC_ALL=C; newer Pythons are told not to take UTF-8 by themselves."""
    roots = [str(Path(place).parent) for place in ansible_collections.__path__]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))},
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": "0",
        "PYTHONPATH": os.pathsep.join(roots),
    }
    check = "import locale; assert 'UTF' not in locale.getpreferredencoding(False).upper(); "
    argv = [sys.executable, "-c", check + code]
    done = subprocess.run(argv, check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("comment", ["# Zugang f\u00fcr die \u00dcbernahme".encode(), "# acc\u00e8s".encode("latin-1")])
def test_configuration_of_sshd(tmp_path: Path, comment: bytes) -> None:
    (tmp_path / "sshd_config").write_bytes(comment + b"\nPort 2222\n")
    assert under_c(READ_PORT.format(BASE, str(tmp_path / "sshd_config"))) == "2222"


def test_host_key_with_a_comment(tmp_path: Path) -> None:
    (tmp_path / "ssh_host_rsa_key.pub").write_bytes("ssh-rsa AAAA root@b\u00fcro\n".encode())
    assert under_c(READ_KEYS.format(BASE, str(tmp_path))) == "1"


def test_records(tmp_path: Path) -> None:
    assert under_c(WRITE.format(BASE, str(tmp_path / "written"))) == "2"
    (tmp_path / "read.json").write_bytes('{"a": "\u00e9"}'.encode())
    assert under_c(READ_JSON.format(BASE, str(tmp_path / "read.json"))) == r"'\xe9'"
