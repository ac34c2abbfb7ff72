"""Calls of the kernel that get round the other layers, made by a real process behind the launcher, and by the same one without it."""

from __future__ import annotations

import json
import os
import pathlib
import platform
import stat
import subprocess
import sys
import tempfile
import unittest

LAUNCHER = pathlib.Path(__file__).resolve().parents[2] / "slipway" / "confine"
#: Numbers of calls that C libraries have no function for, from the kernel's own tables.
NUMBERS = {
    "x86_64": {"fchmodat2": 452, "openat2": 437, "io_uring": 425, "userfaultfd": 323, "keyctl": 250, "add_key": 248, "clone": 56},
    "aarch64": {"fchmodat2": 452, "openat2": 437, "io_uring": 425, "userfaultfd": 282, "keyctl": 219, "add_key": 217, "clone": 220},
}.get(platform.machine(), {})
#: Runs each statement in the folder of its first argument; prints the error of each, or `went`.
TRIES = """
import ctypes, fcntl, json, os, pty, shutil, subprocess, sys, tempfile, threading
libc, nameless = ctypes.CDLL(None, use_errno=True), os.O_TMPFILE | os.O_RDWR
def checked(result):
    if result < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def call(number, *given): return checked(libc.syscall(ctypes.c_long(number), *given))
def new(name, mode=0o600):
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY, mode)); return name
def tried(code):
    try: exec(code, globals()); return "went"
    except OSError as error: return error.errno
os.chdir(sys.argv[1]); os.umask(0)
print(json.dumps({name: tried(code) for name, code in json.loads(sys.argv[2]).items()}))
"""
#: Every way to a mode that marks a file as a program with the rights of its owner or its group.
MARKS = {
    "chmod": "os.chmod(new('a'), 0o4755)",
    "chmod of a group": "os.chmod(new('b'), 0o2755)",
    "chmod, both and sticky": "os.chmod(new('c'), 0o7755)",
    "fchmod": "os.fchmod(os.open(new('d'), os.O_RDONLY), 0o4755)",
    "fchmodat": "checked(libc.fchmodat(-100, new('e').encode(), 0o4755, 0))",
    "open": "os.close(checked(libc.open(b'f', os.O_CREAT | os.O_WRONLY, 0o4755)))",
    "openat": "os.close(checked(libc.openat(-100, b'g', os.O_CREAT | os.O_WRONLY, 0o2755)))",
    "os.open": "os.close(os.open('h', os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o6755))",
    "creat": "os.close(checked(libc.creat(b'i', 0o4755)))",
    "a file without a name": "checked(libc.linkat(-100, b'/proc/self/fd/%d' % os.open('.', nameless, 0o4755), -100, b'j', 0x400))",
    "mknod": "os.mknod('k', 0o104755)",
    "mknodat": "os.mknod('l', 0o102755, dir_fd=os.open('.', os.O_RDONLY))",
    "fchmodat2": "call(%(fchmodat2)d, -100, new('m').encode(), 0o4755, 0)",
    "openat2": "call(%(openat2)d, -100, b'n', ctypes.byref((ctypes.c_uint64 * 3)(os.O_CREAT | os.O_WRONLY, 0o4755, 0)), 24)",
    "a shell": "subprocess.run(['chmod', 'u+s', new('o')], check=False, stderr=subprocess.DEVNULL)",
    "a folder": "os.mkdir('p', 0o6755)",
}
#: Other calls that get round the layers, with arguments of which the kernel makes nothing, and what it says to them.
BYPASSES = {
    "io_uring": "call(%(io_uring)d, 0, None)",
    "keys of the user": "call(%(keyctl)d, 0, -4, 0)",
    "a key": "call(%(add_key)d, b'user', b'slipway', b'x', 1, -2)",
    "clone3": "call(435, None, 0)",
    "userfaultfd": "call(%(userfaultfd)d, 0xffff)",
    "a user namespace": "checked(libc.unshare(0x10000000))",
    "a process in a user namespace": "call(%(clone)d, ctypes.c_ulong(0x10000011), None, None, None, None) or os._exit(0)",
}
#: What goes on as before.
ORDINARY = {
    "modes": "[os.chmod(new('q'), mode) for mode in (0o755, 0o600, 0o1777, 0o444)]",
    "files": "os.close(os.open('r', os.O_CREAT | os.O_RDWR, 0o777)); tempfile.TemporaryFile(dir='.').close()",
    "a flag without a file": "os.close(checked(libc.open(b'r', os.O_RDONLY, 0o6777)))",
    "copies": "shutil.copy2('r', 's'); shutil.copytree('.', 't', ignore=shutil.ignore_patterns('*'))",
    "threads": "thread = threading.Thread(target=print, args=('', ), kwargs={'end': ''}); thread.start(); thread.join()",
    "programs": "subprocess.run(['true'], check=True); os.waitpid(os.fork() or os._exit(0), 0)",
    "pipes": "os.mkfifo('u', 0o600)",
    "terminals": "fcntl.ioctl(pty.openpty()[1], 0x5413, bytes(8))",
    "own limits": "import resource; resource.setrlimit(7, resource.getrlimit(7))",
}
EPERM, ENOSYS = 1, 38


