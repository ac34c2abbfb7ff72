"""Starts one attempt of a pipeline step, as soon as can be, and then supervises it.

Run as ``python -I -S …/slipway/step SPEC.json`` by the machine's own interpreter, in a session of its own, with the environment
of the step as JSON on standard input, or forked from a process that has loaded it already (slipway.step.nursery). The process forks:
the child is confined and becomes the user's code in the step's environment, the parent becomes the supervisor
(slipway.step.supervisor), whose modules are imported while the child starts already.
Nothing of the user's runs in the parent, and nothing here needs the server, so an attempt outlives it.

Keys of the spec: ``attempt``, ``fence``, ``dir`` (folder of the files below), ``python`` (interpreter of the environment), ``policy``
(see slipway.confine.enter; null = unconfined), ``home`` (where a confined attempt has its home folder), ``user_home`` and
``linked`` (see slipway.step.home), ``cwd``, ``entry`` (``module:function`` or a list of arguments), ``inputs`` and
``outputs`` (name to path), ``params``, ``secret_env`` (names of environment variables whose values are secret), ``timeout_s``,
``grace_s``, ``memory_bytes``, ``log_bytes`` (numbers or null), ``pythonpath``,
``unheld`` (files of the project that the step's cache key does not hold), ``checkpoints`` (see slipway.checkpoints.place; absent or null
= none are kept), ``notice`` (what tells that the machine is taken away, see slipway.step.notices; absent or null = nothing), ``lease``
(the file that tells whether the attempt is still its machine's, see slipway.step.lease; absent or null = it is for good).
"""

from __future__ import annotations

import os
import resource
import time

# what the standard modules `signal`, `json` and `typing` would load costs as much as all else before the fork
from _signal import SIG_BLOCK, SIG_UNBLOCK, SIGHUP, SIGINT, SIGTERM, pthread_sigmask

from slipway.quick_json import loads
from slipway.step.home import make_home
from slipway.step.memory import MemoryGroup, adopt_orphans, limit_allocations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: How far an attempt stands back behind the server: predictions of the same machine come first.
NICE = 5
#: How much rather than the server the system ends a step when memory runs out, of 1000.
OOM_SCORE = 500
#: Exit code of a child that could not be confined or found no interpreter; it ran nothing.
REFUSED = 126
#: What the system says to arguments and variables that it gives no program, E2BIG.
TOO_MUCH = 7
#: Signals by which the server or the system asks an attempt to end; they wait until the supervisor can take them.
ASKED_TO_END = (SIGTERM, SIGINT, SIGHUP)


class Started:
    """A child that was forked: its pid, its output, its group, and when."""

    def __init__(self, child: int, reader: int, group: MemoryGroup, began: float) -> None:
        self.child, self.reader, self.group, self.began = child, reader, group, began


def begin(path: str, variables: str) -> tuple[dict[str, Any], dict[str, str], Started]:
    """Starts the attempt that the spec file describes, with a JSON object of variables; returns in the parent alone, with what the
    supervisor needs."""
    with open(path, encoding="utf-8") as file:
        spec = loads(file.read())
    environment: dict[str, str] = loads(variables)
    os.chdir(spec["dir"])
    if spec["policy"] is not None and "home" in spec:
        spec["policy"]["write"] += make_home(spec["home"], spec["user_home"], spec["linked"])
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    reader, writer = os.pipe()
    widen_pipe(writer)
    group = MemoryGroup(spec["attempt"], spec["memory_bytes"])
    # before there is a child: nothing that it leaves may go elsewhere
    adopt_orphans()
    pthread_sigmask(SIG_BLOCK, ASKED_TO_END)
    began = time.time()
    child = os.fork()
    if child == 0:
        os.close(reader)
        become_child(spec, environment, writer, group)  # does not return
    os.close(writer)
    return spec, environment, Started(child, reader, group, began)


def become_child(spec: dict[str, Any], environment: dict[str, str], writer: int, group: MemoryGroup) -> None:
    """Confines the forked process and turns it into the user's code, in the step's environment. Never returns."""
    try:
        pthread_sigmask(SIG_UNBLOCK, ASKED_TO_END)
        os.setpgid(0, 0)
        offer_to_oom_killer()
        group.enter()
        limit_allocations(spec["memory_bytes"])
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.closerange(3, max(writer, nothing) + 1)
        if spec["policy"] is not None:
            from slipway.confine.enter import confine

            confine(spec["policy"])
        os.chdir(spec["cwd"])
        if spec.get("checkpoints") is not None:
            environment["SLIPWAY_CHECKPOINTS"] = os.path.join(spec["dir"], "spec.json")
        # by its path, for the folder of the project may hold a package with our name
        package = os.path.dirname(os.path.abspath(__file__))
        os.execve(spec["python"], [spec["python"], package, os.path.join(spec["dir"], "spec.json"), "--run"], environment)
    except BaseException as error:  # noqa: BLE001 whatever it is, nothing of the step may run unconfined
        if isinstance(error, OSError) and error.errno == TOO_MUCH:
            tell_too_much(spec, environment)
        os.write(2, f"[slipway] the step was not started: {error}\n".encode())
    finally:
        os._exit(REFUSED)


def tell_too_much(spec: dict[str, Any], environment: dict[str, str]) -> None:
    """Leaves the answer of a step whose variables no program can be given: that is for its owner to mend, and not to be tried again."""
    from slipway.step.call import too_much, write_result

    message = f"the step was not started: {too_much([], environment)}"
    answer = {"metrics": {}, "error": {"class": "user", "message": message, "traceback": None}}
    write_result(os.path.join(spec["dir"], "said", "result.json"), answer)


def offer_to_oom_killer() -> None:
    """Memory is looked at now and then, so a step can outrun its limit; then it is the step that has to go, on Linux."""
    try:
        with open("/proc/self/oom_score_adj", "r+", encoding="ascii") as file:
            if int(file.read()) < OOM_SCORE:
                file.write(str(OOM_SCORE))
    except (OSError, ValueError):
        pass


def widen_pipe(pipe: int) -> None:
    """A larger pipe, where the system has one, so that a flood of output costs fewer wake-ups."""
    try:
        import fcntl

        fcntl.fcntl(pipe, 1031, 1 << 20)  # F_SETPIPE_SZ, named in fcntl since Python 3.10 on Linux only
    except OSError:
        pass
