/** What a name in a search of traces means, and what it may be compared with. */
import type { Operator } from '../../mlflow/filter.ts'
import { invalid } from '../../mlflow/wire.ts'

/** Where a field lies: a column of the trace, or a row of one of its tables. */
export interface Field {
  /** As the caller wrote it. */
  readonly name: string
  readonly place:
    | 'column'
    | 'tag'
    | 'metadata'
    | 'run'
    | 'prompt'
    | 'span'
    | 'attribute'
    | 'feedback'
    | 'expectation'
    | 'issue'
  /** The column, or the key in the table. */
  readonly key: string
  readonly type: 'text' | 'number' | 'either'
  readonly operators: readonly Operator[]
}

const NUMERIC: readonly Operator[] = ['=', '!=', '>', '>=', '<', '<=']
const LISTED: readonly Operator[] = ['=', '!=', 'IN', 'NOT IN', 'LIKE', 'ILIKE', 'REGEXP']
const KEYED: readonly Operator[] = [...LISTED, 'IS NULL', 'IS NOT NULL']
const JUDGED: readonly Operator[] = [...NUMERIC, 'LIKE', 'ILIKE', 'REGEXP', 'IS NULL', 'IS NOT NULL']
const WORDS: readonly Operator[] = ['LIKE', 'ILIKE']

const ENTITIES: Readonly<Record<string, string>> = {
  attribute: 'attribute',
  attributes: 'attribute',
  attr: 'attribute',
  trace: 'attribute',
  tag: 'tag',
  tags: 'tag',
  metadata: 'metadata',
  request_metadata: 'metadata',
  span: 'span',
  feedback: 'feedback',
  expectation: 'expectation',
  issue: 'issue',
}

/** Names of columns; `end` and the like are expressions of the search. */
const TEXTS: Readonly<Record<string, string>> = {
  request_id: 'trace_id',
  trace_id: 'trace_id',
  client_request_id: 'client_request_id',
  status: 'state',
  state: 'state',
  name: 'name',
  experiment_id: 'experiment_id',
}
const NUMBERS: Readonly<Record<string, string>> = {
  timestamp: 'start_ms',
  timestamp_ms: 'start_ms',
  request_time: 'start_ms',
  execution_time: 'duration_ms',
  execution_time_ms: 'duration_ms',
  end_time: 'end_ms',
  end_time_ms: 'end_ms',
}

/** Tags and metadata that have a place of their own. */
const TAG_COLUMNS: Readonly<Record<string, string>> = {
  'mlflow.traceName': 'name',
  'mlflow.artifactLocation': 'artifact_uri',
  'mlflow.trace.spansLocation': 'spans_location',
}
const PROMPTS_TAG = 'mlflow.linkedPrompts'
const RUN_KEY = 'mlflow.sourceRun'

/** Places by which traces may be ordered. */
const SORTABLE: readonly (Field['place'] | undefined)[] = ['column', 'tag', 'metadata', 'run']

/** Finds a field for a filter or an order. INVALID_PARAMETER_VALUE for a name that means nothing. */
export function fieldOf(split: { entity: string | undefined; key: string }, use: 'filter' | 'order'): Field {
  const prefix = split.entity ?? 'attribute'
  if (!Object.hasOwn(ENTITIES, prefix)) {
    const valid = Object.keys(ENTITIES)
      .map((one) => `'${one}'`)
      .join(', ')
    throw invalid(`Invalid entity type '${prefix}'. Valid values are [${valid}]`)
  }
  const entity = ENTITIES[prefix] ?? ''
  const name = split.entity === undefined ? split.key : `${prefix}.${split.key}`
  const field = READERS[entity]?.(name, split.key)
  if (field === undefined || (use === 'order' && !SORTABLE.includes(field.place))) {
    throw invalid(`Invalid ${entity} key '${split.key}' specified for ${use === 'order' ? 'order_by' : 'a filter'}.`)
  }
  return field
}

type Reader = (name: string, key: string) => Field | undefined

const READERS: Readonly<Record<string, Reader>> = {
  attribute: (name, key) => {
    const lower = key.toLowerCase()
    if (Object.hasOwn(TEXTS, lower)) return text(name, 'column', TEXTS[lower] ?? '')
    if (Object.hasOwn(NUMBERS, lower)) {
      return { name, place: 'column', key: NUMBERS[lower] ?? '', type: 'number', operators: NUMERIC }
    }
    if (lower === 'run_id') return text(name, 'run', RUN_KEY)
    if (lower === 'prompt') return { ...text(name, 'prompt', ''), operators: ['='] }
    return lower === 'text' ? { ...text(name, 'span', 'content'), operators: WORDS } : undefined
  },
  tag: (name, key) => {
    if (Object.hasOwn(TAG_COLUMNS, key)) return { ...text(name, 'column', TAG_COLUMNS[key] ?? ''), operators: KEYED }
    if (key === PROMPTS_TAG) return { ...text(name, 'prompt', ''), operators: ['='] }
    return { ...text(name, 'tag', key), operators: KEYED }
  },
  metadata: (name, key) => ({ ...text(name, key === RUN_KEY ? 'run' : 'metadata', key), operators: KEYED }),
  span: (name, key) => {
    if (key === 'name' || key === 'type' || key === 'status') return text(name, 'span', key)
    if (key === 'content') return { ...text(name, 'span', key), operators: WORDS }
    const attribute = /^attributes\.(?:`([^`]+)`|"([^"]+)"|(.+))$/s.exec(key)
    const inner = attribute?.[1] ?? attribute?.[2] ?? attribute?.[3]
    if (inner !== undefined && !inner.includes('"')) return text(name, 'attribute', inner)
    throw invalid(
      `Invalid span attribute '${key}'. Supported attributes: name, status, type, attributes.<attribute_name>.`,
    )
  },
  feedback: (name, key) => judged(name, 'feedback', key),
  expectation: (name, key) => judged(name, 'expectation', key),
  issue: (name, key) => (key === 'id' ? { ...text(name, 'issue', key), operators: ['='] } : undefined),
}

function text(name: string, place: Field['place'], key: string): Field {
  return { name, place, key, type: 'text', operators: LISTED }
}

function judged(name: string, place: 'feedback' | 'expectation', key: string): Field | undefined {
  return key === '' ? undefined : { name, place, key, type: 'either', operators: JUDGED }
}
