# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the tarball to rows and back down, with the emulator's own server.

The tests of this file are steps of one life and run in order; each has its own name so that a failure says which step.
"""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from tools_life import LIMIT, PASSWORD, SID, Life
from tools_support import environment, recording

from tibero_emulator.tools import common

# One life of each version, each on one worker.
VERSIONS = ("7", "6")


@pytest.fixture(scope="module", params=VERSIONS)
def life(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    one = Life(tmp_path_factory.mktemp(f"life{request.param}"), request.param)
    yield one
    common.kill_recorded(one.ctx)


def test_01_gen_tip_writes_a_tip_that_boots(life: Life) -> None:
    life.configure(f'DB_CREATE_FILE_DEST="{life.home}/database/{SID}"')
    (life.home / "license" / "license.xml").unlink()


def test_02_without_a_licence_nothing_boots(life: Life) -> None:
    printed = life.run("tbboot", "nomount")
    assert "* ERROR: Can't open the license file!!" in printed
    assert not common.live_pids(life.ctx)
    life.license()


def test_03_nomount_as_recorded(life: Life) -> None:
    printed = life.run("tbboot", "nomount")
    recorded = recording(
        "t6-tbboot-nomount-createdb-normal" if life.version == "6" else "t7-tbboot-nomount-tas-and-tbsql-banner"
    )
    end = printed[printed.index("Listener port") :].replace(str(life.port), "8629" if life.version == "6" else "28629")
    assert end in recorded
    if life.version == "7":
        assert printed.startswith(f"Change core dump dir to {life.home}/bin/prof.\n")


def test_04_nomount_takes_ddl_only(life: Life) -> None:
    assert "TBR-12028" in life.sql("SELECT 1 FROM DUAL;")


def test_05_create_database_stops_the_instance(life: Life) -> None:
    printed = life.create_database(archivelog=life.version == "6")
    assert "Database created.\n\n" in printed
    assert printed.endswith("Disconnected.\n")
    assert life.down()
    assert "proc info file is deleted" in life.run("tbdown")
    assert (life.home / "database" / SID / ".passwd").exists()


def test_06_normal_boot_and_process_titles_as_recorded(life: Life) -> None:
    printed = life.run("tbboot")
    assert printed.endswith(f"{life.ctx.copyright}\nTibero instance started up (NORMAL mode).\n")
    titles = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    ours = [line.split(None, 1) for line in titles if line.endswith(f"-SVR_SID {SID}")]
    names = [args for _, args in ours]
    assert f"tbsvr          -t NORMAL -SVR_SID {SID}" in names
    wanted = re.findall(r"(tbsvr_\w+ +-t NORMAL)", recording("t7-ps-processes-and-v_instance"))
    shown = {args.split(" -SVR")[0] for args in names if args.startswith("tbsvr_")}
    assert shown <= set(wanted)
    assert {"tbsvr_MGWP     -t NORMAL", "tbsvr_AGNT     -t NORMAL", "tbsvr_DBWR     -t NORMAL"} <= shown
    assert [line for line in titles if re.search(r"\d tblistener", line)]


def test_07_a_second_boot_shows_the_living_process(life: Life) -> None:
    box = re.sub(r"\(\d+\)", "(16839)", life.run("tbboot"))
    assert box == recording("t7-tbboot-failed-already-running")


def test_08_system_script(life: Life) -> None:
    options = ["-p1", PASSWORD, "-p2", "syscat"]
    name = "system_install.sh"
    if life.version == "6":
        name = "system.sh"
        options += [word for n in range(1, 5) for word in (f"-a{n}", "y")]
    printed = life.run(name, *options)
    assert printed.endswith(f"Done.\nFor details, check {life.home}/instance/{SID}/log/system_init.log.\n")


def test_09_rows_of_an_ordinary_user(life: Life) -> None:
    printed = life.sql(
        "CREATE TABLE T1(C1 NUMBER, C2 VARCHAR(10)) ;",
        "INSERT INTO T1 SELECT LEVEL, 'row' FROM DUAL CONNECT BY LEVEL <= 4;",
        "COMMIT;",
        "SELECT * FROM T1 ORDER BY C1;",
        "SELECT * FROM T1 WHERE C1 > 10;",
        login="tibero/tmax",
    )
    assert "Table 'T1' created.\n\n" in printed
    assert "4 rows inserted.\n\n" in printed
    assert "Commit completed.\n\n" in printed
    assert "        C1 C2\n---------- ----------\n         1 row\n" in printed
    assert "4 rows selected.\n\n" in printed
    assert "SQL> 0 row selected.\n\n" in printed


def test_10_v_instance_folds_as_recorded(life: Life) -> None:
    shown = life.sql("SELECT * FROM V$INSTANCE;")
    heading = recording("t7-tbsql-v_instance").split("v$instance;\n")[1].split("              0 tib")[0]
    if life.version == "7":
        assert heading in shown
    assert "\n\n\n1 row selected.\n\n" in shown
    assert life.value("STATUS || '>>' FROM V$INSTANCE") == "NORMAL"
    assert life.value("LOG_MODE || '>>' FROM V$DATABASE") == ("ARCHIVELOG" if life.version == "6" else "NOARCHIVELOG")


def test_11_wrong_logins(life: Life) -> None:
    assert "TBR-17001: Login failed" in life.run("tbsql", "sys/wrong")
    path = life.home / "client" / "config" / "tbdsn.tbr"
    with path.open("a") as stream:
        stream.write(f"bad=((INSTANCE=(HOST=127.0.0.1)(PORT={life.port})(DB_NAME=other)))\n")
        stream.write(f"{SID}_SP=((INSTANCE=(HOST=127.0.0.1)(PORT={life.port + 1})(DB_NAME={SID})))\n")
        stream.write("nobody=((INSTANCE=(HOST=127.0.0.1)(PORT=1)(DB_NAME=x)))\n")
    assert "TBR-12079" in life.run("tbsql", f"sys/{PASSWORD}@bad")
    assert "TBR-2131: Generic I/O error." in life.run("tbsql", f"sys/{PASSWORD}@nobody")
    assert "Connected to Tibero." in life.run("tbsql", f"sys/{PASSWORD}@{SID}_SP")


def servers() -> list[int]:
    """Every process on this machine that says of itself that it serves this TB_SID, whatever the emulator's own records say."""
    numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [number for number in numbers if common.command_line(number).split()[-2:] == ["-SVR_SID", SID]]


