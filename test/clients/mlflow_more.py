"""Adds to a running MLflow server what only clients of a server make: files behind its proxy, datasets, expectations, evaluation."""

import sys
import tempfile
from pathlib import Path

import mlflow
import numpy
from mlflow import MlflowClient
from mlflow.data.numpy_dataset import from_numpy
from mlflow.entities import LoggedModelOutput, Metric, SpanEvent
from mlflow.genai.datasets import create_dataset

if __name__ == "__main__":
    mlflow.set_tracking_uri(sys.argv[1])
    client = MlflowClient()
    experiment = mlflow.set_experiment("over the wire")
    with mlflow.start_run(run_name="proxied") as run:
        run_id = run.info.run_id
        mlflow.log_input(from_numpy(numpy.array([1, 2, 3])), context="training")
        mlflow.log_text("größer", "notes/ä b.txt")
        mlflow.log_text("", "empty.txt")
        mlflow.log_text("0123456789abcdef" * 20_000, "deep/er/big.txt")
        points = int(sys.argv[2])
        for start in range(0, points, 1000):
            steps = range(start, min(points, start + 1000))
            client.log_batch(run_id, [Metric("long", step / 7, 1_700_000_000_000 + step, step) for step in steps])
        model = client.create_logged_model(experiment.experiment_id, "kept", source_run_id=run_id, params={"depth": "3"}, model_type="plain")
        folder = Path(tempfile.mkdtemp())
        (folder / "sub").mkdir()
        (folder / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: none\n")
        (folder / "sub" / "weights.txt").write_text("1 2 3")
        client.log_model_artifacts(model.model_id, str(folder))
        client.finalize_logged_model(model.model_id, "READY")
        client.log_metric(run_id, "auc", 0.5, model_id=model.model_id, dataset_name="ds", dataset_digest="dd")
        mlflow.log_outputs([LoggedModelOutput(model.model_id, step=2)])
    client.create_model_version("ranker", f"models:/{model.model_id}", run_id, {"over": "wire"}, model_id=model.model_id)
    with mlflow.start_span("root") as root:
        with mlflow.start_span("child", span_type="LLM") as child:
            child.set_attributes({"whole": 2**60, "ratio": 1 / 7, "list": [1, 2.5, "x"], "none": None})
            child.add_event(SpanEvent("said", attributes={"n": 1}))
        root.set_outputs({"answer": [1, {"deep": True}]})
    mlflow.flush_trace_async_logging()
    mlflow.log_expectation(trace_id=root.trace_id, name="expected", value={"x": [1, 2]})
    old = mlflow.log_feedback(trace_id=root.trace_id, name="good", value=0.25)
    mlflow.override_feedback(trace_id=root.trace_id, assessment_id=old.assessment_id, value=0.75, rationale="looked again")
    made = create_dataset(name="questions", experiment_id=[experiment.experiment_id], tags={"t": "1"})
    made.merge_records([{"inputs": {"q": "a"}, "expectations": {"e": 1}}, {"inputs": {"q": "b", "n": 2}}])
    gone = client.create_experiment("gone")
    client.log_metric(client.create_run(gone).info.run_id, "m", 1.0)
    client.delete_experiment(gone)
    with mlflow.start_run(run_name="still running", experiment_id=experiment.experiment_id) as open_run:
        mlflow.log_metric("loss", 1.0)
        left = open_run.info.run_id
    client.update_run(left, status="RUNNING")
