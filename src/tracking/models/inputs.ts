/** What went into a run and came out of it: datasets with their tags, logged models. */
import type { Principal } from '../../contract/access.ts'
import type { Sql, Tx } from '../../store/db.ts'
import { requireExperiment } from '../experiments/experiments.ts'
import type { Tag } from '../context/pairs.ts'
import { LIMITS, checkLength, checkRunId } from '../../mlflow/limits.ts'
import { requireLoggedModel } from './logged-models.ts'
import { requireActiveRun } from '../runs/runs.ts'
import type { RunRow } from '../runs/runs.ts'
import type { Tracking } from '../context/context.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'
import { invalid } from '../../mlflow/wire.ts'
import { insertRow } from '../../store/sql/rows.ts'

/** A dataset as MLflow describes it; `schema`, `profile` and `source` are texts that the client chose. */
export interface Dataset {
  readonly name: string
  readonly digest: string
  readonly source_type: string
  readonly source: string
  readonly schema?: string | undefined
  readonly profile?: string | undefined
}

export interface DatasetInput {
  readonly tags: readonly Tag[]
  readonly dataset: Dataset
}

export interface ModelInput {
  readonly model_id: string
}

export interface ModelOutput {
  readonly model_id: string
  readonly step: number
}

const CONTEXT_TAG = 'mlflow.data.context'

/** Datasets logged by one call at most. */
const MOST_DATASETS = 1000

/** Notes what a run read. A dataset is known once per experiment by (name, digest); logged again, it stays as it is. */
export async function logInputs(
  room: Tracking,
  who: Principal,
  runId: string,
  given: { datasets: readonly DatasetInput[]; models: readonly ModelInput[] },
): Promise<void> {
  if (given.datasets.length > MOST_DATASETS) {
    throw invalid(
      `A batch logging request can contain at most ${MOST_DATASETS} datasets. Got ${given.datasets.length} datasets.`,
    )
  }
  checkRunId(runId)
  given.datasets.forEach(checkDataset)
  await room.db.tx(async (t) => {
    const run = await requireActiveRun(t, room, who, runId)
    for (const [index, input] of given.datasets.entries()) await writeDataset(t, run, input, index)
    for (const [index, model] of given.models.entries()) {
      await requireLoggedModel(t, who, model.model_id)
      await writeModel(t, { runId, role: 'input', modelId: model.model_id, step: 0, position: index })
    }
  })
}

/** Notes the models that a run made. */
export async function logOutputs(
  room: Tracking,
  who: Principal,
  runId: string,
  models: readonly ModelOutput[],
): Promise<void> {
  await room.db.tx(async (t) => {
    await requireActiveRun(t, room, who, runId)
    for (const [index, model] of models.entries()) {
      await requireLoggedModel(t, who, model.model_id)
      await writeModel(t, { runId, role: 'output', modelId: model.model_id, step: model.step, position: index })
    }
  })
}

export interface RunInputs {
  readonly datasets: DatasetInput[]
  readonly inputs: ModelInput[]
  readonly outputs: ModelOutput[]
}

/** The inputs and outputs of the runs in an IN list, by run id; runs without any are absent. `read` asks the database. */
export async function readInputs(ids: Sql, read: <T>(query: Sql) => Promise<T[]>): Promise<Map<string, RunInputs>> {
  const [datasets, tags, models] = await Promise.all([
    read<DatasetRow>(
      sql`SELECT i.run_id, d.name, d.digest, d.source_type, d.source, d.schema, d.profile
        FROM dataset_inputs i JOIN datasets d
          ON d.experiment_id = i.experiment_id AND d.name = i.name AND d.digest = i.digest
        WHERE i.run_id IN ${ids} ORDER BY i.run_id, i.position, i.name, i.digest`,
    ),
    read<Tag & { run_id: string; name: string; digest: string }>(
      sql`SELECT run_id, name, digest, key, value FROM dataset_input_tags WHERE run_id IN ${ids} ORDER BY key`,
    ),
    read<{ run_id: string; role: string; model_id: string; step: number }>(
      sql`SELECT run_id, role, model_id, step FROM run_models WHERE run_id IN ${ids} ORDER BY run_id, position, model_id`,
    ),
  ])
  const found = new Map<string, RunInputs>()
  const of = (runId: string) => {
    const known = found.get(runId) ?? { datasets: [], inputs: [], outputs: [] }
    found.set(runId, known)
    return known
  }
  const tagsOf = Map.groupBy(tags, (tag) => JSON.stringify([tag.run_id, tag.name, tag.digest]))
  for (const row of datasets) {
    const own = tagsOf.get(JSON.stringify([row.run_id, row.name, row.digest])) ?? []
    of(row.run_id).datasets.push({ tags: own.map(({ key, value }) => ({ key, value })), dataset: datasetOf(row) })
  }
  for (const row of models) {
    if (row.role === 'input') of(row.run_id).inputs.push({ model_id: row.model_id })
    else of(row.run_id).outputs.push({ model_id: row.model_id, step: row.step })
  }
  return found
}

