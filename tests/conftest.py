# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes `import ansible_collections.firedrill.standby` work from a plain checkout, and sets how hypothesis looks for examples."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / ".cache" / "python" / "ansible_collections" / "firedrill"


def _link_checkout() -> None:
    """Lay the link that gives this checkout the path Ansible imports it by."""
    link = TREE / "standby"
    TREE.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        try:
            link.symlink_to(ROOT, target_is_directory=True)
        except FileExistsError:
            pass  # another test worker was faster
    sys.path.insert(0, str(TREE.parent.parent))


_link_checkout()

# A busy machine is no failure, so an example has no deadline. At a desk examples are chosen anew each time and find what nobody thought of; a CI service
# gets the same ones for the same code, so that it turns red for what was changed.
settings.register_profile("firedrill", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("firedrill")
