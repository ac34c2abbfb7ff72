"""Supervises one attempt of a pipeline step: keeps its log, limits it, and leaves an exit file.

The process has forked (slipway.step.launch): this is the parent, in which nothing of the user's runs. It reads the child's output,
samples its memory, beats, ends it when it must, and writes ``exit.json`` in one rename.

Files: ``log``, ``heartbeat.json``, ``said/result.json`` (what the child says), ``exit.json`` (the final word).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Any

from slipway.step.home import remove_home
from slipway.step.launch import ASKED_TO_END, Started
from slipway.step.lease import Lease
from slipway.step.log import RedactedLog, is_maskable
from slipway.step.masking import SHORTEST
from slipway.step.memory import MemoryGroup
from slipway.step.meter import Meter, largest_child
from slipway.step.processes import end_descendants, kill_marked, tree_memory
from slipway.step.reads import collect

if TYPE_CHECKING:
    from slipway.step.notices import Notices

#: What helps a step that ran out of memory.
MORE_MEMORY = "raise resources.memory of the step, or let retries.out_of_memory repeat it with half as much again"
#: Seconds between looks at the child's memory.
SAMPLE_S = 0.1
#: Seconds between heartbeats.
BEAT_S = 2.0
#: Seconds without output after which what looks like the beginning of a secret by chance is written.
SETTLE_S = 1.0
#: What the child says of its end, in the folder of the attempt.
RESULT = os.path.join("said", "result.json")
#: What tells code that it is to end, and by what it says that it asks (slipway.checkpoints.place).
STOP, ASKS = "stopping.json", os.path.join("said", "asks")
#: Share of the grace time that code which asks has for itself before it is sent a signal, which ends what does not catch it.
ASKED_SHARE = 0.8
#: Grace time after a notice that the machine is taken away, which comes 30 s ahead or more: what is left is for sending what was kept.
NOTICED_S = 20.0
#: The variable by which a machine says what tells that it is taken away; it counts before what the server says.
NOTICE = "SLIPWAY_PREEMPTION_NOTICE"
#: Classes of an end that the child may give itself.
SAID = ("user", "environment", "out_of_memory")
#: Why a beat may not be written without harm: the next one tells as much.
PASSING = (errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT)
#: Seconds that leftover processes get to let go of the log after they were killed.
DRAIN_S = 1.0


def supervise(spec: dict[str, Any], environment: dict[str, str], started: Started) -> int:
    """Supervises an attempt whose child was forked just now. Returns 0 when the exit file was written."""
    supervisor = Supervisor(spec, started.child, started.reader, open_log(spec, environment))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKED_TO_END)
    supervisor.group = started.group
    supervisor.run()
    started.group.close()
    give_back_rights(spec["dir"])
    write_json("exit.json", supervisor.verdict(started.began))
    if "home" in spec:
        remove_home(spec["home"])
    return 0


def open_log(spec: dict[str, Any], environment: dict[str, str]) -> RedactedLog:
    """The attempt's log; it says at once which secrets it cannot mask."""
    secrets = {name: environment.get(name, "") for name in spec["secret_env"]}
    log = RedactedLog("log", list(secrets.values()), spec["log_bytes"])
    for name in [name for name, value in secrets.items() if not is_maskable(value)]:
        log.note(f"the secret {name} has fewer than {SHORTEST} characters: it is too short to be masked")
    return log


