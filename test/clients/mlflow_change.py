"""Changes on a running MLflow server what an import has brought already: runs that end, grow, are renamed and deleted, and new ones."""

import json
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

if __name__ == "__main__":
    mlflow.set_tracking_uri(sys.argv[1])
    client = MlflowClient()
    experiment = client.get_experiment_by_name("over the wire").experiment_id
    first = client.get_experiment_by_name("first")
    open_run = client.search_runs([experiment], "attributes.status = 'RUNNING'")[0].info.run_id
    points = [Metric("loss", 1 / (step + 2), 1_800_000_000_000 + step, step) for step in range(1, 40)]
    client.log_batch(open_run, points, [Param("late", "yes")], [RunTag("state", "done")])
    client.log_metric(open_run, "late metric", -1.5)
    client.log_text(open_run, "written at the end", "end.txt")
    client.set_terminated(open_run, "FINISHED")
    done = client.search_runs([first.experiment_id], "attributes.status = 'FINISHED'", max_results=3)
    renamed, removed, grown = (run.info.run_id for run in done)
    client.update_run(renamed, name="another name")
    client.set_tag(renamed, "kind", "changed")
    client.delete_run(removed)
    client.log_metric(grown, "after the end", 7.0, step=3)
    client.set_tag(grown, "looked at", "ja")
    client.log_text(open_run, "and once more", "end.txt")
    client.rename_experiment(first.experiment_id, "first, renamed")
    client.set_experiment_tag(first.experiment_id, "team", "red")
    fresh = client.create_run(experiment, run_name="after the import")
    client.log_metric(fresh.info.run_id, "loss", 0.25)
    client.set_terminated(fresh.info.run_id, "FAILED")
    trace = mlflow.search_traces(locations=[experiment], return_type="list", max_results=1)[0]
    mlflow.log_feedback(trace_id=trace.info.trace_id, name="later", value=True)
    source = client.get_model_version("ranker", "1").source
    client.create_model_version("ranker", source, tags={"new": "yes"}, model_id=source.rsplit("/", 1)[-1])
    client.set_registered_model_alias("ranker", "champion", "1")
    assert client.get_run(removed).info.lifecycle_stage == "deleted"
    print(json.dumps({"open": open_run, "renamed": renamed, "removed": removed, "grown": grown, "fresh": fresh.info.run_id}))
