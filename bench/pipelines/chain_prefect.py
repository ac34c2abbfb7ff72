"""The chain of 20 and the fan-out as flows of Prefect, which run in this process: ``python chain_prefect.py ITEMS``; prints seconds as JSON."""

import json
import sys
import time

from prefect import flow, task
from prefect.cache_policies import INPUTS, NO_CACHE


@task(cache_policy=INPUTS, persist_result=True)
def plus(x: int) -> int:
    """A step of the chain."""
    return x + 1


@task(cache_policy=NO_CACHE)
def same(x: int) -> int:
    """An item."""
    return x


@flow
def chain(start: int) -> int:
    """Twenty steps, each after the one before."""
    for _ in range(20):
        start = plus(start)
    return start


@flow
def fan(items: int) -> int:
    """Items that need nothing of one another."""
    return sum(same.map(range(items)).result())


def timed(run: object, given: int) -> float:
    """Seconds of a flow."""
    began = time.perf_counter()
    run(given)  # type: ignore[operator]
    return time.perf_counter() - began


if __name__ == "__main__":
    # from a number that no flow of an earlier run began with, so that nothing is taken from there
    start = time.time_ns()
    print(json.dumps({"chain": timed(chain, start), "again": timed(chain, start), "fan": timed(fan, int(sys.argv[1]))}))
