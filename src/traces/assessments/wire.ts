/** An assessment as it is kept and as MLflow's protocol says it. */
import { invalid } from '../../mlflow/wire.ts'
import { readTimestamp, writeTimestamp } from '../otlp/time.ts'

export type AssessmentKind = 'feedback' | 'expectation' | 'issue'

/** A row of the table. `value`, `error` and `metadata` are JSON; times in ms since 1970. */
export interface AssessmentRow {
  readonly assessment_id: string
  readonly trace_id: string
  readonly position: number
  readonly kind: AssessmentKind
  readonly name: string
  readonly source_type: string
  readonly source_id: string
  readonly span_id: string | null
  readonly value: string
  /** The value where it is a number, true or false, "yes" or "no"; for sums. */
  readonly number: number | null
  readonly error: string | null
  readonly rationale: string | null
  readonly metadata: string | null
  readonly overrides: string | null
  readonly valid: number
  readonly created_ms: number
  readonly updated_ms: number
}

/** What a caller says of an assessment; undefined where it says nothing. */
export interface GivenAssessment {
  readonly assessment_id: string | undefined
  readonly kind: AssessmentKind | undefined
  readonly name: string | undefined
  readonly source_type: string
  readonly source_id: string
  readonly span_id: string | undefined
  readonly value: unknown
  readonly error: unknown
  readonly rationale: string | undefined
  readonly metadata: Readonly<Record<string, string>> | undefined
  readonly overrides: string | undefined
  readonly valid: boolean | undefined
  readonly created_ms: number | undefined
}

type Json = Readonly<Record<string, unknown>>

const SOURCES = ['SOURCE_TYPE_UNSPECIFIED', 'HUMAN', 'LLM_JUDGE', 'CODE'] as const
const JSON_FORMAT = 'JSON_FORMAT'

/** Longest texts, in characters. */
const LONGEST_NAME = 250
const LONGEST_TEXT = 100_000

/** Reads an assessment. Names may be in snake_case or camelCase. INVALID_PARAMETER_VALUE names what is wrong. */
export function readAssessment(given: unknown, path = 'assessment'): GivenAssessment {
  const from = snake(asObject(given, path))
  const source = snake(asObject(from['source'] ?? {}, `${path}.source`))
  const kinds = (['feedback', 'expectation', 'issue'] as const).filter((kind) => from[kind] !== undefined)
  if (kinds.length > 1) throw invalid('Exactly one of `expectation`, `feedback`, or `issue` should be specified.')
  const kind = kinds[0]
  const body = kind === undefined ? {} : snake(asObject(from[kind], `${path}.${kind}`))
  return {
    assessment_id: textIn(from, 'assessment_id', path),
    kind,
    name: textIn(from, 'assessment_name', path),
    source_type: sourceType(source['source_type'], path),
    source_id: textIn(source, 'source_id', `${path}.source`) ?? 'default',
    span_id: textIn(from, 'span_id', path),
    value: valueOf(kind, body, path),
    error: kind === 'feedback' ? (body['error'] ?? from['error']) : undefined,
    rationale: textIn(from, 'rationale', path),
    metadata: from['metadata'] === undefined ? undefined : textMap(from['metadata'], `${path}.metadata`),
    overrides: textIn(from, 'overrides', path),
    valid: typeof from['valid'] === 'boolean' ? from['valid'] : undefined,
    created_ms: timeIn(from, 'create_time', path),
  }
}

/** MLflow's Assessment message. Lists and objects that were expected are said as JSON text, as its clients do. */
export function wireAssessment(row: AssessmentRow): object {
  return {
    assessment_id: row.assessment_id,
    assessment_name: row.name,
    trace_id: row.trace_id,
    ...(row.span_id !== null && { span_id: row.span_id }),
    source: { source_type: row.source_type, source_id: row.source_id },
    create_time: writeTimestamp(row.created_ms),
    last_update_time: writeTimestamp(row.updated_ms),
    [row.kind]: wireValue(row),
    ...(row.rationale !== null && { rationale: row.rationale }),
    ...(row.metadata !== null && { metadata: JSON.parse(row.metadata) as object }),
    ...(row.overrides !== null && { overrides: row.overrides }),
    valid: row.valid === 1,
  }
}

