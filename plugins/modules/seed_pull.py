#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies database files from another member to this host."""

DOCUMENTATION = r"""
module: seed_pull
short_description: Copy database files straight from another member
version_added: 0.1.0
description:
  - Run it on the member that is to get the files, as the OS user of the database. It pulls what
    M(firedrill.standby.seed_offer) offers on the other member, over SSH
    and never through the controller.
  - Everything is checked before anything is written. The source's sizes, the space of each file system, and that every
    target directory is empty or holds only files of
    this very unfinished copy.
  - Files are copied in chunks. Each chunk's digest is computed on both sides and compared. Chunks of zeros are not
    sent. All files of the database have a name ending in
    C(.firedrill-part) until every one of them is complete, verified and on the disk.
  - An interrupted copy goes on where it stopped. What is on the target already is compared by digest, also when the
    source has changed since (a hot backup begun anew),
    and only chunks that differ are sent.
  - The copy is done by a process of its own on the target. When the controller is interrupted it goes on, and the next
    run attaches to it.
  - A file that grows while it is copied is copied with its tail; one that shrinks is cut. Both are named in
    RV(resized). With O(source_quiet=true) they are errors.
author: "The firedrill.standby authors (@firedrill)"
extends_documentation_fragment:
  - firedrill.standby.attributes
attributes:
  check_mode:
    support: full
    details:
      - Without an offer, as on a first run in check mode, sizes and space are unknown and the prediction is that
        everything is copied.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - A finished copy is recognised by the same wish, the same O(generation), and files whose sizes and time stamps
        are as they were at its end. With O(verify=true) their
        digests are compared as well.
options:
  state:
    description:
      - V(prepared) makes a key pair for this copy in O(seed_dir) and returns its public half. The private half never
        leaves the host and is removed at the end of the copy.
      - V(present) copies.
      - V(absent) gives an unfinished copy up. Its process is ended, and the files that its manifest proves to be its
        own are removed. Of a finished copy only the
        records are removed; the files belong to the database.
    type: str
    choices: [present, prepared, absent]
    default: present
  seed_id:
    description:
      - Name of the copy, the same as for M(firedrill.standby.seed_offer). Letters, digits, dots, underscores and
        dashes.
    type: str
    required: true
  seed_dir:
    description:
      - Directory for the copy's records, its key and its job, made with mode 0700. Must be absolute. One copy at a time
        has it.
    type: path
    required: true
  generation:
    description:
      - Any word for the state of the source that is to be copied, such as the number of a hot backup. A copy that was
        finished or begun under another word is compared
        with the source again.
    type: str
    default: ""
  source:
    description:
      - Where the files come from; the return value C(source) of M(firedrill.standby.seed_offer). Required for
        O(state=present), but not in check mode.
    type: dict
    suboptions:
      transport:
        description: How the source is reached.
        type: str
        choices: [ssh, local]
        default: ssh
      host:
        description: Address of the source as this host sees it.
        type: str
      port:
        description: Port of the source's SSH server.
        type: int
        default: 22
      user:
        description: User on the source.
        type: str
      host_keys:
        description: The source's host keys, each a type and the key in base64. No other host is spoken to.
        type: list
        elements: str
        default: []
      argv:
        description: Command of the agent, for V(local).
        type: list
        elements: str
        default: []
  files:
    description:
      - Single files to copy. The same paths must be offered.
    type: list
    elements: dict
    default: []
    suboptions:
      source:
        description: Absolute path on the source.
        type: path
        required: true
      target:
        description: Absolute path on this host.
        type: path
        required: true
      kind:
        description: What the file is to its database.
        type: str
        required: true
        choices: [datafile, controlfile, redo, tempfile, password, archive, software]
      mode:
        description: Octal mode in quotes. Default is the source's, and C(0600) for control and password files.
        type: str
  trees:
    description:
      - Directories to copy with everything below, such as an installation. Modes, times and links are kept.
    type: list
    elements: dict
    default: []
    suboptions:
      source:
        description: Absolute path on the source.
        type: path
        required: true
      target:
        description: Absolute path on this host.
        type: path
        required: true
      exclude:
        description: Patterns of what is left out, as for M(firedrill.standby.seed_offer). They must be excluded there;
          here they only tell wishes apart.
        type: list
        elements: str
        default: []
  source_quiet:
    description:
      - Nobody writes to the source's files (a cold copy). Every file is then read once more on the source at the end,
        and any difference is an error.
    type: bool
    default: false
  read_back:
    description:
      - Read every file of the target again at the end and compare its digest with what was received.
    type: bool
    default: false
  verify:
    description:
      - When the copy was finished earlier, compare the digests of its files too, not only sizes and time stamps. Reads
        every file.
    type: bool
    default: false
  chunk_size:
    description:
      - Bytes of a chunk, from 4096 to 16777216.
    type: int
    default: 4194304
  rate_limit:
    description:
      - Bytes a second that are read from the source at most; V(0) for no limit.
    type: int
    default: 0
  space_margin:
    description:
      - Space that must stay free beside the copy, in per cent of what it needs.
    type: float
    default: 5.0
  tolerate:
    description:
      - Names or absolute paths that may lie in the target directories. They are left alone.
    type: list
    elements: str
    default: []
  overwrite_finished:
    description:
      - Overwrite a finished copy whose files have changed since, that is, on which a database has probably lived. Make
        sure that no instance uses them.
    type: bool
    default: false
  replaces:
    description:
      - Files of an older copy of the same database, which the caller has proven to be that and which may go, such as
        those of a former primary whose own redo is exported. Those that are targets are overwritten, all others are
        removed before the copy begins.
      - Each must lie below one of the directories that files are copied to. A file that any process has open is a
        refusal.
    type: list
    elements: path
    default: []
  reuse:
    description:
      - Keep the chunks of files in O(replaces) whose digest is that of the source's, and have only the others sent.
        V(false) removes those files first, so that everything is sent.
      - A smaller O(chunk_size) sends less, and asks more often.
    type: bool
    default: true
  retries:
    description:
      - How often a broken connection is made again without any progress between two breaks.
    type: int
    default: 5
  wait:
    description:
      - Wait for the end of the copy and show how far it is. With V(false) the task returns at once with RV(finished)
        false while the copy goes on.
    type: bool
    default: true
  job:
    description:
      - Ask for this job instead of starting one; the value of RV(job) of an earlier call.
    type: str
seealso:
  - module: firedrill.standby.seed_offer
"""