def test_12_normal_stop_waits_for_logins_and_immediate_does_not(life: Life) -> None:
    client = subprocess.Popen(
        [str(life.home / "client" / "bin" / "tbsql"), "tibero/tmax"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(life.home, SID, PYTHONPATH=""),
        text=True,
    )
    assert client.stdout
    assert client.stdin
    while "Connected" not in client.stdout.readline():
        pass
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(
            [str(life.home / "bin" / "tbdown")],
            env=environment(life.home, SID, PYTHONPATH=""),
            stdout=subprocess.DEVNULL,
            timeout=2,
            check=False,
        )
    assert common.live_pids(life.ctx) and servers()
    assert life.run("tbdown", "immediate") == "Tibero instance terminated (IMMEDIATE mode).\n"
    assert life.down()
    client.stdin.close()
    client.wait(10)
    client.stdout.close()
    assert not common.leftovers(life.ctx)
    assert not servers()


def test_13_a_pipe_on_tbboot_stays_open_while_the_instance_lives(life: Life) -> None:
    process = subprocess.Popen(
        [str(life.home / "bin" / "tbboot")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment(life.home, SID, PYTHONPATH=""),
    )
    assert process.stdout
    process.wait(LIMIT)
    text, deadline = b"", time.monotonic() + 10
    while b"started up" not in text and time.monotonic() < deadline:
        text += os.read(process.stdout.fileno(), 4096)
    ready, _, _ = select.select([process.stdout], [], [], 0.5)
    assert not ready, "end of file although the server lives"
    assert life.run("tbdown") == "Tibero instance terminated (NORMAL mode).\n"
    assert select.select([process.stdout], [], [], LIMIT)[0]
    assert process.stdout.read() == b""
    process.stdout.close()


def test_14_after_a_crash_garbage_then_clean_then_all_committed_rows(life: Life) -> None:
    life.run("tbboot")
    life.sql("INSERT INTO T1 VALUES (99, 'kept');", "COMMIT;", login="tibero/tmax")
    assert common.kill_recorded(life.ctx)
    assert "* Garbage files have not been deleted." in life.run("tbboot")
    assert "tbsvr" not in life.run("tbdown", "clean", typed="y\n")
    assert life.run("tbboot").endswith("Tibero instance started up (NORMAL mode).\n")
    assert life.value("COUNT(*) || '>>' FROM T1", login="tibero/tmax") == "5"


def test_15_abnormal_kills_and_auto_clean_boots(life: Life) -> None:
    assert life.run("tbdown", "abnormal") == "Tibero instance terminated (ABNORMAL mode).\n"
    path = life.home / "config" / f"{SID}.tip"
    kept = path.read_text()
    path.write_text(kept + "BOOT_WITH_AUTO_DOWN_CLEAN=Y\n")
    printed = life.run("tbboot")
    path.write_text(kept)
    assert '\n"tbdown clean" is executed automatically.\n\n' in printed
    assert printed.endswith("(NORMAL mode).\n")
    assert life.run("tbdown", "-t", "IMMEDIATE") == "Tibero instance terminated (IMMEDIATE mode).\n"


def test_16_a_taken_listener_port_refuses_the_boot(life: Life) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("0.0.0.0", life.port))
        taken.listen(1)
        printed = life.run("tbboot")
    assert f"Fail to listen port[{life.port}]" in printed
    assert printed.endswith("Tibero instance startup failed!\n")
    assert life.down()
    assert not common.leftovers(life.ctx)


def test_17_recovery_boot_of_a_primary_is_refused_and_leaves_it_usable(life: Life) -> None:
    assert "TBR-1127" in life.run("tbboot", "-t", "RECOVERY")
    if common.live_pids(life.ctx):
        life.run("tbdown", "immediate")
        assert life.down()
    assert life.run("tbboot", "mount").endswith("Tibero instance started up (MOUNT mode).\n")
    assert "System altered." not in life.sql("ALTER DATABASE ARCHIVELOG;")
    assert life.run("tbdown").startswith("Tibero instance terminated")
    assert life.run("tbboot").endswith("(NORMAL mode).\n")
    listed = life.sql("ARCHIVE LOG LIST;")
    assert "Database log mode               Archive Mode\n" in listed
    assert life.run("tbdown", "immediate").startswith("Tibero instance terminated")
