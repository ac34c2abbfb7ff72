/**
 * The process that joins and materialises, one task for each. DuckDB is native code that reads what people upload and runs the queries of
 * project files, so it has no part of the server's memory, reads no file but those of its task, and can be ended at any moment.
 */
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { OnlineStore } from '../online/store.ts'
import { ColumnError, literal, MARK } from '../offline/columns.ts'
import { join } from '../offline/join.ts'
import { materialise } from '../offline/materialise.ts'
import { filesOf, type Answer, type EngineLimits, type ResultOf, type Task } from './tasks.ts'

/** Reads the task from the standard input, and says the answer on the standard output. */
async function serve(): Promise<void> {
  const given = await new Response(process.stdin as never).text()
  const { task, limits } = JSON.parse(given) as { task: Task; limits: EngineLimits }
  const answer: Answer = await run(task, limits).then(
    (done) => ({ done }),
    (error: unknown) => refusalOf(error as Error),
  )
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}

async function run(task: Task, limits: EngineLimits): Promise<ResultOf[Task['kind']]> {
  const instance = await DuckDBInstance.create(`${limits.scratch}/engine.db`)
  const duck = await instance.connect()
  try {
    await confine(duck, task, limits)
    return task.kind === 'join' ? await join(duck, task.request) : await materialiseInto(duck, task)
  } finally {
    duck.closeSync()
    instance.closeSync()
  }
}

/** From here on the engine opens nothing but the files of the task and its own scratch, whatever a query says. */
async function confine(
  duck: DuckDBConnection,
  task: Task,
  { memory_bytes, threads, scratch }: EngineLimits,
): Promise<void> {
  const paths = [...filesOf(task), ...(task.kind === 'join' ? [task.request.into] : [])]
  for (const [name, value] of [
    ['TimeZone', literal('UTC')],
    ['memory_limit', literal(`${Math.floor(memory_bytes / 1e6)}MB`)],
    ['threads', String(threads)],
    ['temp_directory', literal(scratch)],
    ['autoinstall_known_extensions', 'false'],
    ['autoload_known_extensions', 'false'],
    ['allowed_paths', `[${paths.map(literal).join(', ')}]`],
    ['allowed_directories', `[${literal(`${scratch}/`)}]`],
    ['enable_external_access', 'false'],
    ['lock_configuration', 'true'],
  ] as const)
    await duck.run(`SET ${name} = ${value}`)
}

async function materialiseInto(duck: DuckDBConnection, task: Extract<Task, { kind: 'materialise' }>) {
  const store = new OnlineStore(task.store)
  try {
    return await materialise(duck, {
      view: task.view,
      sources: task.sources,
      until: BigInt(task.until),
      take: (found) => ('rows' in found ? store.fill(task.set, found.rows) : store.fillTiles(task.set, found.tiles)),
    })
  } finally {
    store.close()
  }
}

/** What went wrong in words for whoever gave the task. Throws what is a fault of ours. */
function refusalOf(error: Error): Answer {
  if (error instanceof ColumnError) return { refused: error.message }
  const { message } = error
  const marked = message.indexOf(MARK)
  if (marked !== -1) return { refused: (message.slice(marked + MARK.length).split('\n')[0] ?? '').trim() }
  if (/^Out of Memory Error|No space left/.test(message)) return { too_large: firstLine(message) }
  if (OF_DUCKDB.test(message)) return { refused: firstLine(message) }
  throw error
}

/** Kinds of errors of DuckDB that are of what it was given. */
const OF_DUCKDB =
  /^(Binder|Catalog|Conversion|Invalid Input|Out of Range|Parser|Permission|Constraint|IO|Not implemented|Type|Syntax) Error: /i

function firstLine(message: string): string {
  return message.split('\n')[0] ?? message
}

if (import.meta.main) await serve()
