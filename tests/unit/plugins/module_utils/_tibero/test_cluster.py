# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every refusal names the variable, the value seen, what is allowed and what to do; every plan holds after a role change too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.firedrill.standby.plugins.module_utils._core import facts
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import cluster


def described(**changes):
    """A valid description with changes."""
    raw = {
        "standby_engine": "tibero",
        "standby_bootstrap_primary": False,
        "tibero_address": "10.0.0.1",
        "tibero_archive_dir": "/db/orders/arch",
        "tibero_control_files": ["/db/orders/c1.ctl"],
        "tibero_data_dir": "/db/orders",
        "tibero_db_name": "orders",
        "tibero_home": "/opt/tibero7",
        "tibero_listener_port": 8629,
        "tibero_network_timeout": 60,
        "tibero_parameters": {},
        "tibero_protection_mode": "performance",
        "tibero_sid": "orders",
        "tibero_standby_port": 8633,
        "tibero_symmetric_tips": True,
        "tibero_transport": "LGWR ASYNC",
        "tibero_version": 7,
    }
    raw.update(changes)
    return raw


def make(name, number, **changes):
    return cluster.member(name, described(tibero_address=f"10.0.0.{number}", **changes))


def three(**changes):
    return [
        make("seoul1", 1, standby_bootstrap_primary=True, **changes),
        make("seoul2", 2, **{**changes, "tibero_transport": "LGWR SYNC"}),
        make("busan1", 3, **{"tibero_data_dir": "/data/orders", "tibero_archive_dir": "/data/arch", **changes}),
    ]


@pytest.mark.parametrize(
    ("changes", "variable", "value"),
    [
        ({"standby_engine": "oracle"}, "standby_engine", "oracle"),
        ({"tibero_version": 5}, "tibero_version", "5"),
        ({"tibero_listener_port": 80}, "tibero_listener_port", "80"),
        ({"tibero_listener_port": "x"}, "tibero_listener_port", "x"),
        ({"tibero_standby_port": 8630}, "tibero_standby_port", "8630"),
        ({"tibero_data_dir": "db/orders"}, "tibero_data_dir", "db/orders"),
        ({"tibero_data_dir": '/db/"orders'}, "tibero_data_dir", '/db/"orders'),
        ({"tibero_data_dir": "/db/or'ders"}, "tibero_data_dir", "or'ders"),
        ({"tibero_archive_dir": "/db/../etc"}, "tibero_archive_dir", "/db/../etc"),
        ({"tibero_control_files": []}, "tibero_control_files", "[]"),
        ({"tibero_control_files": ["/a.ctl", "/a.ctl"]}, "tibero_control_files", "/a.ctl"),
        ({"tibero_db_name": "or-ders"}, "tibero_db_name", "or-ders"),
        ({"tibero_address": "a b"}, "tibero_address", "a b"),
        ({"tibero_protection_mode": "protecton"}, "tibero_protection_mode", "protecton"),
        ({"tibero_transport": "LGWR"}, "tibero_transport", "LGWR"),
        ({"tibero_parameters": {"listener": "1"}}, "tibero_parameters", "listener"),
        ({"tibero_parameters": {"LISTENER_PORT": "1"}}, "tibero_parameters", "LISTENER_PORT"),
        ({"tibero_parameters": {"LOG_REPLICATION_DEST_4": "x"}}, "tibero_parameters", "LOG_REPLICATION_DEST_4"),
        ({"tibero_parameters": {"A": "1\nB=2"}}, "tibero_parameters", "A"),
    ],
)
def test_a_bad_description_is_refused_by_name_and_value(changes, variable, value):
    with pytest.raises(Refusal) as error:
        cluster.member("seoul1", described(**changes))
    assert variable in str(error.value)
    assert value in str(error.value)
    assert error.value.remedy
    assert error.value.nothing_changed


def test_words_are_normalised():
    member = make(
        "a", 1, tibero_transport=" lgwr  sync", tibero_protection_mode="PERFORMANCE", tibero_data_dir="/db//orders/"
    )
    assert (member.transport, member.protection_mode, member.data_dir) == ("LGWR SYNC", "performance", "/db/orders")


