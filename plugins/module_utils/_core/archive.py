# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""A program of one file out of this collection's own modules, for hosts that have no Ansible when they boot.

The modules that a module run brought to the host are packed as they are (a zip that Python runs), so that the host decides at boot by the very
code that the tests hold. The same sources always give the same bytes.
"""

import ast
import importlib.util
import io
import zipfile
from typing import Dict, Iterator, List, Optional

from ansible_collections.firedrill.standby.plugins.module_utils._core.errors import StandbyError

PREFIX = "ansible_collections."
#: The time of every file in the archive, the first that a zip can tell.
EPOCH = (1980, 1, 1, 0, 0, 0)

_MAIN = """\
# Packed by the collection firedrill.standby; changes here are lost with its next run.
import sys

from {module} import main

sys.exit(main(sys.argv))
"""


def sources(module: str) -> Dict[str, str]:
    """The source of a module and of every module of ours that it imports, by dotted name.

    :raises StandbyError: when a source cannot be had.
    """
    found: Dict[str, str] = {}
    todo = [module]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found[name] = _source(name)
        todo.extend(_imported(found[name]))
    return found


def _source(name: str) -> str:
    spec = importlib.util.find_spec(name)
    reader = getattr(spec.loader, "get_source", None) if spec is not None else None
    text: Optional[str] = reader(name) if reader is not None else None
    if text is None:
        raise StandbyError(
            seen="The source of {0} cannot be read".format(name),
            meaning="The program for this host is packed from the modules that Ansible brought here, and this one came without its source",
            remedy="Run the task without an accelerator that replaces Ansible's own way of sending modules",
        )
    return text


def _imported(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(PREFIX):
            continue
        package = importlib.util.find_spec(str(node.module))
        if package is None or package.submodule_search_locations is None:
            yield str(node.module)
            continue
        for each in node.names:
            yield "{0}.{1}".format(node.module, each.name)


def program(module: str, interpreter: str) -> bytes:
    """The program whose ``main(argv)`` stands in a module; it begins with a line that names the interpreter.

    :arg interpreter: absolute path; it is run with -I, so that nothing of its caller's environment or directory gets in.
    """
    packed = sources(module)
    files: Dict[str, str] = {"__main__.py": _MAIN.format(module=module)}
    for name, text in packed.items():
        parts: List[str] = name.split(".")
        for depth in range(1, len(parts)):
            files.setdefault("/".join(parts[:depth]) + "/__init__.py", "")
        files["/".join(parts) + ".py"] = text
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(files):
            # Stored, not compressed: what a compressor makes of it differs from one version of zlib to the next.
            archive.writestr(zipfile.ZipInfo(name, EPOCH), files[name].encode("utf-8"))
    return "#!{0} -I\n".format(interpreter).encode("utf-8") + target.getvalue()
