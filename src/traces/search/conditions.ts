/** Turns a filter of traces into SQL over the table `traces r`. */
import { compare } from '../../mlflow/compare.ts'
import type { Comparison } from '../../mlflow/filter.ts'
import { joined, raw, sql } from '../../store/sql/sql.ts'
import type { Db, Sql } from '../../store/db.ts'
import { invalid } from '../../mlflow/wire.ts'
import type { Compared, TraceFilter } from './filter.ts'
import { SPANS_HERE } from '../context/rows.ts'

type Kind = Db['kind']

/** The condition that a trace fits. Comparisons of spans that AND joins are of one span. */
export function traceCondition(kind: Kind, filter: TraceFilter): Sql {
  if (filter.kind === 'not') return sql`NOT (${traceCondition(kind, filter.part)})`
  if (filter.kind === 'or') return combine(kind, filter.parts, ' OR ')
  const parts = filter.kind === 'and' ? filter.parts : [filter]
  const spans = parts.filter((part) => part.kind === 'compare' && isOfSpan(part)) as Compared[]
  const others = parts.filter((part) => !spans.some((span) => span === part))
  const conditions = others.map((part) =>
    part.kind === 'compare' ? comparison(kind, part) : sql`(${traceCondition(kind, part)})`,
  )
  if (spans.length > 0) conditions.push(ofOneSpan(kind, spans))
  return joined(conditions, ' AND ')
}

function combine(kind: Kind, parts: readonly TraceFilter[], between: string): Sql {
  return joined(
    parts.map((part) => sql`(${traceCondition(kind, part)})`),
    between,
  )
}

function isOfSpan(one: Compared): boolean {
  return one.field.place === 'span' || one.field.place === 'attribute'
}

function ofOneSpan(kind: Kind, spans: readonly Compared[]): Sql {
  const conditions = spans.map((one) => {
    const column = one.field.place === 'span' ? raw(`x.${one.field.key}`) : attributeOf(kind, one.field.key)
    return test(kind, column, one)
  })
  return sql`EXISTS (SELECT 1 FROM trace_spans x WHERE x.trace_id = r.trace_id AND ${joined(conditions, ' AND ')})`
}

/** An attribute as text: a word without quotes, anything else as its JSON. */
function attributeOf(kind: Kind, key: string): Sql {
  if (kind === 'postgres') return sql`(x.content::json -> 'attributes' ->> ${key})`
  const path = `$.attributes."${key}"`
  return sql`CASE WHEN json_type(x.content, ${path}) IN ('true', 'false') THEN json_type(x.content, ${path})
    ELSE CAST(json_extract(x.content, ${path}) AS TEXT) END`
}

function comparison(kind: Kind, one: Compared): Sql {
  const { key } = one.field
  switch (one.field.place) {
    case 'column':
      return test(kind, columnOf(key), one)
    case 'tag':
      return keyed(kind, one, 'trace_tags')
    case 'metadata':
      return keyed(kind, one, 'trace_metadata')
    case 'run':
      return ofRun(kind, one)
    case 'prompt':
      return ofPrompt(String(one.value))
    case 'issue':
      return sql`EXISTS (SELECT 1 FROM trace_assessments x WHERE x.trace_id = r.trace_id AND x.kind = 'issue'
        AND x.name = ${String(one.value)})`
    case 'feedback':
    case 'expectation':
      return judged(kind, one)
    case 'span':
    case 'attribute':
      return ofOneSpan(kind, [one])
  }
}

/** An expression for a column name; also for those that are computed. */
export function columnOf(key: string): Sql {
  if (key === 'end_ms') return raw('(r.start_ms + COALESCE(r.duration_ms, 0))')
  if (key === 'spans_location') return raw(`(CASE WHEN r.spans_stored = 1 THEN '${SPANS_HERE}' END)`)
  return raw(`r.${key}`)
}

/** A missing value fits nothing, not even `!=`. */
function test(kind: Kind, column: Sql, one: Compared): Sql {
  if (one.operator === 'IS NULL' || one.operator === 'IS NOT NULL') return sql`${column} ${raw(one.operator)}`
  return sql`(${column} IS NOT NULL AND ${compare(kind, column, plain(one))})`
}

function plain(one: Compared): Comparison {
  return { kind: 'compare', entity: one.field.place, key: one.field.key, operator: one.operator, value: one.value }
}

/** Characters of a value that its index holds. */
const HEAD = 64

function keyed(kind: Kind, one: Compared, table: 'trace_tags' | 'trace_metadata'): Sql {
  const rows = sql`SELECT 1 FROM ${raw(table)} x WHERE x.trace_id = r.trace_id AND x.key = ${one.field.key}`
  if (one.operator === 'IS NULL') return sql`NOT EXISTS (${rows})`
  if (one.operator === 'IS NOT NULL') return sql`EXISTS (${rows})`
  const head = String(one.value).slice(0, HEAD)
  if (one.operator !== '=' || /[\ud800-\udfff]/.test(head)) {
    return sql`EXISTS (${rows} AND ${test(kind, raw('x.value'), one)})`
  }
  return sql`r.trace_id IN (SELECT x.trace_id FROM ${raw(table)} x WHERE x.key = ${one.field.key}
    AND substr(x.value, 1, 64) = ${head} AND x.value = ${String(one.value)})`
}

/** A trace is of the run that made it and of those that it was linked to. */
function ofRun(kind: Kind, one: Compared): Sql {
  const made = keyed(kind, one, 'trace_metadata')
  if (one.operator !== '=' && one.operator !== 'IN') return made
  return sql`(${made} OR EXISTS (SELECT 1 FROM trace_links x WHERE x.trace_id = r.trace_id AND x.kind = 'run'
    AND ${compare(kind, raw('x.target'), plain(one))}))`
}

function ofPrompt(target: string): Sql {
  if (target.split('/').length !== 2) {
    throw invalid(`Invalid prompts filter value '${target}'. Expected format: prompt = "name/version"`)
  }
  return sql`EXISTS (SELECT 1 FROM trace_links x WHERE x.trace_id = r.trace_id AND x.kind = 'prompt'
    AND x.target = ${target})`
}

/** Values are JSON: a text fits as it is written there or without its quotes; numbers are compared as numbers. */
function judged(kind: Kind, one: Compared): Sql {
  const rows = sql`SELECT 1 FROM trace_assessments x WHERE x.trace_id = r.trace_id AND x.kind = ${one.field.place}
    AND x.name = ${one.field.key} AND x.valid = 1`
  if (one.operator === 'IS NULL') return sql`NOT EXISTS (${rows})`
  if (one.operator === 'IS NOT NULL') return sql`EXISTS (${rows})`
  return sql`EXISTS (${rows} AND ${judgedValue(kind, one)})`
}

function judgedValue(kind: Kind, one: Compared): Sql {
  const number = Number(one.value)
  const text = String(one.value)
  if (['<', '<=', '>', '>='].includes(one.operator) || typeof one.value === 'number') {
    if (Number.isNaN(number)) throw invalid(`Expected a number to compare ${one.field.name} with. Got value '${text}'`)
    return sql`(x.number IS NOT NULL AND x.value NOT IN ('true', 'false') AND substr(x.value, 1, 1) <> '"'
      AND x.number ${raw(one.operator)} CAST(${number} AS DOUBLE PRECISION))`
  }
  const same = sql`(x.value = ${text} OR x.value = ${JSON.stringify(text)})`
  if (one.operator === '=') return same
  return one.operator === '!=' ? sql`NOT ${same}` : test(kind, raw('x.value'), one)
}
