"""The record of a run: what git, the data and the machine say of it, and what the server is told."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import types
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

from slipway import record

PYTHON = Path(__file__).resolve().parents[1]


def sha256(data: bytes) -> str:
    """A digest as blobs are named."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


class GitCase(unittest.TestCase):
    """The state of a repository, told apart in every way that it can differ."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        self.folder = Path(holder.name)
        os.chdir(self.folder)

    def git(self, *arguments: str) -> str:
        """Git as a user runs it, without the settings of this machine."""
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=trunk", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *who, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    def commit(self) -> str:
        """A repository with one file and one commit; its hash."""
        self.git("init", "--quiet")
        (self.folder / "train.py").write_text("print(1)\n")
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", "first")
        return self.git("rev-parse", "HEAD")

    def test_a_clean_commit(self) -> None:
        head = self.commit()
        self.assertEqual(record.git_facts(), ({"commit": head, "branch": "trunk"}, b""))

    def test_a_change_is_a_patch_that_can_be_applied(self) -> None:
        self.commit()
        (self.folder / "train.py").write_text("print(2)\n")
        (self.folder / "binary").write_bytes(bytes(range(256)))
        self.git("add", "binary")
        facts, patch = record.git_facts()
        self.assertEqual((facts["patch"], facts["patch_bytes"]), (sha256(patch), len(patch)))
        self.git("stash", "--quiet")
        subprocess.run(["git", "apply"], input=patch, check=True)
        self.assertEqual((self.folder / "train.py").read_text(), "print(2)\n")
        self.assertEqual((self.folder / "binary").read_bytes(), bytes(range(256)))

    def test_files_that_git_does_not_know_are_named_ignored_ones_are_not(self) -> None:
        self.commit()
        (self.folder / ".gitignore").write_text("secret\n")
        (self.folder / "secret").write_text("x")
        (self.folder / "new.py").write_text("x")
        facts, patch = record.git_facts()
        self.assertEqual((facts["untracked"], patch), ([".gitignore", "new.py"], b""))

    def test_a_detached_head_and_a_folder_below(self) -> None:
        head = self.commit()
        self.git("checkout", "--quiet", "--detach")
        (self.folder / "below").mkdir()
        os.chdir(self.folder / "below")
        self.assertEqual(record.git_facts()[0], {"commit": head, "branch": "HEAD"})

    def test_no_repository_no_commit_no_git(self) -> None:
        with mock.patch.dict(os.environ, {"GIT_CEILING_DIRECTORIES": str(self.folder.parent)}):
            self.assertEqual(record.git_facts(), ({}, b""))
        self.git("init", "--quiet")
        self.assertEqual(record.git_facts(), ({}, b""))
        with mock.patch.dict(os.environ, {"PATH": "/nowhere"}):
            self.assertEqual(record.git("version"), b"")


class FactsCase(unittest.TestCase):
    """Data, packages, machine."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def test_the_digest_of_a_file_is_that_of_its_bytes(self) -> None:
        data = bytes(range(256)) * 20_000  # more than one read
        (self.folder / "f").write_bytes(data)
        self.assertEqual(record.digest_of_path(str(self.folder / "f")), sha256(data))

    def test_the_digest_of_a_folder_hangs_on_names_and_contents_alone(self) -> None:
        for name, text in (("b", "2"), ("a/c", "1"), ("a/b", "3")):
            path = self.folder / "one" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        wanted = sha256("\n".join([f"b {sha256(b'2')}", f"a/b {sha256(b'3')}", f"a/c {sha256(b'1')}"]).encode())
        self.assertEqual(record.digest_of_path(str(self.folder / "one")), wanted)
        (self.folder / "one").rename(self.folder / "two")
        os.utime(self.folder / "two" / "b", (0, 0))
        self.assertEqual(record.digest_of_path(str(self.folder / "two")), wanted)
        (self.folder / "two" / "b").rename(self.folder / "two" / "bb")
        self.assertNotEqual(record.digest_of_path(str(self.folder / "two")), wanted)

    def test_missing_data_is_an_error(self) -> None:
        with self.assertRaises(FileNotFoundError):
            record.collect([str(self.folder / "gone")], None)

    def test_packages_have_one_name_and_one_digest(self) -> None:
        for name in ("Some_Package.Name-1.0", "other-2.0"):
            info = self.folder / f"{name}.dist-info"
            info.mkdir()
            package, version = name.rsplit("-", 1)
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        with mock.patch.object(sys, "path", [str(self.folder)]):
            self.assertEqual(record.environment(), {"some-package-name": "1.0", "other": "2.0"})
            facts, _ = record.collect([], 3)
        self.assertEqual(facts["environment_digest"], sha256(b"other==2.0\nsome-package-name==1.0"))
        self.assertEqual((facts["seed"], facts["data"]), (3, {}))
        self.assertGreaterEqual(facts["hardware"]["cores"], 1)