class Supervisor:
    """Watches one child until it and everything it started are gone."""

    def __init__(self, spec: dict[str, Any], child: int, pipe: int, log: RedactedLog) -> None:
        self.spec = spec
        self.child = child
        self.pipe = pipe
        self.log = log
        self.started = time.monotonic()
        self.status: int | None = None
        self.group = MemoryGroup("", None)
        #: Why the child is being ended: 'timeout', 'out_of_memory', 'cancelled', 'preempted', or None.
        self.ending: str | None = None
        self.ending_since = 0.0
        #: Whether a signal has asked the child to end, and not a word alone.
        self.signalled = False
        self.notices = notices(os.environ.get(NOTICE) or spec.get("notice"))
        self.lease = Lease(spec["lease"]) if spec.get("lease") else None
        #: Why the machine is not the attempt's any more.
        self.left: str | None = None
        self.killed = False
        self.began = time.time()
        self.meter = Meter(os.getpid(), self.started)
        #: When output came last.
        self.heard = self.started
        self.settled = True
        self.beaten = 0.0
        self.looked = 0.0
        self.woken, self.wake = os.pipe()
        for end in (self.woken, self.wake, pipe):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for name in ASKED_TO_END:
            signal.signal(name, lambda *_: self.end("cancelled"))
        signal.set_wakeup_fd(self.wake, warn_on_full_buffer=False)

    def run(self) -> None:
        """Returns when the child has ended and what it left behind was killed."""
        while self.status is None:
            self.wait()
            self.reap()
            now = time.monotonic()
            # a flood of small writes wakes us far more often than memory can be looked at
            if self.status is None and now - self.looked >= SAMPLE_S / 2:
                self.looked = now
                self.limit(now)
            if now - self.beaten >= BEAT_S:
                self.beat(now)
                self.look_at_lease()
        if self.group.kills() > 0 and self.ending is None:
            self.ending = "out_of_memory"
        self.meter.look(time.monotonic())
        left = max(kill_marked(self.spec["attempt"], self.child), end_descendants())
        self.meter.close(time.monotonic(), largest_child())
        self.drain()
        if left:
            self.log.note(f"{left} process(es) that the step left behind were killed")
        self.log.close()

    def wait(self) -> None:
        """Sleeps until there is output, a signal, or the next look is due."""
        watched = [self.woken] if self.pipe < 0 else [self.woken, self.pipe]
        ready, _, _ = select.select(watched, [], [], SAMPLE_S)
        if self.woken in ready:
            os.read(self.woken, 4096)
        if self.pipe in ready:
            self.read()
        elif not self.settled and time.monotonic() - self.heard > SETTLE_S:
            self.settled = True
            self.log.settle()

    def read(self) -> bool:
        """Moves waiting output into the log; False when there is none now."""
        try:
            data = os.read(self.pipe, 1 << 20)
        except BlockingIOError:
            return False
        if not data:
            os.close(self.pipe)
            self.pipe = -1
            return False
        self.heard, self.settled = time.monotonic(), False
        self.log.write(data)
        return True

    def reap(self) -> None:
        """Notes the child's end."""
        while self.status is None:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            # others are those that the step left behind
            if pid == self.child:
                self.status = status

    def limit(self, now: float) -> None:
        """Begins to end a child that is over its time or memory, and kills one that does not end."""
        memory, timeout = self.spec["memory_bytes"], self.spec["timeout_s"]
        used = tree_memory(os.getpid(), memory)
        self.meter.memory(used, now)
        self.meter.look(now)
        if memory is not None and self.ending is None and (used > memory or self.group.kills() > 0):
            self.ending = "out_of_memory"
            self.kill()
        elif timeout is not None and now - self.started > timeout:
            self.end("timeout")
        elif self.notices is not None:
            while self.notices.said:
                self.log.note(self.notices.said.pop(0))
            if self.notices.found is not None:
                self.end("preempted")
        if self.ending is None or self.killed:
            return
        over, grace = now - self.ending_since, self.grace()
        if over > grace:
            self.kill()
        elif not self.signalled and over > grace * ASKED_SHARE:
            self.ask()

    def grace(self) -> float:
        """Seconds from the request to end to the kill."""
        grace: float = self.spec["grace_s"]
        return max(grace, NOTICED_S) if self.ending == "preempted" else grace

    def end(self, why: str) -> None:
        """Asks the child to stop; after the grace time it is killed. Code that looks whether it is to end is told by a word first: a signal
        would end the processes that it has started, which it may need to keep its state."""
        if self.ending is not None or self.status is not None:
            return
        self.ending = why
        self.ending_since = time.monotonic()
        with contextlib.suppress(OSError):
            if os.path.exists(ASKS):
                write_json(STOP, {"why": why})
                return
        self.ask()

    def ask(self) -> None:
        """Asks the child to stop by a signal."""
        self.signalled = True
        signal_group(self.child, signal.SIGTERM)

    def kill(self) -> None:
        """Ends the group of the child at once."""
        self.killed = True
        signal_group(self.child, signal.SIGKILL)

    def beat(self, now: float) -> None:
        """Writes a heartbeat: the fence, the time, how long no output has come, and what the attempt has used so far."""
        self.beaten = now
        state = {
            "fence": self.spec["fence"],
            "at": time.time(),
            "quiet_s": now - self.heard,
            "max_rss_bytes": self.meter.peak,
            "memory_kib_s": round(self.meter.kib_s),
            "cpu_seconds": self.meter.cpu_seconds(),
            "started_at": self.began,
            "log_bytes": self.log.size,
        }
        try:
            give_back_rights(self.spec["dir"])
            write_json("heartbeat.json", state)
        except OSError as error:
            # code that takes the rights away again and again, or a disk that is full for a while, ends beats and not the supervisor
            if error.errno not in PASSING:
                raise

    def look_at_lease(self) -> None:
        """Ends the child where others begin the step anew."""
        if self.lease is None or self.ending is not None:
            return
        self.left = self.lease.over()
        if self.left is not None:
            self.log.note(self.left)
            self.end("preempted")

    def drain(self) -> None:
        """Reads what is left in the pipe; a process that could not be killed does not hold this up for long."""
        if self.pipe >= 0:
            # all that the pipe holds; it is taken also where we have no turn for longer than the time below
            self.read()
        until = time.monotonic() + DRAIN_S
        while self.pipe >= 0 and time.monotonic() < until:
            if not self.read() and self.pipe >= 0:
                select.select([self.pipe], [], [], 0.05)

    def verdict(self, began: float) -> dict[str, Any]:
        """What the exit file says."""
        result = read_json(RESULT)
        status = self.status or 0
        outcome = classify(self.ending, status, result, self.spec)
        if self.ending == "preempted":
            why = self.left if self.notices is None or self.left is not None else self.notices.found
            outcome = fault("preempted", f"{why}; the step was ended")
        return {
            "attempt": self.spec["attempt"],
            "fence": self.spec["fence"],
            **{key: self.log.redact_text(value) for key, value in outcome.items()},
            "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "metrics": {self.log.redact_text(name): value for name, value in texts((result or {}).get("metrics")).items()},
            "cpu_seconds": self.meter.cpu_seconds(),
            "max_rss_bytes": self.meter.peak,
            "memory_kib_s": round(self.meter.kib_s),
            "started_at": began,
            "finished_at": time.time(),
            "log_bytes": self.log.size,
            "log_truncated": self.log.truncated,
            "reads": collect(self.spec["dir"], [] if self.spec["policy"] is None else self.spec["policy"]["hide"]),
        }


