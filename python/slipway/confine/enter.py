"""Confines this process and all that it will start, for good.

Keys of a policy: ``hide`` (what nobody may see: the data folder), ``show`` (what is inside of it and can be seen), ``fixed``
(the same, and cannot be changed), ``write`` (where files may be written, besides temporary folders), ``layers`` (``mount``,
``landlock``: what this machine has, as the probe found).
"""

from __future__ import annotations

import os

from slipway.confine.kernel import libc, prctl
from slipway.confine.landlock import restrict
from slipway.confine.mounts import cover
from slipway.confine.seccomp import refuse_calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NO_NEW_PRIVILEGES = 38
DROP_FROM_BOUND = 24
AMBIENT, CLEAR_ALL = 47, 4
#: Rights of root that a step keeps, so that its files are read as before: chown, dac_override, fowner, fsetid.
KEPT = (0, 1, 3, 4)


def confine(policy: dict[str, Any]) -> None:
    """Applies every layer that the policy names, and drops rights. Raises OSError when one of them cannot be had."""
    here = os.getcwd()
    policy = {key: value if key == "layers" else [os.path.realpath(path) for path in value] for key, value in policy.items()}
    if "mount" in policy["layers"]:
        cover(policy["hide"], policy["show"], policy["fixed"], policy["write"])
    drop_rights()
    if "landlock" in policy["layers"]:
        restrict(policy)
    # `contextlib` would cost each start more than all of this
    try:  # noqa: SIM105
        refuse_calls()
    except OSError:
        pass  # the trial at start tells where this does not hold
    try:  # noqa: SIM105
        # the folder as it is now, not what is covered by now
        os.chdir(here)
    except OSError:
        pass


def drop_rights() -> None:
    """Neither a program with set-user-id nor root's capabilities give more than a user has."""
    prctl(NO_NEW_PRIVILEGES, 1, "no_new_privs")
    held = capabilities()
    if held == 0:
        return
    for number in range(64):
        if held >> number & 1 and number not in KEPT and libc.prctl(23, number, 0, 0, 0) == 1:
            prctl(DROP_FROM_BOUND, number, "drop a capability")
    prctl(AMBIENT, CLEAR_ALL, "clear ambient capabilities")
    set_capabilities(held & sum(1 << number for number in KEPT))


def capabilities() -> int:
    """The permitted capabilities of this process, as a set of bits."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return next((int(line.split()[1], 16) for line in file if line.startswith("CapPrm:")), 0)


def set_capabilities(bits: int) -> None:
    """Permitted and effective capabilities become these, inheritable ones none. Raises OSError."""
    import ctypes

    from slipway.confine.kernel import checked

    low, high = bits & 0xFFFFFFFF, bits >> 32
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    checked(libc.capset(header, data), "set capabilities")
