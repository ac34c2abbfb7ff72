"""Prints as JSON all that the mlflow client is told of a tracking server or a database: for a deep comparison of two of them."""

import hashlib
import json
import sys
import tempfile
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import ViewType


def pages(search) -> list:
    """All items of a paged search."""
    items, token = [], None
    while True:
        page = search(token)
        items.extend(page)
        token = page.token
        if not token:
            return items


def number(value: float):
    """A metric's value as text, so that NaN equals itself."""
    return repr(float(value))


def files_of(client: MlflowClient, run_id: str) -> dict:
    """The files of a run by path, as SHA-256."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(client.download_artifacts(run_id, "", folder)) if client.list_artifacts(run_id) else Path(folder)
        found = [path for path in root.rglob("*") if path.is_file()]
        return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(found)}


def run_dump(client: MlflowClient, run) -> dict:
    """A run with its whole history and its files."""
    run_id, info, data = run.info.run_id, run.info, run.data
    history = {
        key: sorted((point.step, point.timestamp, number(point.value)) for point in client.get_metric_history(run_id, key))
        for key in sorted(data.metrics)
    }
    return {
        "info": [info.experiment_id, info.run_name, info.user_id, info.status, info.start_time, info.end_time, info.lifecycle_stage],
        "params": data.params,
        "tags": data.tags,
        "latest": {key: number(value) for key, value in sorted(data.metrics.items())},
        "history": history,
        "inputs": sorted((one.dataset.name, one.dataset.digest) for one in run.inputs.dataset_inputs),
        "outputs": sorted((one.model_id, one.step) for one in (run.outputs.model_outputs if run.outputs else [])),
        "files": files_of(client, run_id) if info.lifecycle_stage == "active" and "note" in data.tags and data.tags["note"] == "" else None,
    }


def model_dump(model) -> dict:
    """A logged model."""
    metrics = sorted((one.key, number(one.value), one.step, one.timestamp, one.run_id) for one in model.metrics or [])
    return {
        "info": [model.experiment_id, model.name, model.model_type, model.source_run_id, str(model.status), model.creation_timestamp],
        "params": model.params,
        "tags": {key: value for key, value in model.tags.items() if key != "mlflow.modelVersions"},
        "metrics": metrics,
    }


def trace_dump(trace) -> dict:
    """A trace with its spans and assessments."""
    info = trace.info
    spans = [
        [span.span_id, span.parent_id, span.name, span.span_type, str(span.status.status_code), span.start_time_ns, span.end_time_ns, span.attributes, [[event.name, event.timestamp, event.attributes] for event in span.events]]
        for span in trace.data.spans
    ]
    tags = {key: value for key, value in info.tags.items() if key != "mlflow.artifactLocation"}
    given = [
        [one.assessment_id, one.name, (one.feedback or one.expectation).value, one.rationale, one.source.source_type, one.create_time_ms, one.valid]
        for one in info.assessments
    ]
    return {
        "info": [info.experiment_id, info.request_time, info.execution_duration, str(info.state), info.request_preview, info.response_preview],
        "tags": tags,
        "metadata": info.trace_metadata,
        "assessments": sorted(given, key=str),
        "spans": sorted(spans, key=str),
    }


def set_dump(one) -> dict:
    """An evaluation dataset with its records."""
    records = [[record.dataset_record_id, record.inputs, record.outputs, record.expectations, record.tags, record.created_time] for record in one.records]
    return {"info": [one.name, one.digest, one.schema, one.tags, sorted(one.experiment_ids), one.created_time, one.last_update_time], "records": sorted(records, key=str)}


def registry_dump(client: MlflowClient, model) -> dict:
    """A registered model or prompt with its versions."""
    name = model.name
    versions = client.search_model_versions(f"name = '{name}'") or pages(
        lambda token: client.search_model_versions(f"name = '{name}' AND tags.`mlflow.prompt.is_prompt` = 'true'", page_token=token)
    )
    aliases = {alias: int(version) for alias, version in model.aliases.items()}
    return {
        "model": [model.description or "", model.creation_timestamp, model.last_updated_timestamp, model.tags, aliases],
        "versions": sorted(
            [int(one.version), one.creation_timestamp, one.last_updated_timestamp, one.current_stage, one.description or "", one.run_id or "", one.tags]
            for one in versions
        ),
    }


def dump(uri: str) -> dict:
    """Everything, by ids and names."""
    mlflow.set_tracking_uri(uri)
    client = MlflowClient(uri, uri)
    experiments = pages(lambda token: client.search_experiments(ViewType.ALL, 100, page_token=token))
    ids = [one.experiment_id for one in experiments]
    runs = pages(lambda token: client.search_runs(ids, "", ViewType.ALL, 500, page_token=token))
    models = pages(lambda token: client.search_logged_models(ids, max_results=50, page_token=token))
    traces = pages(lambda token: client.search_traces(locations=ids, max_results=100, page_token=token))
    sets = pages(lambda token: client.search_datasets(max_results=50, page_token=token))
    named = [*client.search_registered_models(), *client.search_registered_models("tags.`mlflow.prompt.is_prompt` = 'true'")]
    return {
        "experiments": {one.experiment_id: [one.name, one.lifecycle_stage, one.creation_time, one.last_update_time, one.tags] for one in experiments},
        "runs": {one.info.run_id: run_dump(client, one) for one in runs},
        "models": {one.model_id: model_dump(one) for one in models},
        "traces": {one.info.trace_id: trace_dump(one) for one in traces},
        "sets": {one.dataset_id: set_dump(one) for one in sets},
        "registry": {one.name: registry_dump(client, one) for one in sorted(named, key=lambda one: one.name)},
    }


if __name__ == "__main__":
    print(json.dumps(dump(sys.argv[1]), default=str))