function wireValue(row: AssessmentRow): object {
  const value = JSON.parse(row.value) as unknown
  if (row.kind === 'issue') return { issue_name: value }
  if (row.kind === 'feedback') return { value, ...(row.error !== null && { error: JSON.parse(row.error) as object }) }
  if (typeof value !== 'object' || value === null) return { value }
  return { serialized_value: { serialization_format: JSON_FORMAT, value: row.value } }
}

/** The number that stands for a value in sums; null for one that has none. */
export function numberOf(value: unknown): number | null {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  const word = typeof value === 'string' ? value.trim().toLowerCase() : value
  if (word === true || word === 'yes') return 1
  return word === false || word === 'no' ? 0 : null
}

/** An object of texts. INVALID_PARAMETER_VALUE for others. */
export function textMap(given: unknown, path: string): Record<string, string> {
  const entries = Object.entries(asObject(given, path))
  return Object.fromEntries(
    entries.map(([key, value]) => {
      if (typeof value !== 'string') throw invalid(`Invalid value for parameter '${path}.${key}': expected text.`)
      return [key, value.replaceAll('\0', '\ufffd')]
    }),
  )
}

/** An object. INVALID_PARAMETER_VALUE for anything else. */
export function asObject(given: unknown, path: string): Json {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid(`Invalid value for parameter '${path}' supplied: expected an object.`)
  }
  return given as Json
}

/** The same object with its own names in snake_case. */
export function snake(given: Json): Json {
  const entries = Object.entries(given).map(([key, value]) => [snakeName(key), value ?? undefined])
  return Object.fromEntries(entries) as Json
}

/** One name in snake_case. */
export function snakeName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function valueOf(kind: AssessmentKind | undefined, body: Json, path: string): unknown {
  if (kind === 'issue') return textIn(body, 'issue_name', `${path}.issue`) ?? ''
  const packed = body['serialized_value']
  if (kind !== 'expectation' || packed === undefined) return body['value'] ?? null
  const { serialization_format: format, value } = snake(asObject(packed, `${path}.expectation.serialized_value`))
  if (format !== undefined && format !== JSON_FORMAT) {
    throw invalid(`Unknown serialization format: ${JSON.stringify(format)}. Only ${JSON_FORMAT} is supported.`)
  }
  try {
    return JSON.parse(value as string) as unknown
  } catch {
    throw invalid(`Invalid value for parameter '${path}.expectation.serialized_value.value': expected JSON.`)
  }
}

function sourceType(given: unknown, path: string): string {
  const name =
    typeof given === 'number' ? SOURCES[given] : (typeof given === 'string' ? given : SOURCES[0]).toUpperCase()
  const known = name === 'AI_JUDGE' ? 'LLM_JUDGE' : name
  if (!SOURCES.some((one) => one === known)) {
    throw invalid(`Invalid value for parameter '${path}.source.source_type': expected one of ${SOURCES.join(', ')}.`)
  }
  return known as string
}

function textIn(from: Json, name: string, path: string): string | undefined {
  const given = from[name]
  if (given === undefined || given === '') return undefined
  const most = name === 'rationale' ? LONGEST_TEXT : LONGEST_NAME
  if (typeof given !== 'string' || given.length > most) {
    throw invalid(
      `Invalid value for parameter '${path}.${name}' supplied: expected text of at most ${most} characters.`,
    )
  }
  return given.replaceAll('\0', '\ufffd')
}

function timeIn(from: Json, name: string, path: string): number | undefined {
  const given = textIn(from, name, path)
  return given === undefined ? undefined : readTimestamp(given, `${path}.${name}`)
}
