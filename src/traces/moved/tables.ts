/** The tables of traces that move between servers. */
import type { Reader, Sql } from '../../store/db.ts'
import { movedTable, naming, originOf } from '../../store/moved/table.ts'
import type { MovedTable, Scope } from '../../store/moved/table.ts'
import { raw, sql } from '../../store/sql/sql.ts'

/** All of them, those that others refer to first. */
export function traceTables(): MovedTable[] {
  const origin = originOf('traces', 'trace_id')
  const ofTrace = naming('trace_id', traceIds)
  return [
    movedTable(
      'traces',
      `trace_id | experiment_id project name? state client_request_id? request_preview? response_preview? start_ms:int
       duration_ms:int? artifact_uri spans_stored:int finalized:int`,
      ofTrace,
      { origin: { ...origin, root: true } },
    ),
    movedTable('trace_tags', 'trace_id key | value', ofTrace, { origin }),
    movedTable('trace_metadata', 'trace_id key | value', ofTrace, { origin }),
    movedTable('trace_links', 'trace_id kind target |', ofTrace),
    movedTable(
      'trace_spans',
      `trace_id span_id | parent_id? name type status start_us:int end_us:int? model? provider? usage? input_cost:real?
       output_cost:real? total_cost:real? content`,
      ofTrace,
      { origin },
    ),
    movedTable(
      'trace_assessments',
      `assessment_id | trace_id position:int kind name source_type source_id span_id? value number:real? error? rationale?
       metadata? overrides? valid:int created_ms:int updated_ms:int`,
      ofTrace,
      { origin },
    ),
  ]
}

/** A query of the `artifact_uri` of the traces of a scope; undefined = it has none. */
export function traceUris(scope: Scope): Sql | undefined {
  const ids = traceIds(scope)
  return ids === undefined ? undefined : sql`SELECT artifact_uri FROM traces WHERE trace_id IN (${ids})`
}

/** True when an experiment has a trace. */
export async function holdsTraces(reader: Reader, experiment: string): Promise<boolean> {
  const found = await reader.get('SELECT trace_id FROM traces WHERE experiment_id = ? LIMIT 1', [experiment])
  return found !== undefined
}

function traceIds(scope: Scope): Sql | undefined {
  if (scope.kind === 'all') return raw('SELECT trace_id FROM traces')
  if (scope.kind === 'project') return sql`SELECT trace_id FROM traces WHERE project = ${scope.id}`
  if (scope.kind === 'experiment') return sql`SELECT trace_id FROM traces WHERE experiment_id = ${scope.id}`
  if (scope.kind === 'run') {
    return sql`SELECT trace_id FROM trace_metadata WHERE key = 'mlflow.sourceRun' AND value = ${scope.id}
      UNION SELECT trace_id FROM trace_links WHERE kind = 'run' AND target = ${scope.id}`
  }
  return undefined
}
