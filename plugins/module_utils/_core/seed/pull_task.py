# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""What the module seed_pull does: prepare a key, start or attach to the copy and tell how far it is, or give an
unfinished copy up.
"""

import os
import tempfile
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.firedrill.standby.plugins.module_utils._core import detached
from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import (
    CommandFailed,
    DeadlineExceeded,
    Refusal,
    StandbyError,
)
from ansible_collections.firedrill.standby.plugins.module_utils._core.runner import Command, Runner
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed import manifest, pull, target, transport
from ansible_collections.firedrill.standby.plugins.module_utils._core.seed.session import Session
from ansible_collections.firedrill.standby.plugins.module_utils._core.task import Context, Outcome
from ansible_collections.firedrill.standby.plugins.module_utils._core.wait import wait_until

#: Name of the job of a copy in its seed's directory.
JOB = "pull"
#: Seconds that the call that starts a copy waits for the end of its checks.
CHECK_LIMIT = 60.0
#: Key types in the order of preference; a host in FIPS mode refuses the first.
KEY_TYPES = (("ed25519",), ("ecdsa", "-b", "256"), ("rsa", "-b", "3072"))

_FILE: Dict[str, Any] = {
    "source": {"type": "path", "required": True},
    "target": {"type": "path", "required": True},
    "kind": {"type": "str", "required": True, "choices": list(manifest.KINDS)},
    "mode": {"type": "str"},
}
_TREE: Dict[str, Any] = {
    "source": {"type": "path", "required": True},
    "target": {"type": "path", "required": True},
    "exclude": {"type": "list", "elements": "str", "default": []},
}
_SOURCE: Dict[str, Any] = {
    "transport": {"type": "str", "choices": ["ssh", "local"], "default": "ssh"},
    "host": {"type": "str"},
    "port": {"type": "int", "default": 22},
    "user": {"type": "str"},
    "host_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "argv": {"type": "list", "elements": "str", "default": []},
}
SPEC: Dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "prepared", "absent"], "default": "present"},
    "seed_id": {"type": "str", "required": True},
    "seed_dir": {"type": "path", "required": True},
    "generation": {"type": "str", "default": ""},
    "source": {"type": "dict", "options": _SOURCE},
    "files": {"type": "list", "elements": "dict", "options": _FILE, "default": []},
    "trees": {"type": "list", "elements": "dict", "options": _TREE, "default": []},
    "source_quiet": {"type": "bool", "default": False},
    "read_back": {"type": "bool", "default": False},
    "verify": {"type": "bool", "default": False},
    "chunk_size": {"type": "int", "default": 4194304},
    "rate_limit": {"type": "int", "default": 0},
    "space_margin": {"type": "float", "default": 5.0},
    "tolerate": {"type": "list", "elements": "str", "default": []},
    "overwrite_finished": {"type": "bool", "default": False},
    "replaces": {"type": "list", "elements": "path", "default": []},
    "reuse": {"type": "bool", "default": True},
    "retries": {"type": "int", "default": 5},
    "wait": {"type": "bool", "default": True},
    "job": {"type": "str"},
}


def seed_pull(context: Context) -> Outcome:
    """The module's function: one of the three states."""
    manifest.check_seed_id(str(context.params["seed_id"]))
    target.check_path(str(context.params["seed_dir"]), "seed_dir")
    state = context.params["state"]
    if state == "prepared":
        return prepared(context)
    if state == "absent":
        return absent(context)
    return present(context)


def wish_of(params: Mapping[str, Any]) -> pull.Wish:
    """The parameters as a wish, checked for contradictions.

    :raises Refusal: naming the option and the value.
    """
    source = params["source"] or {}
    options = pull.Options(
        chunk=int(params["chunk_size"]),
        rate_limit=max(int(params["rate_limit"]), 0),
        margin=max(float(params["space_margin"]), 0.0) / 100.0,
        source_quiet=bool(params["source_quiet"]),
        read_back=bool(params["read_back"]),
        retries=max(int(params["retries"]), 0),
        tolerated=tuple(params["tolerate"]),
        overwrite_finished=bool(params["overwrite_finished"]),
        replaces=tuple(params.get("replaces") or ()),
        reuse=bool(params.get("reuse", True)),
    )
    endpoint = transport.Endpoint(
        transport=str(source.get("transport") or "ssh"),
        argv=tuple(source.get("argv") or ()),
        host=str(source.get("host") or ""),
        port=int(source.get("port") or 22),
        user=str(source.get("user") or ""),
        host_keys=tuple(source.get("host_keys") or ()),
        seed_dir=str(params["seed_dir"]),
    )
    wish = pull.Wish(
        seed=str(params["seed_id"]),
        generation=str(params["generation"]),
        seed_dir=str(params["seed_dir"]),
        endpoint=endpoint,
        files=tuple(
            manifest.File(one["source"], one["target"], one["kind"], _mode(one.get("mode"))) for one in params["files"]
        ),
        trees=tuple(
            manifest.Tree(one["source"], one["target"], tuple(one.get("exclude") or ())) for one in params["trees"]
        ),
        options=options,
    )
    pull.check_wish(wish)
    return wish


