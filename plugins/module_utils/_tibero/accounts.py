# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""Passwords of database accounts (module tibero_password): idempotent by trying to log in, changed from the vendor's
defaults.

The password file ``.passwd`` holds the password of SYS. A later change of it is propagated to the standbys by nobody
(H), so the result says when it has to be copied again.
"""

import hashlib
import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import CommandFailed, Refusal
from ansible_collections.firedrill.standby.plugins.module_utils._core.facts import (
    PRIMARY,
    READ_WRITE,
    STANDBY,
    MemberState,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._tibero import options
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.client import (
    Login,
    LoginFailed,
    Tibero,
    password_literal,
)
from ansible_collections.firedrill.standby.plugins.module_utils._tibero.member import look

PASSWORD_SPEC: Dict[str, Any] = dict(
    options.COMMON_SPEC,
    previous_password={"type": "str", "no_log": True},
    accounts={
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
        },
    },
)

#: What a new database has (H).
VENDOR_DEFAULTS = {
    "sys": "tibero",
    "syscat": "syscat",
    "sysgis": "sysgis",
    "outln": "outln",
    "tibero": "tmax",
    "tibero1": "tmax",
}
WRONG = 17001
ALTERED = ("altered",)


class _Wanted(NamedTuple):
    name: str
    password: str


def _wanted(params: Mapping[str, Any]) -> List[_Wanted]:
    """SYS first: everything else is changed by it."""
    found = [_Wanted("sys", params.get("sys_password") or "")]
    for account in params["accounts"]:
        if account["name"].lower() == "sys":
            raise Refusal(
                seen="accounts names sys",
                meaning="The password of SYS is sys_password",
                remedy="Remove sys from accounts",
            )
        found.append(_Wanted(account["name"], account["password"]))
    for one in found:
        password_literal(one.password, "the password of {0}".format(one.name))
    names = [one.name.lower() for one in found]
    if len(set(names)) != len(names):
        raise Refusal(
            seen="accounts names an account twice",
            meaning="Which password is meant cannot be told",
            remedy="Name each account once",
        )
    return found


def secrets(params: Mapping[str, Any]) -> Sequence[str]:
    """The secrets of this module's parameters."""
    found = list(options.secrets_of(params))
    return found + [str(account.get("password") or "") for account in params.get("accounts") or []]


def ensure_passwords(context: Context) -> Outcome:
    """Bring the accounts to their declared passwords; see the module's documentation."""
    params = context.params
    wanted = _wanted(params)
    client = _as(context, "sys", wanted[0].password, wanted)
    before = password_file(client)
    login = _sys_login(context, client, wanted)
    outdated = ["sys"] if login is not None else []
    state = look(login or client).state
    outdated += (
        [one.name for one in wanted[1:] if not _fits(context, one, wanted)]
        if state.open_mode.equals(READ_WRITE)
        else []
    )
    if outdated:
        _refuse_state(state)
    if outdated and not context.check_mode:
        for one in [each for each in wanted if each.name in outdated]:
            _change(context, login or client, one, wanted)
            login = None
    after = password_file(client)
    sys_changed = "sys" in outdated
    has_standbys = bool(state.destinations.is_known and state.destinations.value)
    values = {
        "changed_accounts": outdated,
        "password_file": after["path"],
        "password_file_digest": after["digest"],
        "copy_password_file": (sys_changed or before["digest"] != after["digest"]) and has_standbys,
    }
    shown = {one.name: "as declared" for one in wanted}
    return Outcome(
        bool(outdated),
        values,
        dict(shown, **dict.fromkeys(outdated, "another password")),
        shown,
        "passwords of {0}".format(client.tb_sid),
    )


def _as(context: Context, user: str, password: str, wanted: Sequence[_Wanted]) -> Tibero:
    params = context.params
    login = Login(user, password, params.get("alias") or "")
    client = options.client_of(context, login)
    for one in wanted:
        client.hide(one.password)
    client.hide(params.get("previous_password") or "")
    return client


def _logs_in(client: Tibero) -> bool:
    """True or False; any other refusal than a wrong password is an error of its own."""
    try:
        client.session([])
    except LoginFailed as error:
        if error.code == WRONG:
            return False
        raise
    return True


def _sys_login(context: Context, client: Tibero, wanted: Sequence[_Wanted]) -> Optional[Tibero]:
    """None when SYS has the declared password; else a client that logs in with the previous or the vendor's one."""
    if _logs_in(client):
        return None
    candidates = [
        password for password in (context.params.get("previous_password"), VENDOR_DEFAULTS["sys"]) if password
    ]
    for password in candidates:
        other = _as(context, "sys", password, wanted)
        if _logs_in(other):
            return other
    raise LoginFailed(
        WRONG,
        "SYS of {0} has neither the declared password nor {1}the vendor's default (TBR-{2})".format(
            client.tb_sid, "the previous one nor " if len(candidates) > 1 else "", WRONG
        ),
        {},
    )


def _fits(context: Context, one: _Wanted, wanted: Sequence[_Wanted]) -> bool:
    return _logs_in(_as(context, one.name, one.password, wanted))


def _refuse_state(state: MemberState) -> None:
    if state.role.equals(STANDBY):
        raise Refusal(
            seen="{0} is a standby and does not have the declared passwords".format(state.name),
            meaning="Accounts come from the primary with the redo, the password of SYS with the password file",
            remedy="Change it on the primary, and copy its .passwd here again",
            details={"state": state.as_dict()},
        )
    if not state.role.equals(PRIMARY) or not state.open_mode.equals(READ_WRITE):
        raise Refusal(
            seen="{0} is {1!r}, role {2!r}".format(state.name, state.open_mode, state.role),
            meaning="Passwords are changed on the open primary only",
            remedy="Boot the primary in mode normal first",
            details={"state": state.as_dict()},
        )


def _change(context: Context, client: Tibero, one: _Wanted, wanted: Sequence[_Wanted]) -> None:
    """ALTER USER as SYS, then log in with the new password: changed is a fact seen."""
    statement = "ALTER USER {0} IDENTIFIED BY {1}".format(_account(one.name), password_literal(one.password))
    client.execute(statement, ALTERED, shown="ALTER USER {0} IDENTIFIED BY ...".format(one.name))
    if not _fits(context, one, wanted):
        raise CommandFailed(
            seen="The password of {0} was changed, but logging in with it fails".format(one.name),
            meaning="The server has another password than the declared one, such as one of other case",
            remedy="Set it by hand as SYS, then run again",
        )


def _account(name: str) -> str:
    if not name.replace("_", "").isalnum() or not name[0].isalpha() or len(name) > 30:
        raise Refusal(
            seen="accounts names {0!r}".format(name),
            meaning="An account name starts with a letter and holds letters, digits and underscores",
            remedy="Correct the name",
        )
    return name


def password_file(client: Tibero) -> Dict[str, str]:
    """Path and SHA-256 of the password file; both "" when it is not there. The digest of the vendor's 44 bytes is no
    password."""
    for place in (client.parameter("DB_CREATE_FILE_DEST"), os.path.join(client.tb_home, "database", client.tb_sid)):
        path = os.path.join(place, ".passwd")
        if place and os.path.exists(path):
            with open(path, "rb") as source:
                return {"path": path, "digest": hashlib.sha256(source.read()).hexdigest()}
    return {"path": "", "digest": ""}
