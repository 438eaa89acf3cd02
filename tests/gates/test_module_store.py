# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payloads of modules are kept between runs, and never for a module that was changed meanwhile."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab import cluster
from tools import gates

MODULE = """
from ansible.module_utils.basic import AnsibleModule

def main():
    AnsibleModule(argument_spec={}, supports_check_mode=True).exit_json(changed=False, msg="said SAYING")

if __name__ == "__main__":
    main()
"""


def said(place: Path, saying: str) -> str:
    """What a play over a module says, which says this."""
    modules = place / "ansible_collections" / "firedrill" / "standby" / "plugins" / "modules"
    modules.mkdir(parents=True, exist_ok=True)
    (modules / "tibero_x.py").write_text(MODULE.replace("SAYING", saying), encoding="utf-8")
    play = place / "play.yml"
    play.write_text(
        "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - firedrill.standby.tibero_x:\n", encoding="utf-8"
    )
    options = ("-v", "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={gates.PYTHON}")
    kept = {**cluster.keeping({}), "FIREDRILL_MODULE_STORE": str(place / "store")}
    done = subprocess.run(
        gates.tool("ansible-playbook", *options, str(play)),
        env={**gates.environment(place), **kept},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def payloads(place: Path) -> list[Path]:
    """The payloads kept of our module, the oldest first."""
    return sorted((place / "store").glob("*/*tibero_x*"), key=lambda path: path.stat().st_ctime)


def test_a_payload_is_kept_and_used_by_the_next_run(tmp_path: Path) -> None:
    assert "said one" in said(tmp_path, "one")
    (kept,) = payloads(tmp_path)
    # A run that packs the module itself would not notice that the kept one says something else.
    other = tmp_path / "other"
    other.mkdir()
    assert "said two" in said(other, "two")
    kept.unlink()
    payloads(other)[0].rename(kept)
    assert "said two" in said(tmp_path, "one")


def test_a_changed_module_is_packed_anew(tmp_path: Path) -> None:
    assert "said one" in said(tmp_path, "one")
    assert "said two" in said(tmp_path, "two")
    assert len(payloads(tmp_path)) == 2