def _mode(value: Optional[str]) -> Optional[int]:
    if value is None:
        return None
    try:
        mode = int(value, 8)
    except ValueError:
        mode = -1
    if not 0o400 <= mode <= 0o7777:
        raise Refusal(
            seen="mode is {0!r}".format(value),
            meaning="A mode is written as an octal number in quotes and lets at least the owner read",
            remedy="Write it as '0640', or leave it out to keep the source's",
        )
    return mode


def present(context: Context) -> Outcome:
    """Start the copy or attach to it; with ``wait`` return at its end."""
    wish = wish_of(context.params)
    job = context.params.get("job")
    if job:
        return poll(wish, str(job))
    status = detached.ask(wish.seed_dir, JOB)
    if status.is_running:
        if status.key != wish.job_key:
            raise detached.busy(status)
        return _attend(wish, status, bool(context.params["wait"]) and not context.check_mode)
    done = pull.is_finished(wish)
    if done is not None and not (context.params["verify"] and pull.digests_match(done)):
        if not context.check_mode:
            # Made for a copy that turned out not to be needed.
            transport.forget_key(wish.seed_dir)
        return _unchanged(done)
    if context.check_mode:
        return _predict(context, wish)
    _make_ready(context, wish)
    before = manifest.load(wish.seed_dir)
    connect = transport.connector(context.runner)
    started = detached.start(
        wish.seed_dir, JOB, wish.job_key, lambda work: pull.Pull(wish, connect, work.progress).run()
    )
    _await_checks(wish)
    outcome = _attend(wish, started.status, bool(context.params["wait"]))
    after = manifest.load(wish.seed_dir)
    return outcome._replace(
        before=_sizes(before.items if before else ()), after=_sizes(after.items if after else ()), header=wish.seed_dir
    )


def _make_ready(context: Context, wish: pull.Wish) -> None:
    """Lay what the job needs to reach the source into the seed's own directory.

    :raises Refusal: when the source cannot be reached with what is given.
    """
    if not can_be_asked(wish):
        raise Refusal(
            seen="option source is {0!r}, and the key {1} {2}".format(
                dict(context.params["source"] or {}),
                _key(wish.seed_dir),
                "exists" if os.path.exists(_key(wish.seed_dir)) else "does not exist",
            ),
            meaning="The source cannot be reached without its address, host keys and the seed's key",
            remedy="Run seed_pull with state=prepared on the target, seed_offer on the source, and "
            "give its return value 'source' here",
        )
    detached.private_directory(wish.seed_dir)
    if wish.endpoint.transport == "ssh":
        detached.write_atomically(wish.endpoint.known_hosts_path, transport.known_hosts_text(wish.endpoint))


def _await_checks(wish: pull.Wish) -> None:
    """Wait until the job has made its checks, so that a refusal is the answer of the call that started it."""
    try:
        wait_until(
            lambda: detached.ask(wish.seed_dir, JOB),
            lambda seen: not seen.is_running or seen.progress.get("phase") not in (None, pull.CHECKING),
            CHECK_LIMIT,
            "the checks of the copy",
            "",
            interval=0.05,
        )
    except DeadlineExceeded:
        # A source with a great many files, or a slow line: the polls that follow tell how it ends.
        return


def _ask(wish: pull.Wish, run: Runner) -> pull.Survey:
    session = Session(transport.connector(run)(wish.endpoint), wish.endpoint, wish.seed)
    try:
        return pull.survey(wish, session)
    finally:
        session.close()


def _key(seed_dir: str) -> str:
    return os.path.join(seed_dir, transport.KEY)


def can_be_asked(wish: pull.Wish) -> bool:
    """True when everything is there to reach the source."""
    endpoint = wish.endpoint
    if endpoint.transport == "local":
        return bool(endpoint.argv)
    return bool(endpoint.host and endpoint.user and endpoint.host_keys and os.path.exists(_key(wish.seed_dir)))


