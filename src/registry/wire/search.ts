/** MLflow's search of registered models and versions: filter, order, keyset pages, and prompts apart from models. */
import type { Principal } from '../../contract/access.ts'
import { compare } from '../../mlflow/compare.ts'
import { LISTED, NUMERIC, parseFilter, parseOrder, TEXTUAL } from '../../mlflow/filter.ts'
import type { Comparison, Filter, FilterSchema } from '../../mlflow/filter.ts'
import { keyset, readPage } from '../../mlflow/paging.ts'
import type { SortColumn } from '../../mlflow/paging.ts'
import { visible } from '../../auth/visibility.ts'
import { raw, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'
import { invalid } from '../../mlflow/wire.ts'
import { PROMPT_TAG } from '../context/names.ts'
import type { ModelRow, Registry, VersionRow } from '../context/context.ts'
import { showModels, showVersions } from '../versions/wire-read.ts'

export interface RegistrySearch {
  readonly filter: string | undefined
  readonly order_by: readonly string[]
  readonly max_results: number
  readonly page_token: string | undefined
}

const ENTITIES = { attribute: 'attribute', attributes: 'attribute', tag: 'tag', tags: 'tag' } as const
const TIME = { type: 'number', operators: NUMERIC } as const
const UPDATED = { ...TIME, as: 'updated_at' } as const
const CREATED = { ...TIME, as: 'created_at' } as const

const MODELS: FilterSchema = {
  entities: ENTITIES,
  keys: { attribute: { name: { type: 'text', operators: LISTED } }, tag: { type: 'text', operators: TEXTUAL } },
}

const VERSIONS: FilterSchema = {
  entities: ENTITIES,
  keys: {
    attribute: {
      name: { type: 'text', operators: LISTED, as: 'model' },
      version_number: { type: 'number', operators: NUMERIC, as: 'version', lenient: true },
      run_id: { type: 'text', operators: LISTED },
      source_path: { type: 'text', operators: TEXTUAL, as: 'source' },
    },
    tag: { type: 'text', operators: TEXTUAL },
  },
}

/** What may be sorted by; `timestamp` is an old name. */
const MODEL_ORDER: FilterSchema = {
  entities: ENTITIES,
  keys: {
    attribute: {
      name: { type: 'text', operators: [] },
      creation_timestamp: CREATED,
      last_updated_timestamp: UPDATED,
      timestamp: UPDATED,
    },
  },
}

const VERSION_ORDER: FilterSchema = {
  entities: ENTITIES,
  keys: {
    attribute: {
      name: { type: 'text', operators: [], as: 'model' },
      version_number: { ...TIME, as: 'version' },
      creation_timestamp: CREATED,
      last_updated_timestamp: UPDATED,
    },
  },
}

function modelTag(test: Sql): Sql {
  return sql`EXISTS (SELECT 1 FROM registered_model_tags x WHERE x.model = v.name AND ${test})`
}

function versionTag(test: Sql): Sql {
  return sql`EXISTS (SELECT 1 FROM model_version_tags x WHERE x.model = v.model AND x.version = v.version AND ${test})`
}

/** One page of models, by name unless asked otherwise. */
export async function searchModels(
  room: Registry,
  who: Principal,
  asked: RegistrySearch,
): Promise<{ registered_models?: object[]; next_page_token?: string }> {
  const filter = comparisons(parseFilter(asked.filter, MODELS))
  const columns = sortColumns(asked.order_by, MODEL_ORDER, [{ key: 'name', type: 'text', descending: false }])
  const page = keyset(columns, asked.page_token, ['registered', asked.filter ?? '', asked.order_by, who.project])
  const where = [visible(who, 'v.project'), ...conditions(room, filter, modelTag)]
  if (!wantsPrompts(filter)) where.push(sql`NOT ${modelTag(IS_PROMPT)}`)
  const paged = { columns: raw('v.*'), from: raw('FROM registered_models v'), where }
  const { rows, next } = await readPage<ModelRow>(room.db, page, asked.max_results, paged)
  return { ...(rows.length > 0 && { registered_models: await showModels(room.db, rows) }), ...next }
}

/** One page of versions, the last changed first unless asked otherwise. */
export async function searchVersions(
  room: Registry,
  who: Principal,
  asked: RegistrySearch,
): Promise<{ model_versions?: object[]; next_page_token?: string }> {
  const filter = comparisons(parseFilter(asked.filter, VERSIONS))
  const columns = sortColumns(asked.order_by.length > 0 ? asked.order_by : NEWEST_FIRST, VERSION_ORDER, [
    { key: 'model', type: 'text', descending: false },
    { key: 'version', type: 'int', descending: true },
  ])
  const page = keyset(columns, asked.page_token, ['versions', asked.filter ?? '', asked.order_by, who.project])
  const where = [visible(who, 'm.project'), raw('v.deleted_at IS NULL'), ...conditions(room, filter, versionTag)]
  if (!wantsPrompts(filter)) {
    where.push(sql`NOT EXISTS (SELECT 1 FROM registered_model_tags x WHERE x.model = v.model AND ${IS_PROMPT})`)
    where.push(sql`NOT ${versionTag(IS_PROMPT)}`)
  }
  const paged = {
    columns: raw('v.*'),
    from: raw('FROM model_versions v JOIN registered_models m ON m.name = v.model'),
    where,
  }
  const { rows, next } = await readPage<VersionRow>(room.db, page, asked.max_results, paged)
  return { ...(rows.length > 0 && { model_versions: await showVersions(room.db, rows) }), ...next }
}

const NEWEST_FIRST = ['last_updated_timestamp DESC', 'name ASC', 'version_number DESC']
const IS_PROMPT = sql`x.key = ${PROMPT_TAG} AND LOWER(x.value) = 'true'`

/** The grammar joins by AND alone. */
function comparisons(filter: Filter | undefined): Comparison[] {
  if (filter === undefined) return []
  if (filter.kind === 'compare') return [filter]
  return filter.kind === 'not' ? comparisons(filter.part) : filter.parts.flatMap(comparisons)
}

function isAboutPrompts(one: Comparison): boolean {
  return one.entity === 'tag' && one.key === PROMPT_TAG
}

/** The first comparison with the tag decides; without any, prompts are left out. */
function wantsPrompts(filter: readonly Comparison[]): boolean {
  const first = filter.find(isAboutPrompts)
  const value = String(first?.value ?? '').toLowerCase()
  return (first?.operator === '=' && value === 'true') || (first?.operator === '!=' && value === 'false')
}

/** Models do not have the tag of prompts at all, so that a comparison which wants models must not ask for it. */
function conditions(room: Registry, filter: readonly Comparison[], tagged: (test: Sql) => Sql): Sql[] {
  const wanted = wantsPrompts(filter) ? filter : filter.filter((one) => !isAboutPrompts(one))
  return wanted.map((one) =>
    one.entity === 'attribute'
      ? compare(room.db.kind, raw(`v.${one.key}`), one)
      : tagged(sql`x.key = ${one.key} AND ${compare(room.db.kind, raw('x.value'), one)}`),
  )
}

interface Standard {
  readonly key: string
  readonly type: SortColumn['type']
  readonly descending: boolean
}

function unknownKey(key: string, valid: string): string {
  return `Invalid order by key '${key}' specified. Valid keys are '${valid}'`
}

/** The order asked for, then the standard columns that are not in it: the position of a row is then one of its own. */
function sortColumns(clauses: readonly string[], schema: FilterSchema, standard: readonly Standard[]): SortColumn[] {
  const asked = clauses.map((clause) => {
    const order = parseOrder(clause, schema, unknownKey)
    return { key: order.key, type: order.type === 'text' ? 'text' : 'int', descending: order.descending } as const
  })
  if (new Set(asked.map((one) => one.key)).size < asked.length) {
    throw invalid(`\`order_by\` contains duplicate fields: [${clauses.map((clause) => `'${clause}'`).join(', ')}]`)
  }
  const rest = standard.filter((one) => !asked.some((other) => other.key === one.key))
  return [...asked, ...rest].map(({ key, type, descending }) => ({ expression: raw(`v.${key}`), type, descending }))
}
