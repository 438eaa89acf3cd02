# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the emulator's package and its packer importable from a checkout; ends what a killed run has left."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def pytest_sessionstart() -> None:
    """Servers go on when the run that started them is killed; the next run ends them."""
    import claims

    claims.reap()
    claims.mark()