class TrackingServer(ThreadingHTTPServer):
    """Keeps what it is sent and answers as the tracking server does."""

    def __init__(self, artifacts: str = "mlflow-artifacts:/7/r1/artifacts") -> None:
        super().__init__(("127.0.0.1", 0), TrackingHandler)
        self.calls: list[tuple[str, str, bytes, str | None]] = []
        self.artifacts = artifacts
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def bodies(self, path: str) -> list[Any]:
        """The JSON that was posted to a method."""
        return [json.loads(body) for _, found, body, _ in self.calls if found.endswith(path)]


class TrackingHandler(BaseHTTPRequestHandler):
    """One call of the protocol."""

    def answer(self) -> None:
        """Notes the call and answers with one run for all."""
        server = self.server
        assert isinstance(server, TrackingServer)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.calls.append((self.command, self.path, body, self.headers.get("Authorization")))
        text = json.dumps({"run": {"info": {"run_id": "r1", "artifact_uri": server.artifacts}}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""


class ServerCase(unittest.TestCase):
    """What is sent, to which run."""

    def setUp(self) -> None:
        self.server = self.serve()
        self.env = {"MLFLOW_TRACKING_URI": self.server.url + "/", "MLFLOW_TRACKING_TOKEN": "t"}

    def serve(self, **options: str) -> TrackingServer:
        """A server that ends with the test."""
        server = TrackingServer(**options)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def record(self, **env: str) -> str:
        """Records this process."""
        with mock.patch.dict(os.environ, {**self.env, **env}):
            return record.record(data=[__file__], seed=7, run_id=env.get("RUN"))

    def test_tags_record_and_patch_go_to_the_run_that_was_named(self) -> None:
        facts = {
            "git": {"commit": "c" * 40, "branch": "b", "patch": "sha256:p"},
            "environment_digest": "e",
            "data": {"d": "sha256:x"},
            "argv": ["a" * 6000],
            "python": "3",
            "hardware": {},
        }
        with mock.patch.object(record, "collect", return_value=(facts, b"x" * (2 << 20))):
            self.assertEqual(self.record(RUN="r9"), "r9")
        (batch,) = self.server.bodies("runs/log-batch")
        tags = {pair["key"]: pair["value"] for pair in batch["tags"]}
        self.assertEqual((batch["run_id"], tags["slipway.record.commit"], tags["slipway.record.seed"]), ("r9", "c" * 40, "7"))
        self.assertEqual(len(tags["slipway.record.argv"]), 5000)
        puts = {path.rpartition("/artifacts/")[2]: body for method, path, body, _ in self.server.calls if method == "PUT"}
        self.assertEqual(set(puts), {"slipway/record.json", "slipway/patch.diff"})
        self.assertEqual((json.loads(puts["slipway/record.json"]), len(puts["slipway/patch.diff"])), (facts, 1 << 20))
        self.assertEqual({authorization for *_, authorization in self.server.calls}, {"Bearer t"})
        self.assertTrue(all(path.startswith("/api/2.0/mlflow") for _, path, _, _ in self.server.calls))

    def test_empty_facts_are_no_tags_and_artifacts_elsewhere_are_left_alone(self) -> None:
        self.server = self.serve(artifacts="s3://bucket/x")
        self.env["MLFLOW_TRACKING_URI"] = self.server.url
        with mock.patch.object(record, "git_facts", return_value=({}, b"")):
            self.record(RUN="r9")
        (batch,) = self.server.bodies("runs/log-batch")
        self.assertNotIn("slipway.record.commit", {pair["key"] for pair in batch["tags"]})
        self.assertEqual([method for method, *_ in self.server.calls], ["POST", "GET"])

    def test_the_run_is_mlflows_then_the_environments(self) -> None:
        active = types.SimpleNamespace(info=types.SimpleNamespace(run_id="active"))
        with mock.patch.dict(os.environ, {"MLFLOW_RUN_ID": "named"}):
            with mock.patch.dict(sys.modules, {"mlflow": types.SimpleNamespace(active_run=lambda: active)}):
                self.assertEqual(record.active_run(), "active")
            with mock.patch.dict(sys.modules, {"mlflow": types.SimpleNamespace(active_run=lambda: None)}):
                self.assertEqual(record.active_run(), "named")

    def test_an_address_that_is_none_is_refused(self) -> None:
        for address in ("", "file:///tmp", "databricks"):
            with mock.patch.dict(os.environ, {"MLFLOW_TRACKING_URI": address}), self.assertRaisesRegex(ValueError, "expected http"):
                record.Server()

    def run_module(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`python -m slipway.record` in a folder with two scripts."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "good.py").write_text("import beside, sys\nprint(beside.NAME, sys.argv[1:], __name__)\n")
            (Path(folder) / "beside.py").write_text("NAME = 'beside'\n")
            (Path(folder) / "bad.py").write_text("raise ValueError('bad')\n")
            env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PYTHON), "PYTHONDONTWRITEBYTECODE": "1", **self.env}
            env["MLFLOW_EXPERIMENT_ID"] = "7"
            command = [sys.executable, "-m", "slipway.record", *arguments]
            return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)

    def test_a_script_runs_as_it_would_alone_and_its_run_is_finished(self) -> None:
        done = self.run_module("--data", "good.py", "--seed", "3", "good.py", "--data", "x")
        self.assertEqual((done.returncode, done.stdout), (0, "beside ['--data', 'x'] __main__\n"), done.stderr)
        self.assertEqual(self.server.bodies("runs/create")[0]["experiment_id"], "7")
        (ended,) = self.server.bodies("runs/update")
        started = self.server.bodies("runs/create")[0]["start_time"]
        self.assertLess(abs(started - 1000 * time.time()), 120_000)
        self.assertLess(started, ended["end_time"])
        self.assertLess(ended["end_time"], 1000 * time.time() + 1)
        self.assertEqual((ended["run_id"], ended["status"]), ("r1", "FINISHED"))
        (batch,) = self.server.bodies("runs/log-batch")
        tags = {pair["key"]: pair["value"] for pair in batch["tags"]}
        self.assertEqual(tags["slipway.record.argv"], '["good.py", "--data", "x"]')
        self.assertEqual((tags["slipway.record.seed"], list(json.loads(tags["slipway.record.data"]))), ("3", ["good.py"]))

    def test_a_script_that_raises_has_a_failed_run(self) -> None:
        done = self.run_module("bad.py")
        self.assertEqual(done.returncode, 1)
        self.assertIn("ValueError: bad", done.stderr)
        self.assertEqual(self.server.bodies("runs/update")[0]["status"], "FAILED")

    def test_without_a_script_it_says_how(self) -> None:
        for arguments in ([], ["--seed"], ["--seed", "3"]):
            done = self.run_module(*arguments)
            self.assertEqual(done.returncode, 1)
        self.assertIn("usage: python -m slipway.record", done.stderr)


if __name__ == "__main__":
    unittest.main()
