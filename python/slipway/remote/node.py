"""Runs one attempt on a node: takes it up, lays out its files, runs the supervisor, and tells the server how it goes and ends.

What counts is the server's: a node that is refused ends the step and sends nothing more, one that finds no server goes on and tells later.
The supervisor is the same as on the server's own machine (slipway.step), in a session of its own; it ends with this process.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any
from urllib.parse import quote

from slipway.remote.checkpoints import Shipper
from slipway.remote.environment import Unbuilt, interpreter
from slipway.remote.files import Cache, Unkept, lay_out, send_output
from slipway.remote.server import ABANDON_S, Away, Lost, Refused, Server, json_text
from slipway.remote.variables import inherited

#: The variable that marks every process of an attempt.
MARK = "SLIPWAY_ATTEMPT"
#: Seconds for which a server that is away is asked while nothing of the step is at stake.
CLAIM_S = 300.0
#: Seconds between looks at the log and at the supervisor.
LOOK_S = 0.1
#: A piece of the log waits so long for more, seconds.
PIECE_S = 0.5
#: Bytes of the log that are sent at once.
PIECE_BYTES = 512 * 1024
#: Exit code of this process where the attempt is not ours.
LOST = 3
#: Signals by which a cluster asks for the end.
ASKED_TO_END = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> int:
    """Runs the attempt that the variables name. 0 when the server has heard how it ended."""
    url, attempt = os.environ.pop("SLIPWAY_NODE_URL"), os.environ.pop("SLIPWAY_NODE_ATTEMPT")
    token, cache = os.environ.pop("SLIPWAY_NODE_TOKEN"), os.environ.pop("SLIPWAY_NODE_CACHE")
    os.environ.pop("SLIPWAY_NODE_PROGRAM", None)
    node = Node(url, attempt, cache)
    for number in ASKED_TO_END:
        signal.signal(number, lambda *_: node.cancel())
    try:
        node.claim(token)
        return node.run()
    except (Lost, Away, Refused) as error:
        print(f"[slipway] {attempt} is left: {error}", file=sys.stderr)
        return LOST
    finally:
        node.clear()


class Node:
    """One attempt on this machine."""

    def __init__(self, url: str, attempt: str, cache: str) -> None:
        self.url = url
        self.attempt = attempt
        self.base = f"/v1/attempts/{quote(attempt, safe='')}"
        self.cache = cache
        self.claimant = secrets.token_hex(16)
        # of this process: another may have been started for the same attempt
        self.dir = os.path.join(cache, "attempts", f"{attempt}-{self.claimant[:8]}")
        self.lock = -1
        self.server = Server(url, "", self.is_lost)
        self.lost = threading.Event()
        #: Set when the attempt is asked to end, by the server or by the cluster.
        self.ending = threading.Event()
        self.over = threading.Event()
        self.supervisor: subprocess.Popen[bytes] | None = None
        self.sent = 0
        self.sent_at = 0.0
        #: Whether the log is printed here as well, for a scheduler that shows what its tasks print.
        self.echo = os.environ.pop("SLIPWAY_NODE_ECHO", "") == "1"
        self.beater: threading.Thread | None = None

    def is_lost(self) -> bool:
        """Whether the server has refused the attempt."""
        return self.lost.is_set()

    def leaves(self) -> bool:
        """Whether a start is not worth going on with."""
        return self.lost.is_set() or self.ending.is_set()

    def claim(self, token: str) -> None:
        """Takes the attempt up; from here on it beats."""
        asking = Server(self.url, token, self.leaves)
        named = {"claimant": self.claimant, "host": socket.gethostname()[:200]}
        claim = asking.ask("POST", f"{self.base}/claim", named, CLAIM_S)
        asking.close()
        self.fence: str = claim["fence"]
        self.token: str = claim["token"]
        self.work: dict[str, Any] = json.loads(claim["work"])
        self.server = Server(self.url, self.token, self.is_lost)
        self.beater = threading.Thread(target=self.beat, args=(claim["beat_ms"] / 1000,), daemon=True)
        self.beater.start()

    def beat(self, every: float) -> None:
        """Tells the server that the attempt goes on, until it is over; with a connection of its own, for files may take long."""
        server = Server(self.url, self.token, self.over.is_set)
        while not self.over.wait(every):
            try:
                said = server.ask("POST", f"{self.base}/beats", {"fence": self.fence, "beat": self.usage()}, ABANDON_S)
            except Refused as error:
                print(f"[slipway] a beat was refused: {error}", file=sys.stderr)
                continue
            except (Lost, Away):
                self.lose()
                return
            if said["cancel"]:
                self.cancel()

    def usage(self) -> dict[str, float] | None:
        """What the supervisor says of itself; None before it says anything."""
        found = read_json(os.path.join(self.dir, "heartbeat.json"))
        if found is None:
            return None
        return {name: found[name] for name in ("cpu_seconds", "max_rss_bytes", "memory_kib_s", "started_at", "at", "quiet_s")}

    def cancel(self) -> None:
        """Asks the step to end; it has its grace time."""
        self.ending.set()
        supervisor = self.supervisor
        if supervisor is not None and supervisor.poll() is None:
            supervisor.send_signal(signal.SIGTERM)

    def lose(self) -> None:
        """Ends what runs: it belongs to nobody any more. An attempt that is over already has been heard."""
        if not self.over.is_set():
            self.lost.set()
            self.kill()

    def kill(self) -> None:
        """Ends every process of the attempt at once."""
        from slipway.step.processes import kill_marked

        supervisor = self.supervisor
        if supervisor is not None and supervisor.poll() is None:
            supervisor.kill()
            kill_marked(self.attempt, supervisor.pid)

    def last_words(self) -> str:
        """How the supervisor ended, with the last line that it wrote; all of it is printed here."""
        from slipway.step.masking import Masker

        assert self.supervisor is not None
        code = self.supervisor.returncode
        how = f"signal {-code}" if code < 0 else f"code {code}"
        said = b""
        with contextlib.suppress(OSError), open(os.path.join(self.dir, "wrapper.log"), "rb") as file:
            said = file.read().strip()
        if not said:
            return how
        masker = Masker(secret.encode(errors="surrogateescape") for secret in self.work["secrets"].values())
        text = masker.mask(said, b"[secret]").decode(errors="replace")
        print(f"[slipway] the supervisor of the attempt ended with {how}:\n{text}", file=sys.stderr)
        return f"{how}: {text.splitlines()[-1][:1000]}"

    def run(self) -> int:
        """Brings the attempt to its end; 0 when the server has heard of it."""
        try:
            self.prepare()
        except Unbuilt as error:
            return self.end(self.blank("environment", str(error)), {})
        except (OSError, ValueError) as error:
            return self.end(self.blank("infrastructure", f"the files of the attempt could not be laid out: {error}"), {})
        if self.leaves():
            return self.end(self.blank("cancelled", "was ended on request"), {})
        shipper = Shipper(self.dir, self.base, self.fence, Server(self.url, self.token, self.is_lost))
        self.start()
        if self.work["checkpoints"] is not None:
            shipper.begin()
        self.follow()
        if self.lost.is_set():
            raise Lost("the server does not take it from this node any more")
        exit_file = read_json(os.path.join(self.dir, "exit.json"))
        if self.work["checkpoints"] is not None:
            shipper.end(wanted=exit_file is None or exit_file["class"] != "ok")
        if exit_file is None:
            return self.end(self.blank("infrastructure", f"the supervisor of the attempt ended without a word ({self.last_words()})"), {})
        return self.deliver(exit_file)

    def prepare(self) -> None:
        """Lays the files of the attempt out and makes its environment. Raises Unbuilt, OSError."""
        self.sweep()
        os.makedirs(self.dir, 0o700)
        self.lock = os.open(os.path.join(self.dir, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        for name in ("out", "tmp", "in", "said", "checkpoints", "resume"):
            os.mkdir(os.path.join(self.dir, name), 0o700)
        cache = Cache(self.cache, lambda digest, take: self.server.call("GET", self.file(digest), nothing, CLAIM_S, None, take))
        lay_out(cache, self.work["code"], os.path.join(self.dir, "work"), writable=True)
        for name, tree in self.work["inputs"].items():
            lay_out(cache, tree, os.path.join(self.dir, "in", name), writable=False)
        self.lay_out_checkpoints(cache)
        self.python = interpreter(self.work, self.cache, self.leaves)
        with open(os.path.join(self.dir, "spec.json"), "x", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            json.dump(self.spec(), file)

    def lay_out_checkpoints(self, cache: Cache) -> None:
        """Lays out what the step may go on from; one that cannot be had is left out, for the one before it may do."""
        self.offered: list[dict[str, Any]] = []
        for number, one in enumerate((self.work["checkpoints"] or {"resume": []})["resume"]):
            name = os.path.join("resume", str(number))
            self.offered.append({"folder": name, "number": one["number"]})
            try:
                lay_out(cache, one["tree"], os.path.join(self.dir, name), writable=True)
            except (OSError, ValueError, Away, Lost) as error:
                # where the attempt itself is lost, a beat says so
                print(f"[slipway] a checkpoint could not be laid out: {error}", file=sys.stderr)

    def sweep(self) -> None:
        """Removes what attempts left whose processes were killed on this machine: nobody holds their locks any more."""
        place = os.path.dirname(self.dir)
        for name in os.listdir(place) if os.path.isdir(place) else []:
            try:
                lock = os.open(os.path.join(place, name, "lock"), os.O_RDWR)
            except OSError:
                continue
            with contextlib.suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(os.path.join(place, name), ignore_errors=True)
            os.close(lock)

    def file(self, digest: str) -> str:
        """The address of a file."""
        return f"{self.base}/files/{quote(digest, safe='')}?fence={quote(self.fence, safe='')}"

    def spec(self) -> dict[str, Any]:
        """What the supervisor is told, see slipway.step.launch."""
        work, here = self.work, self.dir
        place = os.path.join(here, "work")
        taken = ("entry", "params", "timeout_s", "grace_s", "memory_bytes", "log_bytes", "unheld")
        return {
            **{name: work[name] for name in taken},
            "checkpoints": None if work["checkpoints"] is None else {**work["checkpoints"], "resume": self.offered},
            "notice": work["notice"],
            "attempt": self.attempt,
            "fence": self.fence,
            "dir": here,
            "python": self.python,
            "policy": None,
            "cwd": place,
            "inputs": {name: os.path.join(here, "in", name) for name in work["inputs"]},
            "outputs": {name: os.path.join(here, "out", name) for name in work["outputs"]},
            "secret_env": list(work["secrets"]),
            "pythonpath": [place, os.path.join(place, "src")],
        }

    def start(self) -> None:
        """Starts the supervisor; it is ended with this process, whatever ends that."""
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        program = os.path.join(package, "slipway", "step", "__main__.py")
        # language and zone are the same on each machine, for results depend on them and no cache key holds them
        variables = {
            **inherited(os.environ),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "ORT_DISABLE_TELEMETRY": "1",
            "PATH": os.pathsep.join([os.path.dirname(self.python), os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": package,
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": os.path.join(self.dir, "tmp"),
            **self.work["env"],
            **self.work["secrets"],
            MARK: self.attempt,
        }
        marked = {**os.environ, MARK: self.attempt}
        with open(os.path.join(self.dir, "wrapper.log"), "ab") as errors:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", program, os.path.join(self.dir, "spec.json")],
                cwd=self.dir,
                env=marked,
                stdin=subprocess.PIPE,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
                pass_fds=(self.lock,),
                preexec_fn=end_with_parent,
            )
        assert self.supervisor.stdin is not None
        with contextlib.suppress(BrokenPipeError), self.supervisor.stdin as given:
            given.write(json.dumps(variables).encode())
        if self.leaves():
            self.cancel()

    def follow(self) -> None:
        """Sends the log while the supervisor lives, and the rest of it."""
        supervisor = self.supervisor
        assert supervisor is not None
        while supervisor.poll() is None:
            if not self.send_log(whole=False):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    supervisor.wait(LOOK_S)
        if not os.path.exists(os.path.join(self.dir, "exit.json")):
            from slipway.step.processes import kill_marked

            # it was ended itself, and the step must not run on beside the attempt that comes after
            kill_marked(self.attempt, supervisor.pid)
        while not self.lost.is_set() and self.send_log(whole=True):
            pass

    def send_log(self, whole: bool) -> bool:
        """Sends the next piece of the log; False when nothing is to be sent now."""
        try:
            with open(os.path.join(self.dir, "log"), "rb") as log:
                log.seek(self.sent)
                piece = log.read(PIECE_BYTES)
        except FileNotFoundError:
            return False
        now = time.monotonic()
        if not piece or (not whole and len(piece) < PIECE_BYTES and now - self.sent_at < PIECE_S):
            return False
        self.sent_at = now
        where = f"{self.base}/log?fence={quote(self.fence, safe='')}&from={self.sent}"
        headers = {"content-type": "application/octet-stream"}
        try:
            said = json.loads(self.server.call("POST", where, lambda: piece, ABANDON_S, headers, json_text))
        except (Lost, Away):
            self.lose()
            return False
        if self.echo:
            sys.stdout.buffer.write(piece[: max(0, said["size"] - self.sent)])
            sys.stdout.flush()
        self.sent = said["size"]
        if said["cancel"] and not self.ending.is_set():
            self.cancel()
        return True

    def deliver(self, found: dict[str, Any]) -> int:
        """Sends the outputs of an attempt that went well, and then, last, how it ended."""
        outputs = {}
        names = self.work["outputs"] if found["class"] == "ok" else []
        try:
            for name in names:
                outputs[name] = send_output(self.server, self.file, name, os.path.join(self.dir, "out", name), patience=ABANDON_S)
            return self.end(found, outputs)
        except (Unkept, Refused) as error:
            return self.end({**found, "class": "user", "message": f"an output cannot be kept: {error}", "traceback": None}, {})

    def end(self, found: dict[str, Any], outputs: dict[str, Any]) -> int:
        """Says how the attempt ended."""
        body = {"fence": self.fence, "at": time.time(), "exit": found, "outputs": outputs}
        self.server.ask("POST", f"{self.base}/end", body, ABANDON_S)
        self.over.set()
        return 0

    def blank(self, kind: str, message: str) -> dict[str, Any]:
        """The end of an attempt of which nothing ran, or nothing is known."""
        now = time.time()
        nothing_used = {"cpu_seconds": 0, "max_rss_bytes": 0, "memory_kib_s": 0}
        return {
            **{"class": kind, "message": message, "traceback": None, "code": None, "signal": None, "metrics": {}},
            **nothing_used,
            **{"started_at": now, "finished_at": now, "log_bytes": self.sent, "log_truncated": False, "reads": None},
        }

    def clear(self) -> None:
        """Leaves nothing of the attempt on this machine."""
        self.over.set()
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


def nothing() -> None:
    """No body."""


def end_with_parent() -> None:
    """Has the system ask this process to end when the thread that made it has, on Linux; SIGTERM gives the step its grace time."""
    with contextlib.suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def read_json(path: str) -> dict[str, Any] | None:
    """A file of the supervisor's; None when it is not there."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None
