"""Records where a run comes from: code, patch, environment, data, seed, arguments and machine; standard library only.

One line in a script that uses mlflow: ``import slipway.record; slipway.record.record(data=["train.csv"], seed=7)``; or no line at
all: ``python -m slipway.record [--data PATH ...] [--seed N] script.py ARGUMENT...``. The run is the one that mlflow has
active, else the one that ``MLFLOW_RUN_ID`` names, else a new one, closed when the process ends.

Small facts become tags ``slipway.record.*``; long ones become the artifacts ``slipway/record.json`` and
``slipway/patch.diff``.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.metadata
import json
import os
import platform
import runpy
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from typing import Any

#: Bytes of the patch that are kept; a longer one is cut, and its digest is of all of it.
PATCH_BYTES = 1024 * 1024
#: Characters of a tag.
TAG_CHARS = 5000


def record(data: list[str] | None = None, seed: int | None = None, run_id: str | None = None) -> str:
    """Records this process in a run of the server that MLFLOW_TRACKING_URI names. Returns the run's id."""
    facts, patch = collect(data or [], seed)
    server = Server()
    run_id = run_id or active_run() or server.new_run()
    tags = {
        "slipway.record.commit": facts["git"].get("commit", ""),
        "slipway.record.branch": facts["git"].get("branch", ""),
        "slipway.record.patch": facts["git"].get("patch", ""),
        "slipway.record.environment": facts["environment_digest"],
        "slipway.record.data": json.dumps(facts["data"], sort_keys=True),
        "slipway.record.seed": "" if seed is None else str(seed),
        "slipway.record.argv": json.dumps(facts["argv"]),
        "slipway.record.python": facts["python"],
        "slipway.record.hardware": json.dumps(facts["hardware"], sort_keys=True),
    }
    pairs = [{"key": key, "value": value[:TAG_CHARS]} for key, value in tags.items() if value]
    server.post("runs/log-batch", {"run_id": run_id, "tags": pairs})
    root = server.post("runs/get?" + urllib.parse.urlencode({"run_id": run_id}), None)["run"]["info"]["artifact_uri"]
    server.put(root, "slipway/record.json", json.dumps(facts, indent=1, sort_keys=True).encode())
    if patch:
        server.put(root, "slipway/patch.diff", patch[:PATCH_BYTES])
    return run_id


def collect(data: list[str], seed: int | None) -> tuple[dict[str, Any], bytes]:
    """The facts as JSON, and the patch. Nothing is sent."""
    git, patch = git_facts()
    packages = environment()
    lines = "\n".join(f"{name}=={version}" for name, version in sorted(packages.items()))
    facts = {
        "git": git,
        "packages": packages,
        "environment_digest": digest(lines.encode()),
        "data": {path: digest_of_path(path) for path in data},
        "seed": seed,
        "argv": list(sys.argv),
        "python": platform.python_version(),
        "hardware": hardware(),
    }
    return facts, patch


def git_facts() -> tuple[dict[str, Any], bytes]:
    """Commit, branch and the digest of what differs from the commit; empty outside a repository or without git."""
    commit = git("rev-parse", "HEAD").decode().strip()
    if not commit:
        return {}, b""
    patch = git("diff", "--binary", "HEAD")
    facts: dict[str, Any] = {"commit": commit, "branch": git("rev-parse", "--abbrev-ref", "HEAD").decode().strip()}
    if patch:
        facts["patch"] = digest(patch)
        facts["patch_bytes"] = len(patch)
    untracked = git("ls-files", "--others", "--exclude-standard").decode(errors="replace").splitlines()
    if untracked:
        facts["untracked"] = untracked[:1000]
    return facts, patch


