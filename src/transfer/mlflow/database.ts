/** An MLflow backend database with its folder of artifacts as a source of an import. */
import { resolve } from 'node:path'
import { openMlflowSql, shownAddress, sqliteFile } from './sql.ts'
import type { MlflowSql } from './sql.ts'
import { filesAt } from './places.ts'
import { registeredModelRows } from './registry.ts'
import { experimentRows, loggedModelPlaces, loggedModelRows, runPlaces, runRows } from './runs.ts'
import type { Rows } from './runs.ts'
import { evaluationRows, tracePlaces, traceRows } from './traces.ts'
import type { Part, Source, SourceFile } from '../send.ts'

/** Runs, logged models or traces of one part. */
const TOGETHER = 50

export interface MlflowDatabase extends Source {
  close(): Promise<void>
}

/** Opens the database at `sqlite:///…` or `postgresql://…`; `artifacts` is the folder behind MLflow's artifact proxy. */
export async function mlflowDatabase(address: string, artifacts: string | undefined): Promise<MlflowDatabase> {
  const sql = await openMlflowSql(address)
  const place = address.startsWith('sqlite:') ? `sqlite:///${resolve(sqliteFile(address))}` : shownAddress(address)
  return { kind: 'mlflow', place, parts: () => partsOf(sql, artifacts), close: () => sql.close() }
}

async function* partsOf(sql: MlflowSql, root: string | undefined): AsyncGenerator<Part> {
  yield { name: 'experiments', files: () => [], rows: () => experimentRows(sql) }
  const grouped = { sql, root }
  yield* groups(grouped, { what: 'runs', ids: 'SELECT run_uuid AS id FROM runs', places: runPlaces, rows: runRows })
  if (await sql.has('logged_models', 'model_id')) {
    const models = { what: 'logged models', ids: 'SELECT model_id AS id FROM logged_models' }
    yield* groups(grouped, { ...models, places: loggedModelPlaces, rows: loggedModelRows })
  }
  if (await sql.has('trace_info', 'request_id')) {
    const traces = { what: 'traces', ids: 'SELECT request_id AS id FROM trace_info' }
    yield* groups(grouped, { ...traces, places: tracePlaces, rows: traceRows })
  }
  yield { name: 'evaluation', files: () => [], rows: () => evaluationRows(sql) }
  for (const { name } of await sql.all('SELECT name FROM registered_models ORDER BY name')) {
    yield { name: `model ${String(name)}`, files: () => [], rows: () => registeredModelRows(sql, String(name)) }
  }
}

interface Group {
  readonly what: string
  /** Selects the ids as `id`. */
  readonly ids: string
  readonly places: (sql: MlflowSql, ids: readonly string[]) => Promise<string[]>
  readonly rows: (sql: MlflowSql, ids: readonly string[]) => AsyncGenerator<Rows>
}

async function* groups(
  { sql, root }: { readonly sql: MlflowSql; readonly root: string | undefined },
  { what, ids, places, rows }: Group,
): AsyncGenerator<Part> {
  const all = (await sql.all(`${ids} ORDER BY id`)).map((row) => String(row['id']))
  for (let at = 0; at < all.length; at += TOGETHER) {
    const some = all.slice(at, at + TOGETHER)
    yield {
      name: `${what} ${some[0] ?? ''} to ${some.at(-1) ?? ''}`,
      files: () => filesOf(root, places(sql, some)),
      rows: () => rows(sql, some),
    }
  }
}

async function* filesOf(root: string | undefined, places: Promise<string[]>): AsyncGenerator<SourceFile> {
  for (const place of await places) yield* filesAt(place, root)
}
