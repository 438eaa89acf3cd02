# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plugin of pytest, switched on in every gate: a test that is skipped fails, unless its reason is listed here.

A skipped test is green and proves nothing; it is skipped for years before anybody looks.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

ROOT = os.geteuid() == 0
#: Reasons for which a test may be skipped, each with where it may.
ALLOWED = {
    "root may write everywhere": ROOT,
    "hosts as network name spaces need root": not ROOT,
    "a lab of root is needed": not ROOT,
    # As root the packages of the tests are installed (tools/packages.py).
    "no sshd on this host": not ROOT,
    "no systemd-analyze on this host": not ROOT,
}


def _judge(report: Any) -> Any:
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return report
    where = report.longrepr
    reason = str(where[2] if isinstance(where, tuple) else where).removeprefix("Skipped: ")
    if not ALLOWED.get(reason, False):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} is skipped: {reason!r}. Make it run, or list the reason in tools/skips.py."
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    return _judge((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    return _judge((yield))
