/** Endpoints of MLflow's gateway: a name with the models behind it, and how a call is given to one. */
import { insertRow } from '../../store/sql/rows.ts'
import type { Principal } from '../../contract/access.ts'
import type { Reader, Sql, Tx } from '../../store/db.ts'
import { ensureExperiment, requireExperiment } from '../../tracking/experiments/experiments.ts'
import { homeProject } from '../../auth/visibility.ts'
import type { Llm } from '../context/context.ts'
import { fetchAll, inList, raw, sql } from '../../store/sql/sql.ts'
import { invalid, missing } from '../../mlflow/wire.ts'
import { showDefinitions } from './definitions.ts'
import type { DefinitionRow } from './definitions.ts'
import {
  DEFINITION,
  ENDPOINT,
  insertNamed,
  later,
  listOf,
  madeNow,
  newId,
  recordChange,
  refuseTaken,
  requireById,
  requireOne,
} from './records.ts'
import type { Made } from './records.ts'

/** A model of an endpoint as it is asked for. */
export interface ModelConfig {
  readonly model_definition_id: string
  readonly linkage_type: string | undefined
  readonly weight: number | undefined
  readonly fallback_order: number | undefined
}

export interface Fallback {
  readonly strategy: string | undefined
  /** MLflow's: fallbacks that are tried beside the first model. */
  readonly max_attempts: number | undefined
  /** Slipway's own, which MLflow has no word for: upstream calls in all, ≥ 1. It counts above `max_attempts`. */
  readonly attempts?: number
}

/** What an endpoint is made or changed with; what is undefined stays as it is, or gets its default. */
export interface EndpointGiven {
  readonly name: string | undefined
  readonly model_configs: readonly ModelConfig[]
  readonly routing_strategy: string | undefined
  readonly fallback_config: Fallback | undefined
  readonly experiment_id: string | undefined
  readonly usage_tracking: boolean | undefined
  /** As the column of that name; MLflow's calls say nothing of it. */
  readonly options?: string | null | undefined
}

export interface EndpointRow extends Made {
  readonly endpoint_id: string
  readonly name: string
  readonly routing_strategy: string | null
  readonly fallback_config: string | null
  readonly experiment_id: string | null
  readonly usage_tracking: number
  /** JSON of what is set of its routing, cache and guardrails; null = all as by default. */
  readonly options: string | null
}

/** A model of an endpoint. */
export interface MappingRow {
  readonly mapping_id: string
  readonly endpoint_id: string
  readonly model_definition_id: string
  readonly linkage_type: string
  readonly weight: number
  readonly fallback_order: number | null
  readonly position: number
  readonly created_at: number
  readonly created_by: string
}

const MOST_MODELS = 100

/** Makes an endpoint; its use is logged to an experiment of its name, unless another is given or none is wanted. */
export async function createEndpoint(
  room: Llm,
  who: Principal,
  given: EndpointGiven & { readonly name: string },
): Promise<object> {
  return room.db.tx(async (t) => oneEndpoint(t, await addEndpoint(t, room, who, given)))
}

/** Makes an endpoint in a transaction of the caller's; else as `createEndpoint`. */
export async function addEndpoint(
  t: Tx,
  room: Llm,
  who: Principal,
  given: EndpointGiven & { readonly name: string },
): Promise<EndpointRow> {
  if (given.model_configs.length === 0) throw invalid('Endpoint must have at least one model configuration')
  const project = await projectOf(t, who, given.model_configs)
  const row: EndpointRow = {
    endpoint_id: newId(room, 'e'),
    name: given.name,
    routing_strategy: given.routing_strategy ?? null,
    fallback_config: given.fallback_config === undefined ? null : JSON.stringify(given.fallback_config),
    experiment_id: null,
    usage_tracking: given.usage_tracking === false ? 0 : 1,
    options: given.options ?? null,
    ...madeNow(room, who, project),
  }
  const whole = { ...row, experiment_id: await experimentFor(t, room, who, { row, asked: given.experiment_id }) }
  await insertNamed(t, ENDPOINT, { ...whole })
  await putModels(t, room, who, { endpoint: whole, models: given.model_configs, from: 0 })
  await recordChange(t, room, who, { id: row.endpoint_id, what: 'endpoint created' })
  return whole
}

