# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong in the description is refused on the controller, with the variable, its value, what is allowed and what to do."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from bench import PRIMARY, STANDBY, Bench, says

pytestmark = pytest.mark.usefixtures("untouched")


class Bad(NamedTuple):
    """Variables to change by host, and the words that the message must have."""

    changes: dict[str, dict[str, Any]]
    words: tuple[str, ...]


def both(**variables: Any) -> dict[str, dict[str, Any]]:
    return {PRIMARY: variables, STANDBY: variables}


def one(**variables: Any) -> dict[str, dict[str, Any]]:
    return {STANDBY: variables}


CASES = {
    "a misspelt variable": Bad(
        one(tibero_protecton_mode="performance"),
        ("tibero_protecton_mode of busan1", "use tibero_protection_mode instead"),
    ),
    "an unknown variable": Bad(
        one(standby_colour="red"),
        ("standby_colour of busan1", "not known to this collection", "another prefix if it is your own"),
    ),
    "two names for one cluster": Bad(
        one(tibero_db_name="other"),
        (
            "tibero_db_name is 'orders' on seoul1 and 'other' on busan1",
            "must have the same tibero_db_name",
            "set tibero_db_name once",
        ),
    ),
    "a mode without its transport": Bad(
        both(tibero_protection_mode="availability", tibero_transport="LGWR ASYNC"),
        (
            "tibero_protection_mode is 'availability'",
            "busan1: LGWR ASYNC",
            "at least one standby with LGWR SYNC",
            "tibero_transport: LGWR SYNC",
        ),
    ),
    "two bootstrap primaries": Bad(
        one(standby_bootstrap_primary=True),
        (
            "standby_bootstrap_primary is true on seoul1, busan1",
            "Only one member can be the first primary",
            "leave the flag on one member",
        ),
    ),
    "no bootstrap primary": Bad(
        both(standby_bootstrap_primary=False, tibero_home="/home/tibero/none", tibero_sid="none"),
        (
            "standby_bootstrap_primary is set on none of seoul1, busan1",
            "not known where the first primary",
            "standby_bootstrap_primary: true",
        ),
    ),
    "a path that is not absolute": Bad(
        one(tibero_data_dir="tbdata/orders"),
        ("tibero_data_dir of busan1 is 'tbdata/orders'", "Allowed is an absolute path", "set tibero_data_dir"),
    ),
    "a path that holds a quote": Bad(
        one(tibero_archive_dir="/tb'arch"),
        ("tibero_archive_dir of busan1", "/tb'arch", "without quotes", "set tibero_archive_dir"),
    ),
    "a control file that is not absolute": Bad(
        one(tibero_control_files=["c1.ctl"]),
        ("tibero_control_files of busan1 is 'c1.ctl'", "Allowed is an absolute path", "set tibero_control_files"),
    ),
    "an illegal transport": Bad(
        one(tibero_transport="LGWR FAST"),
        (
            "tibero_transport of busan1 is 'LGWR FAST'",
            "one of LGWR SYNC, LGWR ASYNC, ARCH ASYNC",
            "set tibero_transport to one of these",
        ),
    ),
    "an illegal protection mode": Bad(
        both(tibero_protection_mode="maximum"),
        (
            "tibero_protection_mode of busan1 is 'maximum'",
            "one of protection, availability, performance",
            "set tibero_protection_mode",
        ),
    ),
    "an illegal way of copying": Bad(
        one(standby_seed_method="warm"),
        ("standby_seed_method of busan1 is 'warm'", "one of hot, cold, rmgr", "set standby_seed_method"),
    ),
    "a port that is none": Bad(
        one(tibero_listener_port="eight"),
        ("tibero_listener_port of busan1 is 'eight'", "a whole number", "write tibero_listener_port as"),
    ),
    "a text where true or false belongs": Bad(
        one(standby_bootstrap_primary="false"),
        ("standby_bootstrap_primary of busan1 is 'false'", "true or false, and not as a text", "in an INI inventory"),
    ),
    "a version that is not built": Bad(
        one(tibero_version=5), ("tibero_version of busan1 is 5", "one of 6, 7", "set tibero_version")
    ),
    "a name that no tip can hold": Bad(
        both(tibero_db_name="or-ders"),
        ("tibero_db_name of busan1 is 'or-ders'", "letters, digits or underscores", "choose such a name"),
    ),
    "no password of SYS": Bad(
        one(tibero_sys_password=None), ("tibero_sys_password of busan1 is not set", "Allowed is", "vault")
    ),
    "a licence that is not there": Bad(
        one(tibero_license_file="/nowhere/license.xml"),
        (
            "tibero_license_file of busan1 is '/nowhere/license.xml'",
            "no such file on the controller",
            "Allowed is a licence",
            "correct the variable",
        ),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=[name.replace(" ", "-") for name in CASES])
def test_it_is_refused(bench: Bench, case: Bad):
    says(bench.play("setup_standby.yml", changes=case.changes), *case.words)


def test_ten_standbys(bench: Bench):
    more = {
        f"daegu{number}": {**bench.host(STANDBY), "tibero_address": f"10.99.99.{number}"} for number in range(1, 10)
    }
    played = bench.play("setup_standby.yml", changes=more)
    says(played, "11 members, so 10 standbys", "at most 9 standbys", "take 1 members out of the group")


def test_duplicate_ports(bench: Bench):
    taken = bench.host(PRIMARY)["tibero_address"]
    played = bench.play("setup_standby.yml", changes={STANDBY: {"tibero_address": taken}})
    says(played, "tibero_listener_port of busan1 and tibero_listener_port of seoul1", f"{taken}:8629", "its own ports")


def test_duplicate_destinations(bench: Bench):
    again = {**bench.host(STANDBY), "tibero_listener_port": 9629, "tibero_standby_port": 8633}
    played = bench.play("setup_standby.yml", changes={"daegu1": again})
    address = again["tibero_address"]
    says(
        played,
        "tibero_standby_port of daegu1 and tibero_standby_port of busan1",
        f"{address}:8633",
        "a destination must name one member only",
    )


def test_a_group_that_does_not_exist(bench: Bench):
    played = bench.play("setup_standby.yml", "-e", "standby_cluster=ordres")
    says(
        played,
        "standby_cluster is 'ordres'",
        "allowed is a group or a host of the inventory",
        "ansible-inventory --graph",
    )


@pytest.mark.parametrize("book", ["setup_primary.yml", "status.yml"])
def test_the_other_playbooks_refuse_as_well(bench: Bench, book: str):
    says(
        bench.play(book, changes=one(tibero_protecton_mode="performance")),
        "tibero_protecton_mode of busan1",
        "use tibero_protection_mode instead",
    )