def _predict(context: Context, wish: pull.Wish) -> Outcome:
    """Check mode: what a run would do. Without an offer, as in a first check run, only that it would copy."""
    values: Dict[str, Any] = {
        "finished": False,
        "method": "pull over {0}".format(wish.endpoint.transport),
        "bytes_total": None,
    }
    if not can_be_asked(wish):
        values["msg"] = "The source cannot be asked yet, because nothing is offered: sizes and space are unknown."
        return Outcome(True, values, {}, {one.target: "UNKNOWN" for one in wish.files + wish.trees}, wish.seed_dir)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".known_hosts") as known_hosts:
        known_hosts.write(transport.known_hosts_text(wish.endpoint))
        known_hosts.flush()
        plan = _ask(wish._replace(endpoint=wish.endpoint._replace(known_hosts=known_hosts.name)), context.runner)
    values.update(
        bytes_total=manifest.total_bytes(plan.items),
        files=pull.describe_files(wish, plan.items),
        trees=pull.describe_trees(wish, plan.items),
        spaces=[space.as_dict() for space in plan.spaces],
        left_out=list(plan.left_out),
        source_host=plan.source,
        removed=[path for path in wish.options.replaces if path not in {item.target for item in plan.items}],
    )
    return Outcome(True, values, _sizes(plan.before.items if plan.before else ()), _sizes(plan.items), wish.seed_dir)


def _sizes(items: Tuple[manifest.Item, ...]) -> Dict[str, str]:
    """For the diff: each single file with its size; trees would drown it."""
    return {item.target: "{0} bytes, mode {1:04o}".format(item.size, item.mode) for item in items if not item.in_tree}


def _unchanged(done: manifest.Manifest) -> Outcome:
    values = dict(done.summary)
    values.pop("changed", None)
    values.update(
        finished=True,
        bytes_sent=0,
        bytes_zero=0,
        bytes_skipped=values.get("bytes_total", 0),
        duration=0.0,
        flush_duration=0.0,
        rate=0,
        reconnects=0,
    )
    return Outcome(False, values)


def job_name(status: detached.Status) -> str:
    """Names a job so that a poll cannot take another one for it."""
    return "{0}-{1}".format(status.process.pid, status.process.started) if status.process else ""


def _touch(wish: pull.Wish) -> None:
    """Leave a sign that a controller is there: the copy then renews the lease on the source."""
    path = os.path.join(wish.seed_dir, pull.POLLED)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        os.utime(handle)
    finally:
        os.close(handle)


def _attend(wish: pull.Wish, status: detached.Status, wait: bool) -> Outcome:
    job = job_name(status)
    if not wait:
        return poll(wish, job)
    return wait_until(
        lambda: poll(wish, job),
        lambda outcome: bool(outcome.values["finished"]),
        float("inf"),
        "the copy",
        "",
        interval=1.0,
    ).value


def poll(wish: pull.Wish, job: str) -> Outcome:
    """How far a job is: ``finished`` False with progress, or its result.

    :raises StandbyError: when it failed, was cancelled, died, or is another one than asked for.
    """
    status = detached.ask(wish.seed_dir, JOB)
    if job_name(status) != job:
        raise StandbyError(
            seen="Job {0} of {1} is not there; what is there is {2!r}, {3}".format(
                job, wish.seed_dir, job_name(status), status.state
            ),
            meaning="Another run of the same copy took over",
            remedy="Run the same task again: it attaches to the copy, or finds it finished",
        )
    if status.is_running:
        _touch(wish)
        progress = dict(status.progress, heartbeat_age=status.heartbeat_age)
        return Outcome(False, {"finished": False, "job": job, "progress": progress})
    if status.state == detached.FINISHED:
        values = dict(status.result)
        changed = bool(values.pop("changed", True))
        return Outcome(changed, dict(values, finished=True, job=job))
    if status.state == detached.FAILED:
        raise _failure_of(status)
    raise StandbyError(
        seen="The copy's process {0} is {1}; it had {2} of {3} bytes".format(
            job, status.state, status.progress.get("bytes_done"), status.progress.get("bytes_total")
        ),
        meaning="It was ended from outside, or the host restarted; the copy is unfinished and can be resumed",
        remedy="Run the same task again: what is right already is not sent again",
        details={"job": status.as_dict()},
    )


def _failure_of(status: detached.Status) -> StandbyError:
    raw = status.error
    error = StandbyError(
        str(raw.get("seen")), str(raw.get("meaning")), str(raw.get("remedy")), raw.get("details") or {}
    )
    error.nothing_changed = bool(raw.get("nothing_changed"))
    error.details["progress"] = status.progress
    return error