export interface DatasetSummary {
  readonly experiment_id: string
  readonly name: string
  readonly digest: string
  readonly context?: string
}

/** Experiments asked about at once, and summaries answered, at most. */
const MOST_EXPERIMENTS = 20
const MOST_SUMMARIES = 1000

/** The datasets that runs of the experiments read, each with its contexts. */
export async function searchDatasets(
  room: Tracking,
  who: Principal,
  experimentIds: readonly string[],
): Promise<DatasetSummary[]> {
  if (experimentIds.length === 0) throw invalid('SearchDatasets request must specify at least one experiment_id.')
  if (experimentIds.length > MOST_EXPERIMENTS) {
    throw invalid(
      `SearchDatasets request cannot specify more than ${MOST_EXPERIMENTS} experiment_ids. ` +
        `Received ${experimentIds.length} experiment_ids.`,
    )
  }
  const seen: string[] = []
  for (const id of experimentIds) seen.push((await requireExperiment(room.db, who, id)).experiment_id)
  const rows = await fetchAll<Omit<DatasetSummary, 'context'> & { context: string | null }>(
    room.db,
    sql`SELECT DISTINCT i.experiment_id, i.name, i.digest, x.value AS context
      FROM dataset_inputs i JOIN runs r ON r.run_id = i.run_id AND r.lifecycle_stage = 'active'
      LEFT JOIN dataset_input_tags x
        ON x.run_id = i.run_id AND x.name = i.name AND x.digest = i.digest AND x.key = ${CONTEXT_TAG}
      WHERE i.experiment_id IN ${inList(seen)} ORDER BY i.experiment_id, i.name, i.digest LIMIT ${MOST_SUMMARIES}`,
  )
  return rows.map(({ context, ...row }) => ({ ...row, ...(context !== null && { context }) }))
}

interface DatasetRow {
  readonly run_id: string
  readonly name: string
  readonly digest: string
  readonly source_type: string
  readonly source: string
  readonly schema: string | null
  readonly profile: string | null
}

function datasetOf(row: DatasetRow): Dataset {
  return {
    name: row.name,
    digest: row.digest,
    source_type: row.source_type,
    source: row.source,
    ...(row.schema !== null && { schema: row.schema }),
    ...(row.profile !== null && { profile: row.profile }),
  }
}

function checkDataset({ dataset, tags }: DatasetInput, index: number): void {
  const path = `datasets[${index}].dataset`
  checkLength(dataset.name, `${path}.name`, LIMITS.datasetName)
  checkLength(dataset.digest, `${path}.digest`, LIMITS.datasetDigest)
  checkLength(dataset.source, `${path}.source`, LIMITS.datasetSource)
  checkLength(dataset.schema, `${path}.schema`, LIMITS.datasetSchema)
  checkLength(dataset.profile, `${path}.profile`, LIMITS.datasetProfile)
  for (const tag of tags) {
    checkLength(tag.key, 'key', LIMITS.inputTagKey)
    checkLength(tag.value, 'value', LIMITS.inputTagValue)
  }
}

async function writeDataset(t: Tx, run: RunRow, { dataset, tags }: DatasetInput, position: number): Promise<void> {
  const { run_id, experiment_id } = run
  const { name, digest, source_type, source, schema = null, profile = null } = dataset
  const whole = { experiment_id, name, digest, source_type, source, schema, profile }
  await insertRow(t, 'datasets', whole, 'ON CONFLICT DO NOTHING')
  const input = { run_id, position, experiment_id, name, digest }
  if ((await insertRow(t, 'dataset_inputs', input, 'ON CONFLICT DO NOTHING')) === 0) return
  const over = 'ON CONFLICT (run_id, name, digest, key) DO UPDATE SET value = excluded.value'
  for (const { key, value } of tags)
    await insertRow(t, 'dataset_input_tags', { run_id, name, digest, key, value }, over)
}

interface RunModel {
  readonly runId: string
  readonly role: 'input' | 'output'
  readonly modelId: string
  readonly step: number
  readonly position: number
}

async function writeModel(t: Tx, model: RunModel): Promise<void> {
  const { runId: run_id, role, modelId: model_id, step, position } = model
  const over = 'ON CONFLICT (run_id, role, model_id) DO UPDATE SET step = excluded.step'
  await insertRow(t, 'run_models', { run_id, role, model_id, step, position }, over)
}