def test_the_standby_port_is_the_listener_port_plus_four_when_it_is_not_given():
    assert make("a", 1, tibero_listener_port=9000, tibero_standby_port="").standby_port == 9004


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([make(f"m{n}", n) for n in range(1, 12)], ["10 standbys", "at most 9"]),
        (
            [make("a", 1, standby_bootstrap_primary=True), make("b", 2, standby_bootstrap_primary=True)],
            ["standby_bootstrap_primary", "a, b"],
        ),
        ([make("a", 1), make("b", 1)], ["10.0.0.1:8629", "a", "b"]),
        (
            [make("a", 1), make("b", 1, tibero_listener_port=8632, tibero_standby_port=9000)],
            ["10.0.0.1:8633", "special port"],
        ),
        (
            [make("a", 1), make("b", 1, tibero_listener_port=9000, tibero_standby_port=9004)],
            ["/db/orders", "overwrite"],
        ),
        ([make("a", 1), make("b", 2, tibero_db_name="other")], ["tibero_db_name", "'orders' on a", "'other' on b"]),
        ([make("a", 1), make("b", 2, tibero_version=6)], ["tibero_version"]),
        ([make("a", 1), make("b", 2, tibero_protection_mode="availability")], ["tibero_protection_mode"]),
    ],
)
def test_a_contradictory_cluster_is_refused(members, words):
    with pytest.raises(Refusal) as error:
        cluster.check_cluster(members)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_nine_standbys_are_allowed():
    cluster.check_cluster([make(f"m{n}", n) for n in range(1, 11)])


@pytest.mark.parametrize("mode", ["protection", "availability"])
def test_a_protecting_mode_needs_a_synchronous_standby(mode):
    members = [
        make("a", 1, tibero_protection_mode=mode, tibero_transport="LGWR SYNC"),
        make("b", 2, tibero_protection_mode=mode),
    ]
    with pytest.raises(Refusal, match="LGWR SYNC"):
        cluster.check_mode(members, "a")
    cluster.check_mode(members, "b")


def test_a_misspelt_variable_is_refused_with_the_right_spelling():
    with pytest.raises(Refusal, match="use tibero_sid instead") as error:
        cluster.unknown_variables(["ansible_host", "tibero_sdi"], ["tibero_sid", "tibero_home"], "a")
    assert "tibero_sdi of a" in str(error.value)
    cluster.unknown_variables(["ansible_host", "tibero_sid", "my_var"], ["tibero_sid"], "a")


def planned(host, roles, running=None, recorded=None, members=None):
    names = ["seoul1", "seoul2", "busan1"]
    observed = dict(zip(names, roles, strict=True))
    return cluster.plan(members or three(), host, observed, running or dict.fromkeys(names, True), recorded or {})


def test_the_bootstrap_flag_counts_only_while_no_database_exists():
    nothing = [facts.NO_DATABASE] * 3
    assert planned("seoul1", nothing).role == facts.PRIMARY
    after_switchover = [facts.STANDBY, facts.STANDBY, facts.PRIMARY]
    plan = planned("seoul1", after_switchover)
    assert (plan.role, plan.primary, plan.seed) == (facts.STANDBY, "busan1", False)
    assert planned("busan1", after_switchover).role == facts.PRIMARY


def test_no_member_is_flagged_and_none_has_a_database():
    members = [make("a", 1), make("b", 2)]
    with pytest.raises(Refusal, match="standby_bootstrap_primary"):
        cluster.plan(members, "a", {"a": facts.NO_DATABASE, "b": facts.NO_DATABASE}, {}, {})


def test_two_primaries_are_refused_and_named():
    with pytest.raises(UnknownState, match="seoul1, busan1"):
        planned("seoul1", [facts.PRIMARY, facts.STANDBY, facts.PRIMARY])


def test_a_wrong_password_is_not_taken_for_a_primary_that_is_down():
    running = {"seoul1": True}
    why = {"seoul1": "Login of sys to orders failed: TBR-17001: Login failed: invalid user name or password"}
    with pytest.raises(UnknownState, match="SYS cannot log in on seoul1: Login of sys") as error:
        cluster.check_logins(three(), {"seoul1": facts.UNKNOWN}, running, why)
    assert "correct tibero_sys_password" in error.value.remedy
    # With a primary in sight, or with nobody who turned SYS away, other checks have the word.
    cluster.check_logins(three(), {"seoul1": facts.UNKNOWN, "busan1": facts.PRIMARY}, running, why)
    cluster.check_logins(three(), {"seoul1": facts.UNKNOWN}, {"seoul1": False}, why)
    cluster.check_logins(three(), {"seoul1": facts.UNKNOWN}, running, {"seoul1": "the instance does not answer"})


def test_a_primary_that_is_down_is_not_replaced_by_the_flag():
    with pytest.raises(UnknownState, match="No running primary") as error:
        planned("seoul1", [facts.UNKNOWN, facts.STANDBY, facts.NO_DATABASE], running={"seoul2": True})
    assert "seoul1: UNKNOWN, stopped" in str(error.value)


