/** Filters of the figures over traces: one comparison each, `trace.status = 'OK'`, `span.type = 'LLM'`, `assessment.name = 'x'`. */
import type { Db, Sql } from '../../store/db.ts'
import { splitName, tokens } from '../../mlflow/lexer.ts'
import { raw, sql } from '../../store/sql/sql.ts'
import { invalid } from '../../mlflow/wire.ts'
import { traceCondition } from '../search/conditions.ts'
import { parseTraceFilter } from '../search/filter.ts'

const OWN: Readonly<Record<string, string>> = {
  'span.name': 'x.name',
  'span.status': 'x.status',
  'span.type': 'x.type',
  'assessment.name': 'x.name',
  'assessment.type': 'x.kind',
}

/** The condition of one filter over `traces r` and, for spans and assessments, their own table `x`. */
export function metricFilter(kind: Db['kind'], filter: string): Sql {
  const [left, operator, right, ...rest] = tokens(filter)
  if (left?.kind !== 'identifier' || operator?.text !== '=' || right?.kind !== 'string' || rest.length > 0) {
    throw invalid(`Invalid filter: '${filter}'. Expected one filter clause such as trace.status = 'OK'.`)
  }
  const { entity, key } = splitName(left.text)
  const column = OWN[`${entity}.${key}`]
  if (column !== undefined) return sql`${raw(column)} = ${right.value}`
  const hung = entity === 'trace' ? /^(tag|metadata|status)(?:\.|$)/.exec(key) : null
  if (hung === null) {
    throw invalid(
      `Invalid identifier '${left.text}'. Columns should be specified as 'trace.<key>', 'span.<key>', 'assessment.<key>'.`,
    )
  }
  const parsed = parseTraceFilter(`${key} = ${right.text}`)
  return parsed === undefined ? raw('1 = 1') : traceCondition(kind, parsed)
}
