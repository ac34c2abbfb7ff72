"""Fills an MLflow backend database through the client's own store: runs in bulk, models, traces, a prompt, artifacts."""

import json
import sys
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunStatus, RunTag


def fill(folder: Path, runs: int) -> None:
    """Makes `runs` runs in two experiments, one logged model in ten, a trace in ten, one registered model and one prompt."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    client = MlflowClient(uri)
    store = client._tracking_client.store
    experiments = [client.create_experiment(name, (folder / "files" / name).as_uri()) for name in ("first", "second")]
    client.set_experiment_tag(experiments[0], "team", "blue")
    made = []
    for number in range(runs):
        run = store.create_run(experiments[number % 2], "ada", 1_700_000_000_000 + number, [RunTag("kind", f"k{number % 3}")], f"run {number}")
        run_id = run.info.run_id
        store.log_batch(
            run_id,
            [Metric("loss", 1 / (step + number + 1), 1_700_000_000_000 + step, step) for step in range(5)]
            + [Metric("odd", float("nan"), 1_700_000_000_000, 0), Metric("top", float("inf"), 1_700_000_000_000, 0)],
            [Param("lr", str(number / 1000)), Param("words", "größer\n東京")],
            [RunTag("note", "x" * (number % 7))],
        )
        store.update_run_info(run_id, RunStatus.FINISHED if number % 5 else RunStatus.FAILED, 1_700_000_100_000 + number, None)
        made.append(run_id)
    client.delete_run(made[-1])
    files(client, made)
    models(client, made)
    traces(experiments[0], runs)
    mlflow.genai.register_prompt("greeting", "Hello {{name}}", tags={"lang": "en"})
    print(json.dumps({"experiments": experiments, "runs": len(made)}))


def files(client: MlflowClient, made: list) -> None:
    """Gives one run in twenty files: texts, an empty one, one of a megabyte."""
    for number, run_id in enumerate(made[:-1:20]):
        client.log_text(run_id, f"run {number}\n", "notes/readme.txt")
        client.log_text(run_id, "", "empty.txt")
    client.log_text(made[0], "0123456789abcdef" * 65536, "big.bin")


def models(client: MlflowClient, made: list) -> None:
    """Logs models of plain files, and registers versions of one name with aliases, tags and a stage."""
    client.create_registered_model("ranker", {"owner": "ada"}, "ranks")
    for number, run_id in enumerate(made[:100:10]):
        run = client.get_run(run_id)
        model = client.create_logged_model(run.info.experiment_id, f"model-{number}", source_run_id=run_id, tags={"n": str(number)}, params={"depth": "3"}, model_type="plain")
        folder = Path(model.artifact_location.removeprefix("file://"))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "MLmodel").write_text(f"flavors:\n  python_function:\n    loader_module: none\nmodel_id: {model.model_id}\n")
        (folder / "weights.txt").write_text(f"{number}\n")
        client.finalize_logged_model(model.model_id, "READY")
        client.log_metric(run_id, "auc", 0.5 + number / 100, 1_700_000_000_500, 1, model_id=model.model_id)
        if number < 4:
            client.create_model_version("ranker", f"models:/{model.model_id}", run_id, {"n": str(number)}, description=f"no. {number}", model_id=model.model_id)
    client.delete_model_version("ranker", "2")
    client.set_registered_model_alias("ranker", "champion", "3")
    client.transition_model_version_stage("ranker", "1", "Staging")


def traces(experiment: str, runs: int) -> None:
    """Traces of two spans with feedback on every fifth."""
    mlflow.set_experiment(experiment_id=experiment)
    made = []
    for number in range(max(10, runs // 20)):
        with mlflow.start_span("ask") as root:
            root.set_inputs({"question": f"q {number}", "big": 2**60 + number})
            with mlflow.start_span("think", span_type="LLM") as child:
                child.set_attribute("ratio", number / 7)
            root.set_outputs({"answer": number})
        made.append(root.trace_id)
    mlflow.flush_trace_async_logging()
    for number, trace_id in enumerate(made[::5]):
        mlflow.log_feedback(trace_id=trace_id, name="good", value=number % 2 == 0, rationale="because")


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]))
