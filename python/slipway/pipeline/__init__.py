"""Pipelines written in Python: ``step``, ``pipeline`` and ``param`` say what slipway.yaml says; standard library only."""

from slipway.pipeline.declared import param
from slipway.pipeline.expressions import item, partition, source
from slipway.pipeline.projects import Pipeline, pipeline
from slipway.pipeline.steps import Step, command, entry, step

__all__ = ["Pipeline", "Step", "command", "entry", "item", "param", "partition", "pipeline", "source", "step"]
