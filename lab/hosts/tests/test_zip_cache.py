# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules out of a zip file: compiled once, and what runs is what was sent."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lab.hosts import zip_cache

SOURCE = "import sys\nVALUE = {}\ndef where():\n    return sys._getframe().f_code.co_filename\n"


def counted(directory: Path) -> tuple[list[str], object]:
    """A compiler with the cache before it, and the paths it really compiled."""
    compiled: list[str] = []

    def compile_source(pathname: str, source: bytes) -> object:
        compiled.append(pathname)
        return compile(source, pathname, "exec")

    return compiled, zip_cache.cached(compile_source, str(directory))  # type: ignore[arg-type]


def test_a_source_is_compiled_once_whatever_its_path(tmp_path: Path) -> None:
    compiled, load = counted(tmp_path)
    for path in ("/a.zip/m.py", "/b.zip/m.py"):
        names: dict[str, object] = {}
        exec(load(path, SOURCE.format(1).encode()), names)  # type: ignore[operator]
        assert (names["VALUE"], names["where"]()) == (1, path)  # type: ignore[operator]
    assert compiled == ["/a.zip/m.py"]


def test_another_source_at_the_same_path_is_compiled(tmp_path: Path) -> None:
    compiled, load = counted(tmp_path)
    for value in (1, 2):
        names: dict[str, object] = {}
        exec(load("/a.zip/m.py", SOURCE.format(value).encode()), names)  # type: ignore[operator]
        assert names["VALUE"] == value
    assert len(compiled) == 2


def test_a_damaged_entry_is_compiled_again(tmp_path: Path) -> None:
    compiled, load = counted(tmp_path)
    load("/a.zip/m.py", b"VALUE = 1\n")  # type: ignore[operator]
    for kept in tmp_path.iterdir():
        kept.write_bytes(kept.read_bytes()[:7])
    load("/a.zip/m.py", b"VALUE = 1\n")  # type: ignore[operator]
    assert len(compiled) == 2


def test_a_place_that_takes_nothing_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    compiled, load = counted(tmp_path / "file" / "below")
    for _ in range(2):
        load("/a.zip/m.py", b"VALUE = 1\n")  # type: ignore[operator]
    assert len(compiled) == 2


@pytest.mark.parametrize("module", ["ours", "ours_too"])
def test_the_interpreter_takes_it(tmp_path: Path, module: str) -> None:
    archive = tmp_path / "sent.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(f"{module}.py", "print('it runs')\n")
    script = (
        f"import sys; sys.path[:0] = [{str(Path(zip_cache.__file__).parent)!r}, {str(archive)!r}]; import zip_cache; "
    )
    script += f"zip_cache.install({str(tmp_path)!r}); import {module}"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "it runs\n"
    assert len(os.listdir(tmp_path / str(os.getuid()))) == 1
