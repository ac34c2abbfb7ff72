"""Reads a Feast repository with the Feast of this interpreter, and writes as JSON what it declares: REPOSITORY FILE."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

# the folder of this file has modules of names that a repository may have too
sys.path[:] = [path for path in sys.path[1:] if path]

NO_ENTITY = "__dummy"


def texts(thing: Any) -> dict[str, Any]:
    """What people say of any object."""
    tags = {str(name): str(value) for name, value in (getattr(thing, "tags", None) or {}).items()}
    return {
        "name": thing.name,
        "description": getattr(thing, "description", None) or "",
        "owner": getattr(thing, "owner", None) or "",
        "tags": tags,
    }


def fields(of: Any) -> list[dict[str, Any]]:
    """A schema: names with Feast's names of types."""
    return [
        {"name": field.name, "type": str(field.dtype), "description": field.description or "", "tags": len(field.tags or {})}
        for field in of or []
    ]


def entity(one: Any) -> dict[str, Any]:
    """An entity; its value type is that of its one join key."""
    return {**texts(one), "key": one.join_key, "type": one.value_type.name}


def source(one: Any) -> dict[str, Any]:
    """A source of data, with its batch source by name where it has one."""
    options = getattr(one, "file_options", None)
    batch = getattr(one, "batch_source", None)
    file_format = type(one.file_format).__name__ if getattr(one, "file_format", None) is not None else None
    uri = getattr(options, "uri", None)
    return {
        **texts(one),
        "kind": type(one).__name__,
        "event_time": one.timestamp_field or "",
        "created_time": one.created_timestamp_column or "",
        "mapping": dict(one.field_mapping or {}),
        "path": absolute(uri) if isinstance(uri, str) else None,
        "format": file_format,
        "endpoint": getattr(options, "s3_endpoint_override", None) or None,
        "query": query_of(one),
        "columns": columns_of(one, uri),
        "batch": batch.name if batch is not None else None,
        "fields": fields(getattr(one, "schema", None)) if type(one).__name__ == "RequestSource" else [],
    }


def query_of(one: Any) -> str | None:
    """The query of a source of PostgreSQL; other warehouses are not reached by Slipway."""
    if type(one).__name__ != "PostgreSQLSource":
        return None
    text = str(one.get_table_query_string())
    return text[1:-1] if text.startswith("(") and text.endswith(")") else f"SELECT * FROM {text}"


def columns_of(one: Any, uri: Any) -> dict[str, str] | None:
    """Columns of Parquet files of this machine with Arrow's names of types, as ``feast apply`` has them; none where they cannot be read."""
    file_format = type(getattr(one, "file_format", None)).__name__
    if not isinstance(uri, str) or "://" in uri or file_format not in ("NoneType", "ParquetFormat"):
        return None
    from pyarrow.parquet import ParquetDataset

    try:
        schema = ParquetDataset(absolute(uri)).schema
    except (OSError, ValueError) as error:
        print(f"{uri} cannot be read: {error}", file=sys.stderr)
        return None
    return {str(name): str(kind) for name, kind in zip(schema.names, schema.types)}


def absolute(uri: str) -> str:
    """A path of this machine as an absolute one; relative ones are relative to the repository, which is the folder that this runs in."""
    return uri if "://" in uri else str(Path(uri).resolve())


def seconds(ttl: Any) -> float | None:
    """A time to live; none and zero mean forever."""
    return ttl.total_seconds() if isinstance(ttl, timedelta) and ttl.total_seconds() > 0 else None


def view(one: Any) -> dict[str, Any]:
    """A feature view of any kind but those that are computed on demand."""
    stream, batch = getattr(one, "stream_source", None), getattr(one, "batch_source", None)
    return {
        **texts(one),
        "kind": type(one).__name__,
        "entities": [name for name in one.entities if not name.startswith(NO_ENTITY)],
        "keys": [field for field in fields(one.entity_columns) if not field["name"].startswith(NO_ENTITY)],
        "features": fields(one.features),
        "ttl_s": seconds(getattr(one, "ttl", None)),
        "batch": batch.name if batch is not None else None,
        "stream": stream.name if stream is not None else None,
        "online": bool(getattr(one, "online", True)),
        "computed": bool(getattr(one, "aggregations", None) or getattr(one, "udf", None) or getattr(one, "feature_transformation", None)),
    }


def on_demand(one: Any) -> dict[str, Any]:
    """A view that is computed on demand, with the text of its function."""
    transformation = getattr(one, "feature_transformation", None)
    return {
        **texts(one),
        "features": fields(one.features),
        "mode": str(getattr(one.mode, "value", one.mode)),
        "code": getattr(one, "udf_string", None) or getattr(transformation, "udf_string", None) or "",
        "views": sorted(one.source_feature_view_projections),
        "requests": sorted(one.source_request_sources),
    }


def service(one: Any) -> dict[str, Any]:
    """A service with its projections: which features of which view, under which name and keys."""
    return {
        **texts(one),
        "logged": getattr(one, "logging_config", None) is not None,
        "takes": [
            {
                "view": projection.name,
                "alias": projection.name_alias or None,
                "features": [feature.name for feature in projection.features],
                "keys": dict(projection.join_key_map or {}),
                "version": getattr(projection, "version_tag", None),
            }
            for projection in one.feature_view_projections
        ],
    }


def read(repository: Path) -> dict[str, Any]:
    """What a repository declares. Its files are imported, as ``feast apply`` does."""
    from feast import __version__
    from feast.repo_operations import parse_repo

    os.chdir(repository)
    sys.path.insert(0, str(repository))
    found = parse_repo(repository)
    others = [("label view", getattr(found, "label_views", [])), ("permission", getattr(found, "permissions", []))]
    return {
        "feast": str(__version__),
        "entities": [entity(one) for one in found.entities if not one.name.startswith(NO_ENTITY)],
        "sources": [source(one) for one in found.data_sources],
        "views": [view(one) for one in [*found.feature_views, *found.stream_feature_views]],
        "on_demand": [on_demand(one) for one in found.on_demand_feature_views],
        "services": [service(one) for one in found.feature_services],
        "others": [{"kind": kind, "name": one.name} for kind, some in others for one in some],
    }


def main(argv: list[str]) -> int:
    """Writes the declarations, or ``{fault}`` with what is wrong."""
    repository, into = Path(argv[0]).resolve(), Path(argv[1]).resolve()
    try:
        said: dict[str, Any] = read(repository)
    except ModuleNotFoundError as error:
        said = {"fault": f"{sys.executable} has no module {error.name}"}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - any file of the repository may raise anything
        said = {"fault": f"{type(error).__name__}: {error}"}
    into.write_text(json.dumps(said), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