def test_a_member_without_database_is_seeded_and_a_recorded_one_is_not():
    roles = [facts.PRIMARY, facts.UNKNOWN, facts.NO_DATABASE]
    assert planned("busan1", roles).seed
    assert not planned("seoul2", roles, recorded={"seoul2": facts.STANDBY}).seed


def test_no_tip_key_depends_on_who_is_primary():
    before = [facts.PRIMARY, facts.STANDBY, facts.STANDBY]
    after = [facts.STANDBY, facts.PRIMARY, facts.STANDBY]
    for host in ("seoul1", "seoul2", "busan1"):
        assert planned(host, before).replication == planned(host, after).replication
        assert planned(host, before).parameters == planned(host, after).parameters


def test_destinations_name_every_peer_with_its_own_transport():
    plan = planned("seoul1", [facts.PRIMARY, facts.STANDBY, facts.STANDBY])
    assert plan.replication["LOG_REPLICATION_DEST_1"] == '"10.0.0.2:8633 LGWR SYNC"'
    assert plan.replication["LOG_REPLICATION_DEST_2"] == '"10.0.0.3:8633 LGWR ASYNC"'
    assert "LOG_REPLICATION_DEST_3" not in plan.replication
    assert plan.destinations == {
        "LOG_REPLICATION_DEST_1": "10.0.0.2:8633 LGWR SYNC",
        "LOG_REPLICATION_DEST_2": "10.0.0.3:8633 LGWR ASYNC",
    }


def test_other_paths_are_converted_on_both_sides():
    roles = [facts.PRIMARY, facts.STANDBY, facts.STANDBY]
    assert planned("busan1", roles).replication["STANDBY_FILE_NAME_CONVERT"] == '"/db/orders,/data/orders"'
    assert planned("seoul1", roles).replication["STANDBY_FILE_NAME_CONVERT"] == '"/data/orders,/db/orders"'


def test_with_more_than_two_directories_a_standby_follows_the_present_primary():
    members = [make("seoul1", 1), make("seoul2", 2, tibero_data_dir="/x"), make("busan1", 3, tibero_data_dir="/y")]
    roles = [facts.STANDBY, facts.PRIMARY, facts.STANDBY]
    assert planned("busan1", roles, members=members).replication["STANDBY_FILE_NAME_CONVERT"] == '"/x,/y"'
    assert "STANDBY_FILE_NAME_CONVERT" not in planned("seoul2", roles, members=members).replication


def test_blank_standby_tips_keep_no_destination():
    members = three(tibero_symmetric_tips=False)
    plan = planned("busan1", [facts.PRIMARY, facts.STANDBY, facts.STANDBY], members=members)
    assert not [key for key in plan.replication if key.startswith("LOG_REPLICATION_DEST")]


def test_the_tip_of_a_standby_shares_what_is_not_its_own():
    plan = planned("busan1", [facts.PRIMARY, facts.STANDBY, facts.STANDBY])
    primary = {
        "_HIDDEN": "7",
        "LISTENER_PORT": "1",
        "CONTROL_FILES": "x",
        "LOG_REPLICATION_DEST_1": "old",
        "DB_NAME": "orders",
        "STANDBY_FILE_NAME_CONVERT": "z",
    }
    tip = cluster.standby_tip(primary, plan)
    assert tip["_HIDDEN"] == "7"
    assert tip["LISTENER_PORT"] == "8629"
    assert tip["LOG_REPLICATION_DEST_1"] == '"10.0.0.1:8633 LGWR ASYNC"'
    assert tip["STANDBY_FILE_NAME_CONVERT"] == '"/db/orders,/data/orders"'


def test_every_member_finds_its_own_instance_by_its_sid():
    for host, address in (("seoul1", "10.0.0.1"), ("busan1", "10.0.0.3")):
        own = [
            alias
            for alias in planned(host, [facts.PRIMARY, facts.STANDBY, facts.STANDBY]).aliases
            if alias["name"] == "orders"
        ]
        assert [alias["instances"][0]["host"] for alias in own] == [address]


@given(st.permutations([facts.PRIMARY, facts.STANDBY, facts.STANDBY]), st.sampled_from(["seoul1", "seoul2", "busan1"]))
def test_exactly_one_member_is_planned_primary(roles, host):
    plans = {name: planned(name, roles) for name in ("seoul1", "seoul2", "busan1")}
    assert [plan.role for plan in plans.values()].count(facts.PRIMARY) == 1
    assert len({plan.primary for plan in plans.values()}) == 1
    assert plans[host].primary not in plans[host].standbys


