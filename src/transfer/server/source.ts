/**
 * A running MLflow server as a source of an import, by its REST API alone. It is read from the machine of the command line: there the
 * credentials are, and Slipway's server need not be let out to addresses that callers name.
 */
import { createHash } from 'node:crypto'
import type { Part, Source, SourceFile } from '../send.ts'
import { listOf, objectOf, openServer, pagesOf, textOf, wholeOf } from './calls.ts'
import type { Credentials, Json, MlflowServer } from './calls.ts'
import { evaluationRows } from './evaluation.ts'
import { modelFiles, runFiles, traceFile } from './files.ts'
import { registered, registeredModelRows } from './registry.ts'
import { experimentRows, loggedModelRows, runRows } from './runs.ts'
import type { RunReading } from './runs.ts'
import { experimentOf, runOf } from './listed.ts'
import type { ServerExperiment } from './listed.ts'
import { traceOf, traceRows } from './traces.ts'

/** Runs, logged models or traces of one part. */
const TOGETHER = 50

/** Opens the server at an address. Throws `unprocessable` and `upstream_failed`, saying what is wrong with it. */
export async function mlflowServer(address: string, credentials: Credentials): Promise<Source> {
  const server = await openServer(address, credentials)
  const notes: string[] = []
  const noted = (what: string): void => void notes.push(what)
  return { kind: 'mlflow', place: server.url, notes, follow: true, parts: () => partsOf({ server, noted }) }
}

async function* partsOf(reading: RunReading): AsyncGenerator<Part> {
  const { server } = reading
  const experiments: ServerExperiment[] = []
  const all = { body: { max_results: 1000, view_type: 'ALL' } }
  for await (const page of pagesOf(server, '/api/2.0/mlflow/experiments/search', 'experiments', all)) {
    experiments.push(...page.map(experimentOf))
  }
  // by the order in which they were made, so that a name that was freed and given again comes in that order
  experiments.sort((left, right) => wholeOf(left.wire['creation_time'], 0) - wholeOf(right.wire['creation_time'], 0))
  yield { name: 'experiments', files: () => [], rows: () => experimentRows(experiments) }
  for (const experiment of experiments) yield* runParts(reading, experiment)
  for (const experiment of experiments) yield* modelParts(server, experiment)
  for (const experiment of experiments) yield* traceParts(server, experiment)
  yield { name: 'evaluation', files: () => [], rows: () => evaluationRows(server, experiments) }
  for await (const model of registered(server)) {
    yield { name: `model ${model.name}`, files: () => [], rows: () => registeredModelRows(server, model) }
  }
}

async function* runParts(reading: RunReading, experiment: ServerExperiment): AsyncGenerator<Part> {
  const { server } = reading
  // in the order of their start, where runs that are added meanwhile come behind
  const body = {
    experiment_ids: [experiment.id],
    run_view_type: 'ALL',
    max_results: TOGETHER,
    order_by: ['attributes.start_time ASC'],
  }
  for await (const page of pagesOf(server, '/api/2.0/mlflow/runs/search', 'runs', { body })) {
    const runs = page.map(runOf)
    if (runs.length === 0) continue
    yield {
      name: partName('runs', experiment.id, runs),
      files: () => joined(runs.map((run) => runFiles(server, run))),
      rows: () => runRows(reading, experiment, runs),
    }
  }
}

async function* modelParts(server: MlflowServer, experiment: ServerExperiment): AsyncGenerator<Part> {
  const order_by = [{ field_name: 'creation_timestamp', ascending: true }]
  const body = { experiment_ids: [experiment.id], max_results: TOGETHER, order_by }
  for await (const models of optionalPages(server, '/api/2.0/mlflow/logged-models/search', 'models', body)) {
    const places = models.map((one) => modelPlace(objectOf(one['info'])))
    if (places.length === 0) continue
    yield {
      name: partName('logged models', experiment.id, places),
      files: () => joined(places.map((place) => modelFiles(server, place))),
      rows: () => loggedModelRows(experiment, models),
    }
  }
}

function modelPlace(info: Json): { id: string; uri: string; time: number } {
  return {
    id: textOf(info['model_id']) ?? '',
    uri: textOf(info['artifact_uri']) ?? '',
    time: wholeOf(info['last_updated_timestamp_ms'], 0),
  }
}

async function* traceParts(server: MlflowServer, experiment: ServerExperiment): AsyncGenerator<Part> {
  const locations = [{ type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: experiment.id } }]
  const body = { locations, max_results: TOGETHER, order_by: ['timestamp_ms ASC'] }
  for await (const page of optionalPages(server, '/api/3.0/mlflow/traces/search', 'traces', body)) {
    const traces = page.map(traceOf)
    if (traces.length === 0) continue
    const unstored = traces.filter((trace) => !trace.stored)
    yield {
      name: partName('traces', experiment.id, traces),
      files: () => unstored.flatMap((trace) => traceFile(server, trace) ?? []),
      rows: () => traceRows(server, experiment, traces),
    }
  }
}

/** Pages of a call that older servers do not have. */
async function* optionalPages(
  server: MlflowServer,
  path: string,
  list: string,
  body: object,
): AsyncGenerator<readonly Json[]> {
  const first = await server.text(path, { body })
  if (first === undefined) return
  const page = JSON.parse(first) as Json
  yield listOf(page[list])
  const token = textOf(page['next_page_token']) ?? ''
  if (token !== '') yield* pagesOf(server, path, list, { body: { ...body, page_token: token } })
}

/** Names a part by all that is in it, so that one that has grown since is read again. */
function partName(what: string, experiment: string, parts: readonly { readonly id: string }[]): string {
  const ids = parts.map(({ id }) => id)
  const digest = createHash('sha256').update(ids.join('\n')).digest('hex').slice(0, 16)
  return `${what} of ${experiment}: ${ids.length} from ${ids[0] ?? ''}, ${digest}`
}

async function* joined(sources: readonly AsyncIterable<SourceFile>[]): AsyncGenerator<SourceFile> {
  for (const source of sources) yield* source
}