def notices(watched: str | None) -> Notices | None:
    """What looks for word that the machine is taken away; None where nothing is to be looked at, which loads nothing for it."""
    if not watched:
        return None
    from slipway.step.notices import Notices

    return Notices(watched)


def texts(metrics: object) -> dict[str, str]:
    """Metrics as the child says them, without what is none."""
    found = metrics if isinstance(metrics, dict) else {}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def classify(ending: str | None, status: int, result: dict[str, Any] | None, spec: dict[str, Any]) -> dict[str, Any]:
    """The class of an end with its message: ``class`` is ok, user, environment, out_of_memory, timeout, infrastructure,
    preempted or cancelled; ``traceback`` is text or None."""
    if ending == "timeout":
        limit = f"{spec['timeout_s']:g} s"
        return fault("timeout", f"ran longer than its timeout of {limit} and was ended; raise timeout, or have the step do less")
    if ending == "out_of_memory":
        limit = spec["memory_bytes"] / 2**20
        return fault("out_of_memory", f"used more memory than its limit of {limit:.0f} MiB and was killed; {MORE_MEMORY}")
    if ending == "cancelled":
        return fault("cancelled", "was ended on request")
    if os.WIFSIGNALED(status):
        return classify_signal(os.WTERMSIG(status))
    code = os.WEXITSTATUS(status)
    error = (result or {}).get("error")
    if isinstance(error, dict) and error.get("class") in SAID:
        return fault(error["class"], str(error.get("message")), error.get("traceback") and str(error["traceback"]))
    if code != 0:
        return classify_code(code)
    if result is None and isinstance(spec["entry"], str):
        return fault("user", "the process ended before the function returned (did it call os._exit?)")
    missing = [name for name, path in spec["outputs"].items() if not os.path.lexists(path)]
    if missing:
        return fault("user", missing_outputs(missing))
    return {"class": "ok", "message": "", "traceback": None}


