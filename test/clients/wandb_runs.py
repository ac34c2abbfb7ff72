"""Makes run folders with the real wandb SDK, offline, below the working folder; prints what it logged as JSON."""

import glob
import json
import os
import signal
import sys
import time

os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=".", WANDB_ERROR_REPORTING="false")

import wandb  # noqa: E402

STEPS = 40
CONFIG = {"lr": 1e-5, "optimizer": {"name": "adam", "betas": [0.9, 0.999]}, "big": 2**60, "none": None, "flag": True, "odd key!": "größer"}


def full() -> dict:
    """A run with all that the import maps."""
    told = {"loss": [], "train.deep.x": [], "ok": []}
    with wandb.init(
        project="flights", name="first try", group="sweep-a", job_type="train", notes="a note\n東京", tags=["baseline", "new data"],
        config=CONFIG, settings=wandb.Settings(x_stats_sampling_interval=0.1),
    ) as run:
        run.define_metric("loss", summary="min")
        for step in range(STEPS):
            run.log({"loss": 1 / (step + 1), "train": {"deep": {"x": step * 3}}, "ok": step % 2 == 0, "text": f"s{step}"})
            told["loss"].append(1 / (step + 1))
            told["train.deep.x"].append(step * 3)
            told["ok"].append(1 - step % 2)
        run.log({"nan": float("nan"), "inf": float("inf"), "ninf": -float("inf"), "huge": 2**62})
        run.log({"table": wandb.Table(columns=["a", "b"], data=[[1, 2], [3, 4]]), "page": wandb.Html("<b>x</b>")})
        run.log({"long": "x" * 70_000})
        print("trained")
        run.summary["best"] = 0.875
        run.summary["verdict"] = "fine"
        run.config.update({"late": 5})
        with open("weights.bin", "wb") as file:
            file.write(bytes(range(256)) * 1000)
        run.save("weights.bin")
        artifact = wandb.Artifact("ranker", "model")
        artifact.add_file("weights.bin")
        run.log_artifact(artifact)
        return {"id": run.id, "config": CONFIG, "told": told}


def failed() -> dict:
    """A run of the same project whose process says that it failed."""
    run = wandb.init(project="flights", name="second", config={"lr": 0.5})
    run.log({"loss": 2.5})
    run.finish(exit_code=3)
    return {"id": run.id}


def killed() -> None:
    """A run whose processes die: says its id, logs, and ends without a word once some of it lies in the file."""
    run = wandb.init(project="other", id="same-id", name="cut off")
    [file] = glob.glob("wandb/*same-id/run-same-id.wandb")
    before, step = os.path.getsize(file), 0
    while os.path.getsize(file) < before + 20_000:
        run.log({"value": step})
        step += 1
        time.sleep(0.001)
    print(json.dumps({"id": run.id}), flush=True)
    # the SDK's writer is a child process, which would go on and end the file in order
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat) as opened:
                pid, rest = opened.read().split(" ", 1)
        except OSError:
            continue
        if int(rest.rsplit(") ", 1)[1].split()[1]) == os.getpid():
            os.kill(int(pid), signal.SIGKILL)
    os._exit(9)


if __name__ == "__main__":
    if sys.argv[1:] == ["killed"]:
        killed()
    print(json.dumps({"full": full(), "failed": failed()}))