def git(*arguments: str) -> bytes:
    """The output of git, or nothing when it fails."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""


def environment() -> dict[str, str]:
    """Installed distributions by their normalised name."""
    found: dict[str, str] = {}
    for one in importlib.metadata.distributions():
        name = one.metadata["Name"]
        if name:
            found.setdefault(name.lower().replace("_", "-").replace(".", "-"), one.version)
    return found


def hardware() -> dict[str, Any]:
    """What the machine is: processor, cores, bytes of memory, system."""
    facts = {"machine": platform.machine(), "system": platform.system(), "cores": os.cpu_count()}
    try:
        facts["memory_bytes"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        if models:
            facts["processor"] = models[0]
    except (OSError, ValueError):
        pass
    return facts


def digest(data: bytes) -> str:
    """The digest as blobs are named."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_of_path(path: str) -> str:
    """The digest of a file, or of a folder: of its files' names and digests in order."""
    if os.path.isdir(path):
        lines = []
        for folder, folders, files in os.walk(path):
            folders.sort()
            for name in sorted(files):
                full = os.path.join(folder, name)
                lines.append(f"{os.path.relpath(full, path)} {digest_of_path(full)}")
        return digest("\n".join(lines).encode())
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return "sha256:" + found.hexdigest()


def active_run() -> str | None:
    """The run that mlflow has active in this process, else the one that the environment names."""
    mlflow = sys.modules.get("mlflow")
    run = mlflow.active_run() if mlflow is not None else None
    return run.info.run_id if run is not None else os.environ.get("MLFLOW_RUN_ID") or None


class Server:
    """The few calls of the MLflow protocol that are needed."""

    def __init__(self) -> None:
        self.url = os.environ.get("MLFLOW_TRACKING_URI", "").rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"MLFLOW_TRACKING_URI is {self.url!r}; expected http://... or https://...")
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def post(self, call: str, body: dict[str, Any] | None) -> dict[str, Any]:
        """Calls one method: POST with a body, GET without."""
        data = None if body is None else json.dumps(body).encode()
        return json.loads(self.send(f"{self.url}/api/2.0/mlflow/{call}", data, "GET" if body is None else "POST"))

    def put(self, root: str, path: str, data: bytes) -> None:
        """Stores an artifact of a run whose artifacts the server keeps."""
        if not root.startswith("mlflow-artifacts:"):
            return
        place = root.split(":", 1)[1].lstrip("/")
        self.send(f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{place}/{path}", data, "PUT")

    def new_run(self) -> str:
        """A run in the experiment that MLFLOW_EXPERIMENT_ID names, ended when the process ends."""
        experiment = os.environ.get("MLFLOW_EXPERIMENT_ID", "0")
        run = self.post("runs/create", {"experiment_id": experiment, "start_time": int(time.time() * 1000)})
        run_id = run["run"]["info"]["run_id"]
        os.environ["MLFLOW_RUN_ID"] = run_id
        atexit.register(self.finish, run_id)
        return run_id

    def finish(self, run_id: str) -> None:
        """Ends a run: FAILED when the process ends by an exception that nothing caught."""
        failed = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
        ending = {"run_id": run_id, "status": "FAILED" if failed else "FINISHED", "end_time": int(time.time() * 1000)}
        self.post("runs/update", ending)

    def send(self, url: str, data: bytes | None, method: str) -> bytes:
        """Sends a request and returns the body. Raises urllib.error.HTTPError."""
        headers = {**self.headers, "Content-Type": "application/json" if method == "POST" else "application/octet-stream"}
        with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers, method=method), timeout=30) as reply:
            return reply.read()


def main(argv: list[str]) -> None:
    """``[--data PATH ...] [--seed N] script.py ARGUMENT...``"""
    data: list[str] = []
    seed: int | None = None
    rest = argv[1:]
    while len(rest) >= 2 and rest[0] in ("--data", "--seed"):
        if rest[0] == "--data":
            data.append(rest[1])
        else:
            seed = int(rest[1])
        rest = rest[2:]
    if not rest:
        raise SystemExit("usage: python -m slipway.record [--data PATH ...] [--seed N] script.py ARGUMENT...")
    sys.argv = rest
    sys.path.insert(0, os.path.dirname(os.path.abspath(rest[0])))
    record(data, seed)
    try:
        runpy.run_path(rest[0], run_name="__main__")
    except BaseException as error:
        if not (isinstance(error, SystemExit) and error.code in (None, 0)):
            sys.last_value = error
        raise


if __name__ == "__main__":
    main(sys.argv)