/** Changes what is given of an endpoint; models that are given replace the ones before. */
export async function updateEndpoint(
  room: Llm,
  who: Principal,
  given: EndpointGiven & { readonly endpoint_id: string },
): Promise<object> {
  return room.db.tx(async (t) => {
    const old = await requireById<EndpointRow>(t, who, ENDPOINT, given.endpoint_id)
    return oneEndpoint(t, await changeEndpoint(t, room, who, { old, given, what: 'endpoint changed' }))
  })
}

/** What MLflow leaves open of attempts stays as Slipway has it. */
function changedFallback(old: string | null, given: Fallback | undefined): string | null {
  if (given === undefined) return old
  const { attempts } = old === null ? {} : (JSON.parse(old) as Partial<Fallback>)
  const says = given.max_attempts !== undefined || given.attempts !== undefined
  return JSON.stringify(says || attempts === undefined ? given : { ...given, attempts })
}

/** In MLflow's words: the tries beyond the first. */
function showFallback(kept: string): object {
  const { attempts, ...rest } = JSON.parse(kept) as Partial<Fallback>
  return attempts === undefined ? rest : { ...rest, max_attempts: attempts - 1 }
}

/** Changes an endpoint in a transaction of the caller's, and records it as `what`; else as `updateEndpoint`. */
export async function changeEndpoint(
  t: Tx,
  room: Llm,
  who: Principal,
  { old, given, what }: { readonly old: EndpointRow; readonly given: EndpointGiven; readonly what: string },
): Promise<EndpointRow> {
  const changed: EndpointRow = {
    ...old,
    name: given.name ?? old.name,
    routing_strategy: given.routing_strategy ?? old.routing_strategy,
    fallback_config: changedFallback(old.fallback_config, given.fallback_config),
    usage_tracking: given.usage_tracking === undefined ? old.usage_tracking : Number(given.usage_tracking),
    options: given.options === undefined ? old.options : given.options,
    last_updated_at: later(room, old),
    last_updated_by: who.name,
  }
  const row = {
    ...changed,
    experiment_id: await experimentFor(t, room, who, { row: changed, asked: given.experiment_id }),
  }
  await t.lock(ENDPOINT.table)
  await refuseTaken(t, ENDPOINT, { ...row })
  await t.run(
    `UPDATE gateway_endpoints SET name = ?, routing_strategy = ?, fallback_config = ?, experiment_id = ?,
      usage_tracking = ?, options = ?, last_updated_at = ?, last_updated_by = ? WHERE endpoint_id = ?`,
    [
      row.name,
      row.routing_strategy,
      row.fallback_config,
      row.experiment_id,
      row.usage_tracking,
      row.options,
      row.last_updated_at,
      who.name,
      row.endpoint_id,
    ],
  )
  if (given.model_configs.length > 0) {
    await projectOf(t, who, given.model_configs)
    await t.run('DELETE FROM gateway_mappings WHERE endpoint_id = ?', [row.endpoint_id])
    await putModels(t, room, who, { endpoint: row, models: given.model_configs, from: 0 })
  }
  await recordChange(t, room, who, { id: row.endpoint_id, what })
  return row
}

/** One endpoint by id or name. RESOURCE_DOES_NOT_EXIST. */
export async function getEndpoint(
  room: Llm,
  who: Principal,
  by: { readonly id: string | undefined; readonly name: string | undefined },
): Promise<object> {
  return oneEndpoint(room.db, await requireOne<EndpointRow>(room.db, who, ENDPOINT, by))
}

