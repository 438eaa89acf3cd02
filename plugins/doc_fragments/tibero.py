# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options by which the modules for Tibero find the instance and log in."""

from __future__ import annotations


class ModuleDocFragment:
    """Which instance, who logs in to it, and how its words are read."""

    DOCUMENTATION = r"""
options:
  tb_home:
    description:
      - Installation directory of Tibero, the C(TB_HOME) of its programs. Must be absolute.
    type: path
    required: true
  tb_sid:
    description:
      - Name of the instance, the C(TB_SID) of its programs.
      - The module runs as the OS user of the database; use C(become_user) if Ansible logs in as somebody else.
    type: str
    required: true
  timeout:
    description:
      - Seconds that one program and one wait may take. A boot or a clean stop that takes longer is left running and
        reported, never killed.
    type: int
    default: 300
"""

    LOGIN = r"""
options:
  sys_user:
    description:
      - Database account that logs in. Below open mode NORMAL only V(sys) is admitted by the server.
    type: str
    default: sys
  sys_password:
    description:
      - Password of O(sys_user). It travels to C(tbsql) on standard input, never as an argument.
      - "Letters, digits and the characters C(_ # $ % ^ * + - = . , : ? ! ~) can be used. A password of lower-case
        letters, digits and underscores only is sent unquoted, as the vendor's own scripts do; any other is sent in
        single quotes, which makes it case-sensitive."
    type: str
  alias:
    description:
      - Alias of C(tbdsn.tbr) to connect through. Without it the entry of the instance itself is used.
      - Never name an alias with failover here, because it may land on another member.
    type: str
  status_words:
    description:
      - Further words of C(V$INSTANCE.STATUS) to accept, by class V(nomount), V(mount), V(recovery), V(normal). What a
        standby shows there is not documented, so a word of a real server that is not known yet can be adopted here.
      - Whoever sets it sets it for all modules, best with the role variable O(ignore:tibero_status_words).
    type: dict
    default: {}
  open_mode_words:
    description:
      - Further words of C(V$DATABASE.OPEN_MODE) to accept, by class V(closed), V(read_only), V(read_write). The role
        variable is O(ignore:tibero_open_mode_words).
    type: dict
    default: {}
"""
