# mypy: ignore-errors
# ruff: noqa: ANN201, UP031
# Programs of any version of Python begin here, the second too, so that nothing is annotated.
"""Watches what a Python program reads that a step has started, then gives way to the program's own sitecustomize."""

import os
import sys


def begin():
    """Adds the watch of `slipway.step.reads`, which is loaded by its path: programs do not see the package."""
    import importlib.util
    import json

    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "reads.py")
    found = importlib.util.spec_from_file_location("_slipway_reads", path)
    reads = importlib.util.module_from_spec(found)
    found.loader.exec_module(reads)
    with open(os.environ["SLIPWAY_READS"]) as file:
        reads.watch(json.load(file))


def find_decorators():
    """Programs that a step starts import `slipway.pipeline` as the step does."""
    import importlib.util

    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "behind.py")
    found = importlib.util.spec_from_file_location("_slipway_behind", path)
    behind = importlib.util.module_from_spec(found)
    found.loader.exec_module(behind)
    behind.come_behind()


def give_way():
    """Takes this folder out of the paths of imports, and runs the sitecustomize behind it."""
    here = os.path.realpath(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:] = [path for path in sys.path if os.path.realpath(path) != here]
    mine = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if getattr(error, "name", "sitecustomize") != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = mine


if sys.version_info >= (3, 10) and "SLIPWAY_READS" in os.environ:
    find_decorators()
    try:
        begin()
    except (OSError, ValueError, KeyError, ImportError) as error:
        # a program goes on whatever its reads are
        sys.stderr.write("slipway: nobody watches what this program reads: %s\n" % error)
give_way()
