"""Feast beside which the bench measures: FOLDER STORE, then one line of JSON a task on the standard input, and one answer each.

The folder holds stats.parquet and requests.parquet; STORE is the type of the offline store, ``duckdb`` or ``file``. The online store is SQLite.
"""

import json
import resource
import sys
import time
import warnings
from datetime import datetime, timedelta, timezone

warnings.filterwarnings("ignore")

import pyarrow.parquet as parquet
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64

FEATURES = [f"f{i}" for i in range(10)]


def store_in(folder: str, kind: str) -> FeatureStore:
    """A store with one view of the rows, applied."""
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=f"{folder}/registry-{kind}.db",
        online_store={"type": "sqlite", "path": f"{folder}/online-{kind}.db"},
        offline_store={"type": kind},
        entity_key_serialization_version=3,
        repo_path=folder,
    )
    store = FeatureStore(config=config)
    customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.INT64)
    source = FileSource(
        name="stats",
        path=f"{folder}/stats.parquet",
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )
    view = FeatureView(
        name="stats",
        entities=[customer],
        ttl=timedelta(days=10),
        schema=[Field(name=name, dtype=Float64) for name in FEATURES],
        source=source,
    )
    store.apply([customer, source, view])
    return store


def join(store: FeatureStore, folder: str) -> dict:
    """The requests from Parquet with their features into Parquet."""
    began, cpu = time.perf_counter(), time.process_time()
    requests = parquet.read_table(f"{folder}/requests.parquet").to_pandas()
    found = store.get_historical_features(entity_df=requests, features=[f"stats:{name}" for name in FEATURES]).to_arrow()
    parquet.write_table(found, f"{folder}/feast.parquet", compression="zstd")
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    column = found.column("f0")
    return {"seconds": seconds, "cpu": cpu, "rows": found.num_rows, "matched": found.num_rows - column.null_count}


def materialise(store: FeatureStore) -> dict:
    """The last row of every customer into the online store."""
    began = time.perf_counter()
    store.materialize(datetime(2025, 12, 1, tzinfo=timezone.utc), datetime(2026, 2, 1, tzinfo=timezone.utc), ["stats"])
    return {"seconds": time.perf_counter() - began}


def read(store: FeatureStore, times: int, rows: int) -> dict:
    """Microseconds of each read of ten features of so many customers, in this process."""
    features = [f"stats:{name}" for name in FEATURES]
    us, found = [], 0
    for i in range(times):
        entities = [{"customer_id": (i * 7919 + j * 104729) % 100_000} for j in range(rows)]
        began = time.perf_counter()
        answer = store.get_online_features(features=features, entity_rows=entities).to_dict()
        us.append((time.perf_counter() - began) * 1e6)
        found += sum(value is not None for value in answer["f0"])
    return {"us": us, "found": found}


# of private memory, bytes: a join that wants more ends it, and not the machine
MOST_MEMORY = 8 * 10**9


def main() -> None:
    """Answers until the input ends."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    folder, kind = sys.argv[1:3]
    answers, sys.stdout = sys.stdout, sys.stderr
    store = store_in(folder, kind)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        do = task["do"]
        said = join(store, folder) if do == "join" else materialise(store) if do == "materialise" else read(store, task["times"], task["rows"])
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({**said, "rss": rss}), file=answers, flush=True)


main()
