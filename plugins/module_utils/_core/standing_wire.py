# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""How members ask each other what they are: one line there, one line back, over TCP, read only.

    firedrill 1 CLUSTER NONCE MAC            ->
                                             <- MAC {"member": ...}

Both lines carry an HMAC (SHA-256) with a key that all members share, over the nonce of the one who asks: a stranger gets no answer, and an answer
can be neither made up nor played again. Nothing is encrypted: an answer holds names of members, roles and ids of role changes, and nothing can be
asked for but that.
"""

import hashlib
import hmac
import json
import os
import socket
import socketserver
import threading
from typing import Any, Callable, Dict, Mapping

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import Refusal, UnknownState

WORD = "firedrill 1"
#: Bytes of a question and of an answer.
QUESTION_BYTES = 512
ANSWER_BYTES = 65536
#: Seconds for a whole exchange.
LIMIT = 3.0
#: Questions that are answered at a time; more are dropped, and asked again.
AT_A_TIME = 16
#: Characters that a key has at least.
KEY_LENGTH = 16

Tell = Callable[[], Mapping[str, Any]]


def check_key(key: str) -> bytes:
    """The key as bytes. :raises Refusal: for one that is too short to be one; the message never holds it."""
    plain = key.strip()
    if len(plain) < KEY_LENGTH:
        raise Refusal(
            seen="The key by which members know each other has {0} characters".format(len(plain)),
            meaning="At least {0} are needed, or a stranger could make up answers".format(KEY_LENGTH),
            remedy="Set standby_service_key to a long random text, best from a vault (`openssl rand -hex 32`)",
        )
    return plain.encode("utf-8")


def _mac(key: bytes, *parts: str) -> str:
    return hmac.new(key, "\n".join(parts).encode("utf-8"), hashlib.sha256).hexdigest()


def question(key: bytes, cluster: str, nonce: str) -> str:
    """The line of the one who asks."""
    return "{0} {1} {2} {3}\n".format(WORD, cluster, nonce, _mac(key, WORD, "question", cluster, nonce))


def answer_to(key: bytes, cluster: str, line: str, tell: Tell) -> str:
    """The line that answers, "" for a question that is none of ours."""
    words = line.split()
    if len(words) != 5 or " ".join(words[:2]) != WORD or words[2] != cluster:
        return ""
    if not hmac.compare_digest(
        words[4].encode("utf-8"), _mac(key, WORD, "question", cluster, words[3]).encode("utf-8")
    ):
        return ""
    text = json.dumps(tell(), sort_keys=True)
    return "{0} {1}\n".format(_mac(key, WORD, "answer", cluster, words[3], text), text)


def read_answer(key: bytes, cluster: str, nonce: str, line: str) -> Dict[str, Any]:
    """What was answered. :raises UnknownState: for anything that was not answered to this question with this key."""
    mac, _blank, text = line.rstrip("\n").partition(" ")
    good = hmac.compare_digest(mac.encode("utf-8"), _mac(key, WORD, "answer", cluster, nonce, text).encode("utf-8"))
    try:
        record = json.loads(text) if good else None
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise UnknownState(
            seen="It answered {0} bytes that do not prove to be an answer".format(len(line)),
            meaning="Another program listens there, or its key or its cluster is another one",
            remedy="Run playbooks/setup_standby.yml for all members, which gives them the same key",
        )
    return record


def ask(host: str, port: int, key: bytes, cluster: str, limit: float = LIMIT) -> Dict[str, Any]:
    """Ask one member. :arg limit: seconds for each wait. :raises OSError: when it cannot be reached in time. :raises UnknownState: for a strange answer."""
    nonce = os.urandom(16).hex()
    with socket.create_connection((host, port), timeout=limit) as connection:
        connection.settimeout(limit)
        connection.sendall(question(key, cluster, nonce).encode("utf-8"))
        with connection.makefile("rb") as source:
            line = source.readline(ANSWER_BYTES)
    return read_answer(key, cluster, nonce, line.decode("utf-8", "replace"))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 32


class Answering:
    """Answers questions in threads of its own until :meth:`close`.

    :arg tell: gives the answer; whatever it raises, the question stays without one.
    :raises OSError: when the address cannot be had.
    """

    def __init__(self, address: str, port: int, key: bytes, cluster: str, tell: Tell) -> None:
        slots = threading.BoundedSemaphore(AT_A_TIME)

        class Handler(socketserver.StreamRequestHandler):
            timeout = LIMIT

            def handle(self) -> None:
                if not slots.acquire(blocking=False):
                    return
                try:
                    line = self.rfile.readline(QUESTION_BYTES).decode("utf-8", "replace")
                    said = answer_to(key, cluster, line, tell)
                    self.wfile.write(said.encode("utf-8"))
                except OSError:
                    return  # whoever asked is gone, or was too slow
                finally:
                    slots.release()

        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        family, place = found[0], found[4]
        server_class = type("_ServerOfFamily", (_Server,), {"address_family": family})
        self._server = server_class(place[:2], Handler)
        self.port = int(self._server.server_address[1])
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.5}, daemon=True)
        thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
