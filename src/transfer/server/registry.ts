/** Registered models, versions and prompts as an MLflow server says them, as rows of Slipway's registry. */
import type { Row } from '../../store/db.ts'
import { fullVersion } from '../mlflow/registry.ts'
import type { Rows } from '../mlflow/runs.ts'
import { listOf, objectOf, pagesOf, textOf, wholeOf } from './calls.ts'
import type { Json, MlflowServer } from './calls.ts'
import { pairs } from './runs.ts'

/** MLflow shows prompts only to those who ask for them. */
const PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"
const AT_ONCE = '100'

/** All registered models, then all prompts. */
export async function* registered(server: MlflowServer): AsyncGenerator<{ name: string; wire: Json; prompt: boolean }> {
  for (const prompt of [false, true]) {
    const query = { max_results: AT_ONCE, ...(prompt && { filter: PROMPTS }) }
    for await (const page of pagesOf(server, '/api/2.0/mlflow/registered-models/search', 'registered_models', {
      query,
    })) {
      for (const wire of page) yield { name: textOf(wire['name']) ?? '', wire, prompt }
    }
  }
}

/** One registered model with its versions, tags and aliases. */
export async function* registeredModelRows(
  server: MlflowServer,
  model: { readonly name: string; readonly wire: Json; readonly prompt: boolean },
): AsyncGenerator<Rows> {
  const { name, wire } = model
  const versions: Json[] = []
  const filter = `name = ${quoted(name)}${model.prompt ? ` AND ${PROMPTS}` : ''}`
  const query = { max_results: AT_ONCE, filter }
  for await (const page of pagesOf(server, '/api/2.0/mlflow/model-versions/search', 'model_versions', { query })) {
    versions.push(...page)
  }
  versions.sort((left, right) => wholeOf(left['version'], 0) - wholeOf(right['version'], 0))
  const created_at = wholeOf(wire['creation_timestamp'], 0)
  const updated_at = wholeOf(wire['last_updated_timestamp'], created_at)
  yield [
    'registered_models',
    [
      {
        name,
        project: textOf(wire['workspace']) ?? 'default',
        description: textOf(wire['description']) ?? '',
        created_at,
        updated_at,
        created_by: 'mlflow',
        gates: '[]',
        last_version: versions.reduce((most, one) => Math.max(most, wholeOf(one['version'], 0)), 0),
      },
    ],
  ]
  yield ['registered_model_tags', pairs(wire['tags'], { model: name })]
  const rows: Row[] = []
  for (const version of versions) rows.push(await versionRow(server, name, { wire: version, prompt: model.prompt }))
  yield ['model_versions', rows]
  yield [
    'model_version_tags',
    versions.flatMap((one) => pairs(one['tags'], { model: name, version: wholeOf(one['version'], 0) })),
  ]
  const aliases = listOf(wire['aliases'])
    .map((one) => ({
      model: name,
      alias: textOf(one['alias']) ?? '',
      version: wholeOf(one['version'], 0),
      moved_at: updated_at,
    }))
    .sort((left, right) => (left.alias < right.alias ? -1 : 1))
  // MLflow keeps no history of aliases; the registry writes a move to where each stands
  yield ['model_aliases', aliases]
}

async function versionRow(
  server: MlflowServer,
  name: string,
  { wire, prompt }: { readonly wire: Json; readonly prompt: boolean },
): Promise<Row> {
  const created_at = wholeOf(wire['creation_timestamp'], 0)
  const run = textOf(wire['run_id']) ?? ''
  const row = {
    model: name,
    version: wholeOf(wire['version'], 0),
    created_at,
    updated_at: wholeOf(wire['last_updated_timestamp'], created_at),
    created_by: textOf(wire['user_id']) ?? '',
    description: textOf(wire['description']) ?? '',
    source: textOf(wire['source']) ?? '',
    storage: prompt ? null : await storageOf(server, name, textOf(wire['version']) ?? ''),
    run_id: run,
    run_link: textOf(wire['run_link']) ?? '',
    stage: textOf(wire['current_stage']) ?? 'None',
  }
  return fullVersion(row, await metricsOf(server, run))
}

async function storageOf(server: MlflowServer, name: string, version: string): Promise<string | null> {
  const path = '/api/2.0/mlflow/model-versions/get-download-uri'
  const said = await server.text(path, { query: { name, version } })
  return said === undefined ? null : (textOf(objectOf(JSON.parse(said))['artifact_uri']) ?? null)
}

/** The numbers of the run that a version came from; none of one that is gone. */
async function metricsOf(server: MlflowServer, run: string): Promise<Record<string, number>> {
  if (run === '') return {}
  const said = await server.text('/api/2.0/mlflow/runs/get', { query: { run_id: run } })
  if (said === undefined) return {}
  const metrics = listOf(objectOf(objectOf(objectOf(JSON.parse(said))['run'])['data'])['metrics'])
  const numbers = metrics.map((one) => [textOf(one['key']) ?? '', Number(one['value'] ?? 0)] as const)
  return Object.fromEntries(
    numbers.filter(([, value]) => !Number.isNaN(value)).sort(([left], [right]) => (left < right ? -1 : 1)),
  )
}

function quoted(name: string): string {
  return name.includes("'") ? `"${name}"` : `'${name}'`
}
