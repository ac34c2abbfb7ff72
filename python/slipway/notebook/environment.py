"""Which installed distributions explain imports, and the closure of what they need: read from the environment, never guessed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Iterable
from typing import Any

#: Import names whose distribution has another name: candidates to tell, never a line of a lock.
CANDIDATES = {
    "cv2": "opencv-python, opencv-python-headless",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "jwt": "pyjwt",
    "OpenSSL": "pyopenssl",
    "Crypto": "pycryptodome",
    "faiss": "faiss-cpu",
    "umap": "umap-learn",
    "psycopg2": "psycopg2-binary",
    "fitz": "pymupdf",
    "docx": "python-docx",
    "MySQLdb": "mysqlclient",
    "pkg_resources": "setuptools",
    "mpl_toolkits": "matplotlib",
    "imblearn": "imbalanced-learn",
    "category_encoders": "category-encoders",
    "attr": "attrs",
    "serial": "pyserial",
    "git": "gitpython",
    "google.cloud.storage": "google-cloud-storage",
    "google.cloud.bigquery": "google-cloud-bigquery",
}
NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def environment(request: dict[str, Any]) -> dict[str, Any]:
    """``{"imports": [dotted], "needs": [distribution], "folder"}`` to distributions, the closure, and what nothing explains."""
    providers = importlib.metadata.packages_distributions()
    resolved: dict[str, list[str]] = {}
    local: list[str] = []
    missing: list[dict[str, Any]] = []
    for dotted in request["imports"]:
        top = dotted.split(".")[0]
        if top in sys.stdlib_module_names:
            continue
        found = explain(dotted, providers.get(top, []))
        if found:
            resolved[dotted] = found
        elif is_local(top, request.get("folder")):
            local.append(top)
        else:
            missing.append({"import": dotted, "candidates": candidates(dotted, providers)})
    for needed in request.get("needs", []):
        if version(needed) is None:
            missing.append({"import": needed, "candidates": [needed]})
        else:
            resolved[f"({needed})"] = [normal(needed)]
    direct = {name for names in resolved.values() for name in names}
    owners = owners_of(request.get("seen", []), providers)
    direct |= set(owners.values()) - closure(direct)
    # what the package needs besides, where the environment has it
    extras = {name for name in request.get("extras", []) if version(name) is not None}
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "taken": is_module(request.get("name", "")),
        "platform": sysconfig.get_platform(),
        "resolved": resolved,
        "local": sorted(set(local)),
        "missing": missing,
        "direct": {name: version(name) for name in sorted(direct)},
        "closure": {name: version(name) for name in sorted(closure(direct | extras))},
        "extras": {name: version(name) for name in sorted(extras)},
        "installed": installed(),
        "owners": owners,
    }


def installed() -> dict[str, str]:
    """Every distribution of the environment; of two with one name the first is the one that is imported."""
    found = [one for one in importlib.metadata.distributions() if one.metadata["Name"]]
    return dict(sorted((normal(one.metadata["Name"]), one.version) for one in reversed(found)))


def versions(request: dict[str, Any]) -> dict[str, str | None]:
    """``{"names": [distribution]}`` to the version of each; None for what is not installed."""
    return {name: version(name) for name in request["names"]}


def is_module(name: str) -> bool:
    """Whether a name is that of a module of Python or of the environment, which a package of that name would hide."""
    return name in sys.stdlib_module_names or (name.isidentifier() and importlib.util.find_spec(name) is not None)


def owners_of(modules: list[str], providers: Any) -> dict[str, str]:
    """The distributions of top-level modules that were imported while the code ran; of several that share one, none can be told."""
    found = ((top, sorted({normal(name) for name in providers.get(top, [])})) for top in modules)
    return {top: names[0] for top, names in found if len(names) == 1}


def explain(dotted: str, names: Iterable[str]) -> list[str]:
    """The distribution of an import; where several share the first part, that which has the file of the whole name."""
    known = sorted({normal(name) for name in names})
    if len(known) < 2:
        return known
    best: tuple[int, list[str]] = (0, known)
    for name in known:
        depth = owned(name, dotted.split("."))
        if depth > best[0]:
            best = (depth, [name])
    return best[1] if best[0] > 1 else known


def owned(name: str, parts: list[str]) -> int:
    """How many parts of a dotted name the files of a distribution explain."""
    files = [str(path) for path in importlib.metadata.files(name) or []]
    for depth in range(len(parts), 0, -1):
        path = "/".join(parts[:depth])
        if any(file in (f"{path}.py", f"{path}/__init__.py") or file.startswith((f"{path}/", f"{path}.")) for file in files):
            return depth
    return 0


def is_local(top: str, folder: str | None) -> bool:
    """Whether a module lies beside the notebook."""
    return folder is not None and any(os.path.exists(os.path.join(folder, top + end)) for end in (".py", os.path.join("", "__init__.py")))


def candidates(dotted: str, providers: Any) -> list[str]:
    """What may be meant: names that are known for it, and installed modules that are spelt alike."""
    import difflib

    top = dotted.split(".")[0]
    known = CANDIDATES.get(dotted) or CANDIDATES.get(top)
    alike = difflib.get_close_matches(top, list(providers), n=2, cutoff=0.8)
    return [*(known.split(", ") if known else []), *(f"{name} (installed, spelt alike)" for name in alike)] or [top]


def closure(direct: set[str]) -> set[str]:
    """The distributions and all that they need of what is installed."""
    seen: set[str] = set()
    waiting = list(direct)
    while waiting:
        name = waiting.pop()
        if name in seen or version(name) is None:
            continue
        seen.add(name)
        for line in importlib.metadata.requires(name) or []:
            if "extra ==" in line.replace("'", '"').partition(";")[2]:
                continue
            found = NAME.match(line)
            if found:
                waiting.append(normal(found.group(1)))
    return seen


def version(name: str) -> str | None:
    """The installed version; None without one."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def normal(name: str) -> str:
    """A name as PyPI writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()