ALL = {"seoul1": True, "seoul2": True, "busan1": True}


@pytest.mark.parametrize(
    ("installed", "home", "words"),
    [
        (False, "/tibero/tibero7", "there is no Tibero below it; but process 4711 on it"),
        (True, "/tibero/tibero7", "there is a Tibero, which does not run; but process 4711 on it"),
        # The usual home of the other members, on other hosts, excuses nothing.
        (False, "/opt/tibero8", "TB_SID orders with TB_HOME /opt/tibero8"),
        (False, "", "with TB_HOME UNKNOWN"),
    ],
)
def test_server_of_our_sid_from_another_home_is_refused(installed, home, words):
    members = three()
    members[1] = members[1]._replace(home="/opt/tibero8")
    found = {"seoul1": [{"pid": 4711, "tb_home": home}]}
    with pytest.raises(Refusal) as caught:
        cluster.check_homes(members, {**ALL, "seoul1": installed}, found)
    assert "tibero_home of seoul1 is /opt/tibero7" in caught.value.seen and words in caught.value.seen
    assert (home or "TB_HOME of that process") in caught.value.remedy
    assert caught.value.details["variable"] == "tibero_home"


def test_members_that_share_a_host_and_a_sid_are_no_strangers():
    members = [item._replace(address="127.0.0.1", home=f"/lab/{item.name}") for item in three()]
    cluster.check_homes(members, {}, {"busan1": [{"pid": 1, "tb_home": "/lab/seoul1"}]})
    with pytest.raises(Refusal):
        cluster.check_homes(members, {}, {"busan1": [{"pid": 1, "tb_home": "/lab/busan1-old"}]})


def test_server_that_cannot_be_read_is_no_reason_where_there_is_an_installation():
    """Two installations of one host may use the same TB_SID, each with its own OS user."""
    cluster.check_homes(three(), ALL, {"seoul1": [{"pid": 4711, "tb_home": ""}]})


def test_no_database_is_told_from_no_software():
    none = cluster.without_database(three(), ALL, "seoul1")
    assert none.seen == "No member of seoul1, seoul2, busan1 has a database" and "tibero_home" not in none.remedy
    bare = cluster.without_database(three(), {**ALL, "seoul1": False}, "seoul1")
    assert bare.seen.endswith("has a database; no Tibero below tibero_home /opt/tibero7 of seoul1")
    assert bare.remedy.startswith(
        "correct tibero_home if there is a Tibero elsewhere; else run playbooks/setup_primary"
    )


# ---------------------------------------------------------------------- operating what is built


def operated(host, members=None, *, observed=None, running=None, sights=None, **options):
    members = members or three()
    roles = {item.name: facts.STANDBY for item in members}
    roles.update({"seoul1": facts.PRIMARY}, **(observed or {}))
    alive = {item.name: True for item in members}
    alive.update(running or {})
    return cluster.plan(
        members, host, roles, alive, {}, None, sights or {}, options.get("rebuild", False), options.get("built", True)
    )


def test_a_destination_keeps_its_number_when_another_goes():
    without = [item for item in three() if item.name != "seoul2"]
    sights = {"seoul1": cluster.Sight(((1, "10.0.0.2", 8633), (2, "10.0.0.3", 8633)))}
    found = operated("seoul1", without, sights=sights)
    assert found.destinations == {"LOG_REPLICATION_DEST_2": "10.0.0.3:8633 LGWR ASYNC"}
    assert "LOG_REPLICATION_DEST_1" in found.unused and "LOG_REPLICATION_DEST_2" not in found.unused


def test_a_new_destination_takes_the_lowest_number_that_is_free():
    sights = {"seoul1": cluster.Sight(((1, "10.0.0.3", 8633), (3, "10.0.0.9", 8633)))}
    assert operated("seoul1", sights=sights).destinations == {
        "LOG_REPLICATION_DEST_1": "10.0.0.3:8633 LGWR ASYNC",
        "LOG_REPLICATION_DEST_2": "10.0.0.2:8633 LGWR SYNC",
    }


def test_no_number_is_free():
    sights = {"seoul1": cluster.Sight(tuple((one, f"10.9.0.{one}", 8633) for one in range(1, 10)))}
    with pytest.raises(Refusal, match=r"uses all 9 destinations.*standby_remove_destinations"):
        operated("seoul1", sights=sights)


