# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the emulator's package and its packer importable from a checkout; ends what a killed run has left."""

from __future__ import annotations

import compileall
import sys
from pathlib import Path

import pytest

EMULATOR = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(EMULATOR))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Servers go on when the run that started them is killed; the next run ends them."""
    import claims

    if not hasattr(session.config, "workerinput"):
        # Servers and programs write down nothing that they have compiled: each would do it anew, hundreds of times.
        compileall.compile_dir(EMULATOR / "tibero_emulator", quiet=2)

    claims.reap()
    claims.mark()