def tried(tries: dict[str, str], launched: bool) -> tuple[dict[str, object], list[str]]:
    """What became of each statement, and the names of files that are marked afterwards."""
    policy = json.dumps({"layers": [], "hide": [], "show": [], "fixed": [], "write": []})
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), policy] if launched else []
    with tempfile.TemporaryDirectory() as place:
        code = json.dumps({name: text % NUMBERS if "%(" in text else text for name, text in tries.items()})
        ended = subprocess.run(
            [*launcher, sys.executable, "-c", TRIES, place, code], capture_output=True, text=True, timeout=120, check=True
        )
        marked = [entry.name for entry in os.scandir(place) if entry.stat(follow_symlinks=False).st_mode & (stat.S_ISUID | stat.S_ISGID)]
    return json.loads(ended.stdout), sorted(marked)


@unittest.skipUnless(NUMBERS, f"the kernel's numbers for {platform.machine()} are not in this test")
@unittest.skipUnless(sys.platform.startswith("linux"), "filters of calls are Linux's")
class RefusalsCase(unittest.TestCase):
    """The same statements with the launcher and without."""

    def test_no_file_is_marked_with_the_rights_of_its_owner_or_group(self) -> None:
        without, marked = tried(MARKS, launched=False)
        older = {name for name, said in without.items() if said == ENOSYS}
        self.assertLessEqual(older, {"fchmodat2", "openat2"}, without)
        self.assertEqual(len(marked), len(MARKS) - len(older) - 1, "each way but that of a folder works without the launcher")
        said, marked = tried(MARKS, launched=True)
        self.assertEqual(marked, [])
        # the kernel takes the marks of a new folder away by itself, and the shell's chmod fails in a process of its own
        expected = {name: EPERM for name in MARKS} | {"openat2": ENOSYS, "a shell": "went", "a folder": "went"}
        self.assertEqual({**said, **{name: expected[name] for name in older}}, expected)

    def test_calls_that_get_round_the_layers_are_refused(self) -> None:
        without, _ = tried(BYPASSES, launched=False)
        self.assertTrue({"clone3", "keys of the user", "a process in a user namespace"} & {k for k, v in without.items() if v != ENOSYS})
        said, _ = tried(BYPASSES, launched=True)
        self.assertEqual(said, {name: ENOSYS if name in ("io_uring", "clone3") else EPERM for name in BYPASSES})

    def test_what_programs_do_goes_on(self) -> None:
        for launched in (False, True):
            self.assertEqual(tried(ORDINARY, launched)[0], dict.fromkeys(ORDINARY, "went"), launched)

    def test_devices_are_not_made(self) -> None:
        devices = {"a device of memory": "os.mknod('v', 0o20600, os.makedev(1, 1))", "a disk": "os.mknod('w', 0o60600, os.makedev(8, 0))"}
        self.assertEqual(tried(devices, launched=True)[0], dict.fromkeys(devices, EPERM))

    def test_nothing_is_typed_into_a_terminal(self) -> None:
        typing = (
            "parent, child = pty.openpty(); os.setsid() if os.getpid() != os.getsid(0) else None; fcntl.ioctl(child, 0x540E, 0); "
            "fcntl.ioctl(child, %s, b'x')"
        )
        for request in ("0x5412", "0x100005412 & 0xffffffff", "0x541C"):
            said, _ = tried({"typed": typing % request}, launched=True)
            self.assertEqual(said, {"typed": EPERM}, request)

    @unittest.skipUnless(platform.machine() == "x86_64", "the calls of 32-bit programs are those of x86")
    def test_calls_of_other_architectures_are_none(self) -> None:
        # mov eax, 20 (getpid); int 0x80; ret: and the same call with the bit of x32
        machine = "b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3'"
        older = (
            f"import mmap; page = mmap.mmap(-1, 4096, prot=7); page.write({machine}); "
            "found = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))(); "
            "assert found < 0 or found == os.getpid(); ctypes.set_errno(-found); checked(found)"
        )
        short = "call(0x40000000 | 39)"
        ended = subprocess.run(
            [sys.executable, "-c", TRIES, "/tmp", json.dumps({"x": older})], capture_output=True, timeout=120, check=False
        )
        tries = {"x32": short} | ({"32 bits": older} if ended.returncode == 0 else {})
        self.assertEqual(tried(tries, launched=True)[0], dict.fromkeys(tries, ENOSYS))
