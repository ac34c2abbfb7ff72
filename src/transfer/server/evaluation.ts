/** Evaluation datasets with their records, and scorers, as an MLflow server says them, as rows of Slipway's tables. */
import type { Row } from '../../store/db.ts'
import { inputHash } from '../../evaluation/datasets/records.ts'
import type { Rows } from '../mlflow/runs.ts'
import { listOf, objectOf, textOf, wholeOf } from './calls.ts'
import type { Asked, Json, MlflowServer } from './calls.ts'
import type { ServerExperiment } from './listed.ts'

const BASE = '/api/3.0/mlflow'

/** All of them; none of a server that does not know them. */
export async function* evaluationRows(
  server: MlflowServer,
  experiments: readonly ServerExperiment[],
): AsyncGenerator<Rows> {
  let token = ''
  do {
    const body = { max_results: 100, ...(token !== '' && { page_token: token }) }
    const page = await answered(server, `${BASE}/datasets/search`, { body })
    for (const dataset of listOf(page['datasets'])) yield* datasetRows(server, dataset)
    token = textOf(page['next_page_token']) ?? ''
  } while (token !== '')
  // MLflow tells the scorers of active experiments alone
  const active = experiments.filter(({ wire }) => wire['lifecycle_stage'] !== 'deleted')
  for (const { id } of active) yield* scorerRows(server, id)
}

async function* datasetRows(server: MlflowServer, wire: Json): AsyncGenerator<Rows> {
  const dataset_id = textOf(wire['dataset_id']) ?? ''
  const path = `${BASE}/datasets/${encodeURIComponent(dataset_id)}`
  const records: Row[] = []
  let token = ''
  do {
    const query = { max_results: '1000', ...(token !== '' && { page_token: token }) }
    const page = await answered(server, `${path}/records`, { query })
    // the records come as JSON in a text
    records.push(...listOf(JSON.parse(textOf(page['records']) ?? '[]')).map((one) => recordRow(dataset_id, one)))
    token = textOf(page['next_page_token']) ?? ''
  } while (token !== '')
  yield [
    'evaluation_datasets',
    [
      {
        dataset_id,
        project: textOf(wire['workspace']) ?? 'default',
        name: textOf(wire['name']) ?? '',
        digest: textOf(wire['digest']) ?? '',
        schema: textOf(wire['schema']) ?? null,
        records: records.length,
        ...changes(wire),
      },
    ],
  ]
  const tags = Object.entries(objectOf(JSON.parse(textOf(wire['tags']) ?? '{}')))
  yield ['evaluation_dataset_tags', tags.map(([key, value]) => ({ dataset_id, key, value: textOf(value) ?? '' }))]
  const { experiment_ids = [] } = (await answered(server, `${path}/experiment-ids`, {})) as {
    experiment_ids?: string[]
  }
  yield ['evaluation_dataset_experiments', experiment_ids.map((id) => ({ dataset_id, experiment_id: id }))]
  yield ['evaluation_records', records]
}

function recordRow(dataset_id: string, wire: Json): Row {
  const source = objectOf(wire['source'])
  return {
    dataset_id,
    record_id: textOf(wire['dataset_record_id']) ?? '',
    input_hash: inputHash(objectOf(wire['inputs'])),
    inputs: JSON.stringify(objectOf(wire['inputs'])),
    outputs: jsonOf(wire['outputs']),
    expectations: jsonOf(wire['expectations']),
    tags: jsonOf(wire['tags']),
    source: jsonOf(wire['source']),
    source_type: textOf(wire['source_type']) ?? textOf(source['source_type']) ?? null,
    source_id: textOf(objectOf(source['source_data'])['trace_id']) ?? null,
    ...changes(wire),
  }
}

function changes(wire: Json): Row {
  const created_time = wholeOf(wire['created_time'], 0)
  return {
    created_time,
    last_update_time: wholeOf(wire['last_update_time'], created_time),
    created_by: textOf(wire['created_by']) ?? null,
    last_updated_by: textOf(wire['last_updated_by']) ?? null,
  }
}

function jsonOf(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value)
}

async function* scorerRows(server: MlflowServer, experiment_id: string): AsyncGenerator<Rows> {
  const list = await answered(server, `${BASE}/scorers/list`, { query: { experiment_id } })
  for (const scorer of listOf(list['scorers'])) {
    const name = textOf(scorer['scorer_name']) ?? ''
    const { scorers } = await answered(server, `${BASE}/scorers/versions`, { query: { experiment_id, name } })
    const versions = listOf(scorers).map((one) => ({
      experiment_id,
      name,
      version: wholeOf(one['scorer_version'], 0),
      serialized: textOf(one['serialized_scorer']) ?? '',
      creation_time: wholeOf(one['creation_time'], 0),
    }))
    const last_version = versions.reduce((most, { version }) => Math.max(most, version), 0)
    yield ['scorers', [{ experiment_id, name, scorer_id: textOf(scorer['scorer_id']) ?? '', last_version }]]
    yield ['scorer_versions', versions]
  }
}

/** A reply; empty where the server does not know the call. */
async function answered(server: MlflowServer, path: string, asked: Asked): Promise<Json> {
  const said = await server.text(path, asked)
  return said === undefined ? {} : objectOf(JSON.parse(said))
}
