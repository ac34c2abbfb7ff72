"""What is noted of a step's reads, and what is not: its own files, those of Python and of its environment."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import socket
import sqlite3
import sys
import tempfile
import textwrap
import time
from typing import Any

from slipway.step.reads import collect
from tests.step.attempt import AttemptCase


class ReadsCase(AttemptCase):
    """A step with a folder outside of its project."""

    def setUp(self) -> None:
        super().setUp()
        self.elsewhere = tempfile.TemporaryDirectory()
        self.outside = pathlib.Path(self.elsewhere.name)
        self.data = self.outside / "rows.csv"
        self.data.write_text("a\n1\n")
        (self.dir / "tmp").mkdir()
        (self.dir / "in").mkdir()
        time.sleep(0.05)

    def tearDown(self) -> None:
        self.elsewhere.cleanup()
        super().tearDown()

    def reads(self, code: str, **changes: Any) -> list[tuple[str, str]]:
        """What the exit file says that a step has read, as kind and name; the step has to succeed."""
        end = self.run_step(code, **changes)
        self.assertEqual(end["class"], "ok", end["message"] + self.log())
        return [(read["kind"], read["name"]) for read in end["reads"]]

    def test_a_file_outside_with_its_digest(self) -> None:
        end = self.run_step(f"def main(): open({str(self.data)!r}).read()")
        digest = f"sha256:{hashlib.sha256(self.data.read_bytes()).hexdigest()}"
        self.assertEqual(end["reads"], [{"kind": "file", "name": str(self.data), "digest": digest}])

    def test_each_file_once_however_it_is_opened(self) -> None:
        code = f"""
            import os, pathlib, shutil
            def main():
                path = {str(self.data)!r}
                for _ in range(3): open(path).read()
                pathlib.Path(path).read_bytes(); os.close(os.open(path, os.O_RDONLY)); open(path.encode()); open(path, "r+")
                shutil.copy(path, "copy")
            """
        self.assertEqual(self.reads(code), [("file", str(self.data))])

    def test_by_way_of_a_link_and_of_another_folder(self) -> None:
        code = f"""
            import os
            def main():
                os.symlink({str(self.data)!r}, "link"); open("link")
                os.chdir({str(self.outside)!r}); open("rows.csv")
            """
        self.assertEqual(self.reads(code), [("file", str(self.data))])

    def test_what_the_user_has_by_way_of_the_home_folder_of_the_attempt(self) -> None:
        home = self.dir / "home"
        (home / ".cache").mkdir(parents=True)
        (home / "rows.csv").symlink_to(self.data)
        code = f"""
            def main():
                open({str(home / "rows.csv")!r})
                open({str(home / ".cache/x")!r}, "w").close(); open({str(home / ".cache/x")!r})
            """
        self.assertEqual(self.reads(code, home=str(home)), [("file", str(self.data))])

    def test_nothing_of_python_the_system_and_its_own_files(self) -> None:
        (self.dir / "in" / "table").write_text("1")
        (self.dir / "work" / "data.txt").write_text("1")
        code = """
            import asyncio, concurrent.futures, ctypes.util, decimal, email, getpass, glob, importlib.metadata, json, locale, logging
            import mimetypes, multiprocessing, os, pathlib, platform, random, socket, sqlite3, ssl, subprocess, tempfile, unittest, uuid
            import xml.dom.minidom, zoneinfo
            def main(table):
                mimetypes.guess_type("a.csv"); zoneinfo.ZoneInfo("Europe/Berlin"); ssl.create_default_context(); platform.platform()
                list(importlib.metadata.distributions()); ctypes.util.find_library("c"); os.urandom(4); getpass.getuser()
                locale.setlocale(locale.LC_ALL, ""); logging.warning("x"); subprocess.run(["true"]); socket.gethostname()
                table.read_text(); open("data.txt").read(); glob.glob("*"); open("/proc/self/status").read(); open("/dev/null").read()
                made = tempfile.NamedTemporaryFile("w+"); made.write("x"); made.flush(); open(made.name).read()
                open("made.txt", "w").write("x"); open("made.txt").read(); sqlite3.connect("own.db"); sqlite3.connect(":memory:")
                with concurrent.futures.ThreadPoolExecutor() as pool: list(pool.map(str, range(3)))
                with multiprocessing.get_context("spawn").Pool(1) as pool: pool.map(str, range(3))
                server = socket.create_server(("127.0.0.1", 0)); socket.create_connection(server.getsockname())
                try: open("/no/such/file")
                except OSError: pass
            """
        changes = {"inputs": {"table": str(self.dir / "in" / "table")}}
        self.assertEqual(self.reads(code, **changes), [])

    def test_what_the_step_made_outside_is_its_own(self) -> None:
        code = f"""
            import os, pathlib, subprocess
            def main():
                folder = pathlib.Path({str(self.outside)!r}) / "made"; folder.mkdir()
                (folder / "a").write_text("x"); (folder / "a").read_text()
                os.rename(folder / "a", folder / "b"); (folder / "b").read_text()
                subprocess.run(["cp", "job.py", str(folder / "c")]); (folder / "c").read_text(); os.listdir(folder)
            """
        self.assertEqual(self.reads(code), [])

    def test_databases_folders_and_the_arguments_of_programs(self) -> None:
        database, other = self.outside / "rows.db", self.outside / "other.db"
        for path in (database, other):
            sqlite3.connect(path).execute("CREATE TABLE t (a)").connection.close()
        time.sleep(0.05)
        code = f"""
            import os, sqlite3, subprocess
            def main():
                sqlite3.connect({str(database)!r}); sqlite3.connect("file:{other}?mode=ro", uri=True)
                os.listdir({str(self.outside)!r}); subprocess.run(["cat", {str(self.data)!r}])
            """
        expected = [("database", str(other)), ("database", str(database)), ("file", str(self.data)), ("folder", str(self.outside))]
        self.assertEqual(self.reads(code), expected)

    def test_files_that_a_command_of_a_shell_names(self) -> None:
        names = [self.outside / f"rows.{n}" for n in range(5)]
        for name in names:
            name.write_text("x")
        time.sleep(0.05)
        code = f"""
            import os, subprocess
            A, B, C, D, E = {[str(name) for name in names]!r}
            def main():
                subprocess.run("cat " + A, shell=True)
                subprocess.run(["bash", "-c", f"X={{B}}; cat <{{C}} '{{D}}' | wc -l"])
                os.system("cat /nowhere/at/all; cat " + E)
            """
        self.assertEqual(self.reads(code), [("file", str(name)) for name in names])

    def test_a_program_whose_first_argument_is_not_there(self) -> None:
        code = f"""
            import subprocess
            def main(): subprocess.run(["cat", "/nowhere/at/all", {str(self.data)!r}])
            """
        self.assertEqual(self.reads(code), [("file", str(self.data))])

    def test_what_lies_in_the_log_of_a_database_alone_changes_its_digest(self) -> None:
        path = self.outside / "rows.db"
        with contextlib.closing(sqlite3.connect(path)) as writer:
            writer.execute("PRAGMA journal_mode=wal")
            writer.execute("CREATE TABLE t (a)")
            time.sleep(0.05)
            code = f"""
                import sqlite3
                def main(): sqlite3.connect({str(path)!r}).execute("SELECT * FROM t").fetchall()
                """
            first = self.run_step(code)["reads"]
            self.assertEqual(self.run_step(code)["reads"], first, "nothing was written")
            writer.execute("INSERT INTO t VALUES (1)")
            writer.commit()
            self.assertNotEqual(self.run_step(code)["reads"], first)

    def test_the_network_but_not_the_tracking_server(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as low:
            port = next(port for port in range(20_000, 32_000) if low.connect_ex(("127.0.0.1", port)) != 0)
            low.close()
            code = f"""
                import os, socket
                def main():
                    os.environ["X"] = "y"
                    for port in ({port}, {server.getsockname()[1]}):
                        try: socket.create_connection(("localhost", port), timeout=2)
                        except OSError: pass
                """
            self.assertEqual(self.reads(code), [("network", f"localhost:{port}")])

    def test_processes_that_it_forks_and_starts(self) -> None:
        (self.dir / "work" / "inner.py").write_text("import sys; open(sys.argv[1] + '.2').read()\n")
        (self.outside / "rows.csv.2").write_text("x")
        (self.outside / "rows.csv.3").write_text("x")
        time.sleep(0.05)
        code = f"""
            import multiprocessing, os, pathlib, subprocess, sys
            PATH = {str(self.data)!r}
            def read(path): open(path).read()
            def main():
                if os.fork() == 0:
                    read(PATH); os._exit(0)
                os.wait()
                subprocess.run([sys.executable, "inner.py", PATH], check=True)
                with multiprocessing.get_context("spawn").Pool(1) as pool: pool.map(read, [PATH + ".3"])
            """
        expected = [("file", str(self.data)), ("file", f"{self.data}.2"), ("file", f"{self.data}.3")]
        self.assertEqual(self.reads(code), expected)

    def test_a_command_of_python_and_one_of_another_kind(self) -> None:
        (self.dir / "work" / "sitecustomize.py").write_text("import builtins; builtins.OWN = 1\n")
        (self.dir / "work" / "x.py").write_text(f"import sys; print(OWN, sys.path); open({str(self.data)!r}).read()\n")
        self.assertEqual(self.reads("", entry=[sys.executable, "x.py"]), [("file", str(self.data))])
        self.assertNotIn("step/site", self.log(), "the program does not see how it is watched")
        (self.dir / "said" / "reads").unlink()
        self.assertIsNone(self.run_step("", entry=["cat", str(self.data)])["reads"], "nobody watched")

    def test_files_of_the_project_that_the_key_does_not_hold(self) -> None:
        for name in ("held.py", "unheld.py", "also.py"):
            (self.dir / "work" / name).write_text("")
        code = """
            import held, unheld
            def main(): open("also.py", "w").write(""); open("also.py").read()
            """
        self.assertEqual(self.reads(code, unheld=["unheld.py", "also.py", "never.py"]), [("project", "unheld.py")])

    def test_a_step_that_fails_or_is_killed_has_its_reads(self) -> None:
        for ending in ("raise ValueError", "__import__('os')._exit(3)", "__import__('os').kill(__import__('os').getpid(), 9)"):
            with self.subTest(ending):
                end = self.run_step(f"def main():\n    open({str(self.data)!r}).read()\n    {ending}")
                self.assertEqual([read["name"] for read in end["reads"]], [str(self.data)])

    def test_many_and_large_files(self) -> None:
        large = self.outside / "large"
        with large.open("wb") as file:
            file.truncate(65 * 2**20)
        for number in range(300):
            (self.outside / f"z{number:03}").write_text("")
        time.sleep(0.05)
        code = f"""
            import pathlib
            def main():
                for path in pathlib.Path({str(self.outside)!r}).iterdir(): open(path).read(1)
            """
        end = self.run_step(textwrap.dedent(code))
        self.assertEqual(len(end["reads"]), 200)
        found = {read["name"]: read["digest"] for read in end["reads"]}
        self.assertRegex(found[str(large)], r"^size 68157440 changed \d+$")

    def test_what_is_noted_is_only_the_word_of_the_code(self) -> None:
        hidden = self.dir / "hidden"
        hidden.mkdir()
        (hidden / "token").write_text("secret")
        (self.dir / "way").symlink_to(hidden)
        os.mkfifo(self.dir / "pipe")
        names = [str(hidden / "token"), str(self.dir / "way" / "token"), str(self.dir / "pipe"), str(self.data)]
        forged = ["[1]", "[]", '["file", 7]', '["file", ["x"]]', '[["file"], "x"]', '["other", "x"]', "null", '["file", "a\\u0000b"]']
        forged.append("[" * 9999 + "]")
        lines = [json.dumps(["file", name]) for name in names] + forged
        (self.dir / "said" / "reads").write_text("\n".join(lines) + "\n")
        found = {read["name"]: read["digest"] for read in collect(str(self.dir), [str(hidden)]) or []}
        digest = f"sha256:{hashlib.sha256(self.data.read_bytes()).hexdigest()}"
        self.assertEqual(found, {**dict.fromkeys(names[:3]), names[3]: digest})
        (self.dir / "said" / "reads").unlink()
        (self.dir / "said" / "reads").symlink_to(hidden / "token")
        self.assertIsNone(collect(str(self.dir), []), "a link is no file of ours")