/** Every endpoint, or those with a model of a provider or a secret. */
export async function listEndpoints(
  room: Llm,
  who: Principal,
  of: { readonly provider: string | undefined; readonly secret_id: string | undefined },
): Promise<object[]> {
  const where = [
    ...(of.provider ? [uses('provider', of.provider)] : []),
    ...(of.secret_id ? [uses('secret_id', of.secret_id)] : []),
  ]
  return showEndpoints(room.db, await listOf<EndpointRow>(room.db, who, ENDPOINT, where))
}

/** Deletes an endpoint with its models, bindings and tags. RESOURCE_DOES_NOT_EXIST. */
export async function deleteEndpoint(room: Llm, who: Principal, id: string): Promise<void> {
  await room.db.tx(async (t) => {
    await requireById(t, who, ENDPOINT, id)
    for (const table of ['gateway_mappings', 'gateway_bindings', 'gateway_endpoint_tags', ENDPOINT.table]) {
      await t.run(`DELETE FROM ${table} WHERE endpoint_id = ?`, [id])
    }
    await recordChange(t, room, who, { id, what: 'endpoint deleted' })
  })
}

/** Adds a model to an endpoint. INVALID_PARAMETER_VALUE when it has it in that part, or as many models as it can have. */
export async function attachModel(room: Llm, who: Principal, id: string, model: ModelConfig): Promise<object> {
  return room.db.tx(async (t) => {
    await t.lock(ENDPOINT.table)
    const endpoint = await requireById<EndpointRow>(t, who, ENDPOINT, id)
    await projectOf(t, who, [model])
    const held = await t.get<{ models: number; last: number | null }>(
      'SELECT COUNT(*) AS models, MAX(position) AS last FROM gateway_mappings WHERE endpoint_id = ?',
      [id],
    )
    checkCount((held?.models ?? 0) + 1)
    const rows = await putModels(t, room, who, { endpoint, models: [model], from: (held?.last ?? -1) + 1 })
    await recordChange(t, room, who, { id, what: 'model attached' })
    return (await showMappings(t, rows))[0] ?? {}
  })
}

/** Takes a model from an endpoint, which keeps at least one. RESOURCE_DOES_NOT_EXIST. */
export async function detachModel(room: Llm, who: Principal, id: string, definition: string): Promise<void> {
  await room.db.tx(async (t) => {
    await t.lock(ENDPOINT.table)
    await requireById(t, who, ENDPOINT, id)
    const gone = await t.run('DELETE FROM gateway_mappings WHERE endpoint_id = ? AND model_definition_id = ?', [
      id,
      definition,
    ])
    if (gone === 0) {
      throw missing(
        `Model definition '${definition}' is not attached to endpoint '${id}'`,
        'model definition',
        definition,
      )
    }
    if ((await t.get('SELECT mapping_id FROM gateway_mappings WHERE endpoint_id = ?', [id])) === undefined) {
      throw invalid('The last model of an endpoint cannot be detached; delete the endpoint.')
    }
    await recordChange(t, room, who, { id, what: 'model detached' })
  })
}

function checkCount(models: number): void {
  if (models > MOST_MODELS) throw invalid(`An endpoint has at most ${MOST_MODELS} models.`)
}

async function projectOf(t: Tx, who: Principal, models: readonly ModelConfig[]): Promise<string> {
  checkCount(models.length)
  const projects: string[] = []
  for (const model of models) {
    projects.push((await requireById<Made>(t, who, DEFINITION, model.model_definition_id)).project)
  }
  return who.project ?? projects[0] ?? homeProject(who)
}

async function experimentFor(
  t: Tx,
  room: Llm,
  who: Principal,
  of: { readonly row: EndpointRow; readonly asked: string | undefined },
): Promise<string | null> {
  if (of.asked) return (await requireExperiment(t, who, of.asked)).experiment_id
  if (of.row.usage_tracking === 0 || of.row.experiment_id !== null) return of.row.experiment_id
  return ensureExperiment(t, room, of.row.project, `gateway/${of.row.name}`)
}

