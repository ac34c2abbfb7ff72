/** Writes a pipeline as a DAG of a foreign scheduler: its tasks take the steps of a run here, so that cache, lineage and retries are kept. */
import type { DagTool } from '../../contract/pipelines/tasks.ts'
import { airflowDag } from './airflow.ts'
import { argoDag } from './argo.ts'
import { azureDag } from './azure.ts'
import { dataFactoryDag } from './data-factory.ts'
import { githubDag } from './github.ts'
import { kubeflowDag } from './kubeflow.ts'
import { laidOut, type Dag, type DagJob, type Laid } from './laid.ts'
import { sagemakerDag } from './sagemaker.ts'
import { stepFunctionsDag } from './step-functions.ts'

const WRITERS: Readonly<Record<DagTool, (laid: Laid) => Dag>> = {
  airflow: airflowDag,
  kubeflow: kubeflowDag,
  argo: argoDag,
  github: githubDag,
  'step-functions': stepFunctionsDag,
  sagemaker: sagemakerDag,
  azure: azureDag,
  'data-factory': dataFactoryDag,
}

/** Throws `unprocessable` for what the scheduler cannot express, by name. */
export function writeDag(tool: DagTool, job: DagJob): Dag {
  return WRITERS[tool](laidOut(job))
}
