# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The copy of database files straight from member to member.

Parts, each replaceable alone:

* ``agent``: serves offered files on the source, over its standard input and output; one file without any import of
  ours;
* ``offer``: lays the agent and one line of ``authorized_keys`` on the source, and takes them away;
* ``transport``: reaches an agent (``ssh`` or ``local``) and tells failures apart;
* ``session``: the agent's protocol, seen from the target;
* ``manifest``: what is to be copied and what of it is there, and its arithmetic;
* ``target``: looks at the target's directories and space before anything is written, opens files safely;
* ``pull``: the chunk engine that brings them together.

A chain of hosts needs no new part: a finished target offers its files with ``offer`` and serves them with the same
``agent``.
"""