def classify_signal(number: int) -> dict[str, Any]:
    """The class of an end by a signal that this process did not send."""
    if number == signal.SIGKILL:
        return fault("out_of_memory", "killed by signal 9, which nobody here sent: most likely the system ran out of memory")
    if number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        return fault("preempted", f"ended by signal {number} from outside")
    name = signal.Signals(number).name
    return fault("user", f"crashed in native code with {name} (signal {number}); see the end of the log")


def classify_code(code: int) -> dict[str, Any]:
    """The class of an end by an exit code, as shells and schedulers use them."""
    if code in (126, 127):
        return fault("environment", f"the command could not be run (exit code {code}); is it in the environment?")
    if code == 75:
        return fault("infrastructure", "asked to be tried again (exit code 75)")
    if code == 124:
        return fault("timeout", "gave up by itself after its own time limit (exit code 124)")
    if code == 137:
        return fault("out_of_memory", "a process of the step was killed (exit code 137): most likely out of memory")
    if code in (130, 143):
        return fault("preempted", f"ended by a signal from outside (exit code {code})")
    return fault("user", f"ended with exit code {code}; see the end of the log")


def missing_outputs(names: list[str]) -> str:
    """The message for outputs that were declared and not made."""
    listed = ", ".join(f'"{name}"' for name in names)
    return f"declared output {listed} was not made: the step must create a file or folder at the path given by that name"


def fault(kind: str, message: str, traceback: str | None = None) -> dict[str, Any]:
    """An outcome that is not ok."""
    return {"class": kind, "message": message, "traceback": traceback}


def signal_group(leader: int, number: int) -> None:
    """Signals a process group, or the process when it has not made its group yet."""
    for send in (os.killpg, os.kill):
        try:
            send(leader, number)
            return
        except (ProcessLookupError, PermissionError):
            continue


def give_back_rights(folder: str) -> None:
    """Lets the owner read and write the folder of the attempt and what lies in it: a step can change modes there, and without them
    neither we nor the server would learn how it ended. Others make files there too and take them away: the server ``process.json.tmp``,
    a node ``shipped``."""
    os.chmod(folder, 0o700)
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if not entry.is_symlink():
                    os.chmod(entry.path, 0o700 if entry.is_dir() else 0o600)


def write_json(path: str, value: dict[str, Any]) -> None:
    """Writes a file in one step: a reader sees all of it or none."""
    temporary = f"{path}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def read_json(path: str) -> dict[str, Any] | None:
    """The content of a file that the user's code may have written; None when it is not there, cut short, a link or no object."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, encoding="utf-8") as file:
            found = json.load(file)
        return found if isinstance(found, dict) else None
    except (OSError, ValueError, RecursionError):
        return None