async function putModels(
  t: Tx,
  room: Llm,
  who: Principal,
  of: { readonly endpoint: EndpointRow; readonly models: readonly ModelConfig[]; readonly from: number },
): Promise<MappingRow[]> {
  const rows = of.models.map((model, index) => ({
    mapping_id: newId(room, 'm'),
    endpoint_id: of.endpoint.endpoint_id,
    model_definition_id: model.model_definition_id,
    linkage_type: model.linkage_type ?? 'PRIMARY',
    weight: weightOf(model.weight),
    fallback_order: model.fallback_order ?? null,
    position: of.from + index,
    created_at: room.clock(),
    created_by: who.name,
  }))
  for (const row of rows) {
    const key = [row.endpoint_id, row.model_definition_id, row.linkage_type]
    const taken = await t.get(
      'SELECT mapping_id FROM gateway_mappings WHERE endpoint_id = ? AND model_definition_id = ? AND linkage_type = ?',
      key,
    )
    if (taken !== undefined)
      throw invalid(`Model definition '${row.model_definition_id}' is already attached to the endpoint`)
    await insertRow(t, 'gateway_mappings', row)
  }
  return rows
}

function weightOf(given: number | undefined): number {
  const weight = given ?? 1
  if (!(weight >= 0 && Number.isFinite(weight)))
    throw invalid(`Invalid weight ${weight}: expected a number of at least 0.`)
  return weight
}

/** The condition that an endpoint has a model with this value in a column of its definition. */
function uses(column: 'provider' | 'secret_id', value: string): Sql {
  return sql`endpoint_id IN (SELECT m.endpoint_id FROM gateway_mappings m
    JOIN gateway_model_definitions d ON d.model_definition_id = m.model_definition_id
    WHERE ${raw(`d.${column}`)} = ${value})`
}

async function oneEndpoint(reader: Reader, row: EndpointRow): Promise<object> {
  return (await showEndpoints(reader, [row]))[0] ?? {}
}

async function showEndpoints(reader: Reader, rows: readonly EndpointRow[]): Promise<object[]> {
  const ids = inList(rows.map((row) => row.endpoint_id))
  const mappings = await fetchAll<MappingRow>(
    reader,
    sql`SELECT * FROM gateway_mappings WHERE endpoint_id IN ${ids} ORDER BY endpoint_id, position`,
  )
  const shown = await showMappings(reader, mappings)
  const tags = await fetchAll<{ endpoint_id: string; key: string; value: string }>(
    reader,
    sql`SELECT * FROM gateway_endpoint_tags WHERE endpoint_id IN ${ids} ORDER BY endpoint_id, key`,
  )
  return rows.map(({ project: _p, options: _o, routing_strategy, fallback_config, experiment_id, ...row }) => ({
    ...row,
    usage_tracking: row.usage_tracking === 1,
    model_mappings: shown.filter((_one, at) => mappings[at]?.endpoint_id === row.endpoint_id),
    tags: tags.filter((tag) => tag.endpoint_id === row.endpoint_id).map(({ key, value }) => ({ key, value })),
    ...(routing_strategy !== null && { routing_strategy }),
    ...(fallback_config !== null && { fallback_config: showFallback(fallback_config) }),
    ...(experiment_id !== null && { experiment_id }),
  }))
}

async function showMappings(reader: Reader, rows: readonly MappingRow[]): Promise<object[]> {
  const ids = inList([...new Set(rows.map((row) => row.model_definition_id))])
  const definitions = await fetchAll<DefinitionRow>(
    reader,
    sql`SELECT * FROM gateway_model_definitions WHERE model_definition_id IN ${ids}`,
  )
  const shown = await showDefinitions(reader, definitions)
  return rows.map(({ position: _position, fallback_order, ...row }) => {
    const at = definitions.findIndex((one) => one.model_definition_id === row.model_definition_id)
    return { ...row, model_definition: shown[at], ...(fallback_order !== null && { fallback_order }) }
  })
}
