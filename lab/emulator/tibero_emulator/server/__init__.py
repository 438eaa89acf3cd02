# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server half of the emulator: storage, redo, SQL, views, boot modes, replication, sessions, process tree.

Layers, bottom up (a lower one never imports a higher one)
    errors, tipvalues            texts and parameters
    blocks, control, redolog     what is in the files: data blocks, control files, redo records and log files
    logwriter, database          commit, checkpoint, instance recovery, archiving over those files
    replication                  LNW (sender), LNR (receiver) and SMR (apply) over TCP
    dialect, functions, sql...   Tibero's SQL on sqlite3
    instance, main               boot modes, sessions, control socket, process tree
"""