def prepared(context: Context) -> Outcome:
    """Have a key pair of this seed's own, and tell what is there of it already."""
    seed_dir = str(context.params["seed_dir"])
    generation = str(context.params["generation"])
    record = manifest.load(seed_dir)
    finished = (
        record is not None
        and record.state == manifest.FINISHED
        and generation in ("", record.generation)
        and all(pull.still_matches(item) for item in record.items)
    )
    values: Dict[str, Any] = {
        "finished": finished,
        "resumes": record is not None and record.state == manifest.UNFINISHED,
        "ours": record is not None and record.seed == str(context.params["seed_id"]),
        "running": detached.ask(seed_dir, JOB).is_running,
    }
    public = _public_key(seed_dir)
    if public is not None:
        return Outcome(False, dict(values, public_key=public))
    if not context.check_mode:
        detached.private_directory(seed_dir)
        _make_key(seed_dir, str(context.params["seed_id"]), context.runner)
    return Outcome(
        True,
        dict(values, public_key=_public_key(seed_dir)),
        {},
        {_key(seed_dir): "a key pair for this seed only, mode 0600"},
        seed_dir,
    )


def _public_key(seed_dir: str) -> Optional[str]:
    try:
        with open(_key(seed_dir) + ".pub", encoding="utf-8", errors="replace") as source:
            text = source.read().strip()
    except OSError:
        return None
    return text if text and os.path.exists(_key(seed_dir)) else None


def _make_key(seed_dir: str, seed: str, run: Runner) -> None:
    """:raises CommandFailed: when no type of key can be made."""
    transport.forget_key(seed_dir)
    said: List[str] = []
    for key_type in KEY_TYPES:
        done = run(
            Command(
                ("ssh-keygen", "-q", "-t") + key_type + ("-N", "", "-C", "firedrill-seed", "-f", _key(seed_dir)),
                deadline=120.0,
            )
        )
        if done.returncode == 0:
            os.chmod(_key(seed_dir), 0o600)
            return
        said.append((done.errors or done.output).strip())
        transport.forget_key(seed_dir)
    raise CommandFailed(
        seen="ssh-keygen made no key: {0}".format("; ".join(said)),
        meaning="The target cannot reach the source without a key of its own",
        remedy="Install the OpenSSH client on the target and check its policy on key types",
    )


def absent(context: Context) -> Outcome:
    """Give an unfinished copy up: end its process, remove what its manifest proves to be its own.

    Files of a finished copy stay.
    """
    seed, seed_dir = str(context.params["seed_id"]), str(context.params["seed_dir"])
    record = manifest.load(seed_dir)
    if record is not None and record.seed != seed:
        raise Refusal(
            seen="{0} belongs to seed {1!r}, asked for is {2!r}".format(seed_dir, record.seed, seed),
            meaning="Another copy began or ended in these directories",
            remedy="Give the seed_id of the copy that is to be given up",
        )
    unfinished = record is not None and record.state == manifest.UNFINISHED
    parts = _parts_of(record) if record is not None and unfinished else []
    there = [path for path in parts if os.path.lexists(path)]
    changed = (os.path.isdir(seed_dir) and bool(os.listdir(seed_dir))) or bool(there)
    if changed and not context.check_mode:
        detached.cancel(seed_dir, JOB)
        target.remove_ours(parts)
        if record is not None and unfinished:
            _remove_empty(record)
        _remove_records(seed_dir)
    return Outcome(changed, {"finished": False, "removed": there}, dict.fromkeys(there, "unfinished"), {}, seed_dir)


def _parts_of(record: manifest.Manifest) -> List[str]:
    return [path for item in record.items if item.type != "d" for path in (item.part, item.target)]


def _remove_empty(record: manifest.Manifest) -> None:
    """Remove the directories of unfinished trees, deepest first, as far as they are empty."""
    for item in sorted((one for one in record.items if one.type == "d"), key=lambda one: -len(one.target)):
        try:
            os.rmdir(item.target)
        except OSError:
            continue


def _remove_records(seed_dir: str) -> None:
    chunks = os.path.join(seed_dir, "chunks")
    names = [manifest.NAME, transport.KEY, transport.KEY + ".pub", transport.KNOWN_HOSTS, pull.POLLED]
    names += ["{0}.{1}".format(JOB, kind) for kind in ("json", "log", "lock")]
    names += [os.path.join("chunks", name) for name in (os.listdir(chunks) if os.path.isdir(chunks) else [])]
    target.remove_ours([os.path.join(seed_dir, name) for name in names])
    for place in (chunks, seed_dir):
        try:
            os.rmdir(place)
        except OSError:
            continue  # something that is not ours is in it: it stays