def test_a_suspended_member_is_in_the_tips_of_all_others():
    members = [item._replace(receives=item.name != "busan1") for item in three()]
    found = operated("seoul1", members)
    assert found.replication["LOG_REPLICATION_2_ENABLE"] == "N"
    assert found.absent == ("LOG_REPLICATION_1_ENABLE",)
    assert [link["enabled"] for link in found.links] == [True, False]
    assert [link["alias"] for link in found.links] == ["seoul2", "busan1"]
    own = operated("busan1", members)
    assert not [key for key in own.replication if key.endswith("_ENABLE")]


def test_a_primary_alone_has_no_mode():
    found = operated("seoul1", three()[:1])
    assert "LOG_REPLICATION_MODE" not in found.replication and found.absent == ("LOG_REPLICATION_MODE",)


def test_a_running_member_of_unknown_role_is_refused():
    with pytest.raises(UnknownState, match=r"busan1 runs, and its role is UNKNOWN; primary is seoul1"):
        operated("seoul1", observed={"busan1": facts.UNKNOWN})
    assert operated("seoul1", observed={"busan1": facts.UNKNOWN}, running={"busan1": False}).destinations


def test_a_member_without_a_database_gets_no_redo_before_it_is_built():
    found = operated("seoul1", observed={"busan1": facts.NO_DATABASE}, running={"busan1": False})
    assert list(found.destinations) == ["LOG_REPLICATION_DEST_1"]


def test_a_marked_standby_gets_no_redo_until_it_is_built_anew():
    sights = {"busan1": cluster.Sight(rebuild="tablespace HIST was made read only")}
    assert list(operated("seoul1", sights=sights).destinations) == ["LOG_REPLICATION_DEST_1"]
    assert operated("busan1", sights=sights).rebuild == "tablespace HIST was made read only"
    with pytest.raises(Refusal, match=r"busan1 has to be built anew: tablespace HIST.*standby_rebuild: true"):
        cluster.refuse_marked(sights, "seoul1")
    cluster.refuse_marked(sights, "busan1")
    again = operated("busan1", sights=sights, built=False, rebuild=True)
    assert (again.seed, again.rebuild) == (True, "")
    assert len(operated("seoul1", sights=sights, built=False, rebuild=True).destinations) == 2
    assert operated("seoul2", sights=sights, built=False, rebuild=True).seed is False


def test_an_interrupted_cold_copy_is_not_resumed_while_operating():
    cold = {"seoul1": {"resumable": True, "stopped_at": "noon"}}
    observed = {"seoul1": facts.UNKNOWN, "seoul2": facts.STANDBY, "busan1": facts.STANDBY}
    running = {"seoul1": False, "seoul2": True, "busan1": True}
    with pytest.raises(UnknownState, match="No running primary"):
        cluster.plan(three(), "seoul1", observed, running, {}, cold, built=True)


@pytest.mark.parametrize(("version", "parameter"), [(6, "_USE_STANDBY_REDO_LOG"), (7, "USE_STANDBY_REDO_LOG")])
def test_the_parameter_for_standby_redo_logs_belongs_to_a_member(version, parameter):
    members = [item._replace(version=version, standby_redo=True) for item in three()]
    observed = {"busan1": facts.NO_DATABASE}
    fresh = operated("busan1", members, observed=observed, running={"busan1": False}, built=False)
    assert fresh.parameters[parameter] == "Y"
    assert parameter not in operated("seoul2", members).parameters
    named = [item._replace(redo_name="USE_STANDBY_REDO_LOG") for item in members]
    other = operated("busan1", named, observed=observed, running={"busan1": False}, built=False)
    assert other.parameters["USE_STANDBY_REDO_LOG"] == "Y" and "_USE_STANDBY_REDO_LOG" not in other.parameters
    kept = operated("seoul2", sights={"seoul2": cluster.Sight(redo_parameter=parameter)})
    assert kept.parameters[parameter] == "Y"
    assert parameter not in cluster.standby_tip({parameter: "Y"}, operated("busan1"))


@pytest.mark.parametrize("value", ["ENABLE", "log_{n}", "A_{n}_{n}", "A;{n}"])
def test_the_name_of_the_switch(value):
    with pytest.raises(Refusal, match="tibero_enable_parameter"):
        make("seoul1", 1, tibero_enable_parameter=value)


def test_a_late_release_of_6_may_have_the_redo_parameter_of_7():
    assert make("seoul1", 1, tibero_version="6", tibero_standby_redo_parameter="USE_STANDBY_REDO_LOG").redo_name
    with pytest.raises(Refusal, match=r"tibero_standby_redo_parameter.*USE_STANDBY_REDO_LOG or _USE_STANDBY_REDO_LOG"):
        make("seoul1", 1, tibero_standby_redo_parameter="USE_STANDBY_LOG")
