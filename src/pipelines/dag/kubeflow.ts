/** A pipeline of Kubeflow Pipelines 2, as source for its SDK, which compiles it to the form that its server and Vertex AI take. */
import { commonNotes, kubernetesName, type Dag, type Laid } from './laid.ts'
import { pythonLiteral, pythonText, variableOf } from './python.ts'

export function kubeflowDag(laid: Laid): Dag {
  const { project, version, url, image, tasks, program } = laid
  const name = kubernetesName(project)
  const text = `"""Pipeline ${project} of Slipway, version ${version}, for Kubeflow Pipelines 2.

Written by \`slipway dag kubeflow\`: write it anew rather than edit it. Compile it with \`kfp dsl compile --py FILE --output pipeline.yaml\`.
Each task takes its step of a run of Slipway, which decides what comes from the cache, keeps outputs and lineage, and repeats what failed.
"""

from kfp import dsl

VERSION = ${pythonLiteral(version)}


@dsl.component(base_image=${pythonLiteral(image)})
def slipway_step(version: str, step: str, run: str, url: str, params: str):
    """Runs a step of a run; without a step it waits for the end of the run."""
    import os
    import subprocess
    import sys

    program = ${pythonText(program)}
    given = {"SLIPWAY_URL": os.environ.get("SLIPWAY_URL") or url, "SLIPWAY_RUN": run, "SLIPWAY_PARAMS": params}
    words = [version, step] if step else [version]
    # what is skipped is decided by Slipway; the tasks behind it ask for themselves
    subprocess.run([sys.executable, "-c", program, *words], env={**os.environ, **given, "SLIPWAY_SKIPPED": "0"}, check=True)


@dsl.pipeline(name=${pythonLiteral(name)}, description=${pythonLiteral(`Pipeline ${project} of Slipway, version ${version}`)})
def pipeline(url: str = ${pythonLiteral(url)}, params: str = "{}"):
    def task(step: str, *needs):
        made = slipway_step(version=VERSION, step=step, run=f"kubeflow {dsl.PIPELINE_JOB_ID_PLACEHOLDER}", url=url, params=params)
        made.set_display_name(step or "end").set_caching_options(False).after(*needs)
        return made

${tasks.map(({ id, step, needs, cpus, memory_bytes }) => `    ${variableOf(id)} = task(${[pythonLiteral(step), ...needs.map(variableOf)].join(', ')})${demands(cpus, memory_bytes)}`).join('\n')}
    task(${['""', ...laid.last.map(variableOf)].join(', ')})
`
  return {
    file: `slipway_${project.replaceAll(/[^A-Za-z0-9_]/g, '_')}_kfp.py`,
    text,
    notes: [
      'Compile it: kfp dsl compile --py FILE --output pipeline.yaml. The compiled form is also what Vertex AI Pipelines takes.',
      'Give the pods SLIPWAY_TOKEN from a secret: kfp.kubernetes.use_secret_as_env, or a pod default of the namespace.',
      'Params of the pipeline are one argument, params, as JSON.',
      ...commonNotes(laid),
    ],
  }
}

function demands(cpus: number | null, memory: number | null): string {
  const cpu = cpus === null ? '' : `.set_cpu_limit("${cpus}")`
  const bytes = memory === null ? '' : `.set_memory_limit("${Math.ceil(memory / 1024 ** 2)}Mi")`
  return `${cpu}${bytes}`
}