EXAMPLES = r"""
- name: Make a key for the copy
  firedrill.standby.seed_pull:
    state: prepared
    seed_id: orders-busan1
    seed_dir: /tibero/tibero7/instance/orders/firedrill/seed
  register: seed_prepared

- name: Copy the database (seed_offer ran on the primary in between)
  firedrill.standby.seed_pull:
    seed_id: orders-busan1
    seed_dir: /tibero/tibero7/instance/orders/firedrill/seed
    generation: "{{ backup.generation }}"
    source: "{{ hostvars['seoul1'].seed_offered.source }}"
    files:
      - {source: /tbdata/orders/system001.dtf, target: /data/orders/system001.dtf, kind: datafile}
      - {source: /tbdata/orders/c1.ctl, target: /data/orders/c1.ctl, kind: controlfile}
      - {source: /tbdata/orders/.passwd, target: /data/orders/.passwd, kind: password}
"""

RETURN = r"""
finished:
  description: Whether the copy is complete and verified. For O(state=prepared), whether it was already, of
    O(generation) if that is given, and its files are as they were then.
  type: bool
  returned: success
resumes:
  description: Whether an unfinished copy is there to go on with.
  type: bool
  returned: when O(state=prepared)
ours:
  description: Whether O(seed_dir) holds the manifest of a copy of O(seed_id), finished or not, whatever became of its
    files.
  type: bool
  returned: when O(state=prepared)
running:
  description: Whether a copy is under way in O(seed_dir).
  type: bool
  returned: when O(state=prepared)
public_key:
  description: The public half of the copy's key; none in check mode when it is not made yet.
  type: str
  returned: when O(state=prepared)
removed:
  description: Files of an unfinished copy that were removed with O(state=absent), else files of O(replaces) that were removed, or would be.
  type: list
  elements: str
  returned: when O(state=absent), when finished, or in check mode
job:
  description: Names the process that copies, for O(job).
  type: str
  returned: when a copy was started or is under way
progress:
  description: How far the copy is. Bytes, per cent, rate in bytes a second, remaining seconds.
  type: dict
  returned: when RV(finished) is false and a copy is under way
  sample: {phase: copying, percent: 42, bytes_done: 440401920, bytes_total: 1048576000, rate: 118489088, eta: 5}
bytes_total:
  description: Bytes of all files; none in check mode when the source could not be asked.
  type: int
  returned: when finished or in check mode
bytes_sent:
  description: Bytes that came over the network in this run.
  type: int
  returned: when finished
bytes_skipped:
  description: Bytes that were right on the target already.
  type: int
  returned: when finished
bytes_zero:
  description: Bytes of chunks that hold nothing but zeros, which are not sent.
  type: int
  returned: when finished
files:
  description: The single files, with C(source), C(target), C(kind), C(size), C(mode) and C(digest).
  type: list
  elements: dict
  returned: when finished or in check mode
trees:
  description: The trees, with C(source), C(target), number of C(files), C(bytes) and one C(digest).
  type: list
  elements: dict
  returned: when finished or in check mode
digests:
  description: Digest of each single file by target. It is the digest over the digests of the chunks, with algorithm and
    chunk size.
  type: dict
  returned: when finished
  sample: {/data/orders/system001.dtf: "sha256/4194304:5feceb66ffc86f38d952786c6d696c79"}
resized:
  description: Files whose size changed on the source while they were copied, with C(target), C(listed) and C(copied)
    bytes.
  type: list
  elements: dict
  returned: when finished
left_out:
  description: Paths in trees that are neither file nor directory nor link and were not copied.
  type: list
  elements: str
  returned: when finished or in check mode
spaces:
  description: What the copy needs of each file system and what is free there, in bytes.
  type: list
  elements: dict
  returned: in check mode when the source could be asked
duration:
  description: Seconds that this run took.
  type: float
  returned: when finished
flush_duration:
  description: Seconds of RV(duration) that passed at the end until everything was on the disk.
  type: float
  returned: when finished
rate:
  description: Bytes a second of this run.
  type: int
  returned: when finished
method:
  description: How the files were copied.
  type: str
  returned: when finished or in check mode
  sample: pull over ssh
algorithm:
  description: The digest that was used, the faster one of the two hosts.
  type: str
  returned: when finished
reconnects:
  description: How often the connection to the source had to be made again.
  type: int
  returned: when finished
source_host:
  description: Name of the source as it calls itself.
  type: str
  returned: when finished or in check mode
seen:
  description: What was seen, with the value.
  returned: failure
  type: str
meaning:
  description: What follows from it.
  returned: failure
  type: str
remedy:
  description: What to do next.
  returned: failure
  type: str
nothing_changed:
  description: V(true) when it is certain that nothing was changed.
  returned: failure
  type: bool
details:
  description: Further data, such as the program that was run, with secrets hidden.
  returned: failure
  type: dict
"""

from ansible_collections.firedrill.standby.plugins.module_utils._core.seed.pull_task import SPEC, seed_pull
from ansible_collections.firedrill.standby.plugins.module_utils._module import run_module


def main() -> None:
    """Run the module."""
    run_module(SPEC, seed_pull)


if __name__ == "__main__":
    main()
