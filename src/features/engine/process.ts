/**
 * The process that joins, looks up and materialises, one task for each. DuckDB is native code that reads what people upload and runs the queries of
 * project files, so it has no part of the server's memory, reads no file but those of its task, and can be ended at any moment.
 */
import { statfs } from 'node:fs/promises'
import { basename } from 'node:path'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { OnlineStore } from '../online/store.ts'
import { ColumnError, literal, MARK } from '../offline/columns.ts'
import { join } from '../offline/join.ts'
import { lookUp } from '../offline/look-up.ts'
import { materialise } from '../offline/materialise.ts'
import { filesOf, type Answer, type EngineLimits, type ResultOf, type Task } from './tasks.ts'

/** Reads the task from the standard input, and says the answer on the standard output. */
async function serve(): Promise<void> {
  const given = await firstLine(process.stdin)
  const { task, limits } = JSON.parse(given) as { task: Task; limits: EngineLimits }
  const answer: Answer = await run(task, limits).then(
    (done) => ({ done }),
    (error: unknown) => withoutPlaces(refusalOf(error as Error), [...filesOf(task), limits.scratch]),
  )
  process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit())
}

/** The first line. What follows it is the end, which comes when the server is gone: nobody waits for an answer any more. */
function firstLine(input: NodeJS.ReadStream): Promise<string> {
  return new Promise((done) => {
    const parts: Buffer[] = []
    input.on('data', (part: Buffer) => {
      parts.push(part)
      if (part.includes(LINE)) done(Buffer.concat(parts).toString('utf8'))
    })
    // at once, whatever DuckDB is at
    input.on('end', () => process.kill(process.pid, 'SIGKILL'))
  })
}

const LINE = 0x0a

async function run(task: Task, limits: EngineLimits): Promise<ResultOf[Task['kind']]> {
  const instance = await DuckDBInstance.create(`${limits.scratch}/engine.db`)
  const duck = await instance.connect()
  try {
    await confine(duck, task, limits)
    if (task.kind === 'look_up') return await lookUp(duck, task.request)
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
  const { bavail, bsize } = await statfs(scratch)
  const paths = [...filesOf(task), ...(task.kind === 'join' ? [task.request.into] : [])]
  for (const [name, value] of [
    ['TimeZone', literal('UTC')],
    ['memory_limit', literal(`${Math.floor(memory_bytes / 1e6)}MB`)],
    ['threads', String(threads)],
    ['temp_directory', literal(scratch)],
    // the rest of the disk is for those whose work must not fail
    ['max_temp_directory_size', literal(`${Math.max(1, Math.floor((bavail * bsize) / 2e6))}MB`)],
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
  const message = error.message.replace(/^Failed to extract statements: /, '')
  const marked = message.indexOf(MARK)
  if (marked !== -1) return { refused: (message.slice(marked + MARK.length).split('\n')[0] ?? '').trim() }
  if (/^Out of Memory Error|No space left/.test(message)) return { too_large: headOf(message) }
  if (OF_DUCKDB.test(message)) return { refused: headOf(message) }
  throw error
}

/** An answer in which files have their names alone: where they lie on the server is nobody's business. */
function withoutPlaces(answer: Answer, paths: readonly string[]): Answer {
  if ('done' in answer) return answer
  const tell = (text: string): string => paths.reduce((told, path) => told.replaceAll(path, basename(path)), text)
  return 'refused' in answer ? { refused: tell(answer.refused) } : { too_large: tell(answer.too_large) }
}

/** Kinds of errors of DuckDB that are of what it was given. */
const OF_DUCKDB =
  /^(Binder|Catalog|Conversion|Invalid Input|Out of Range|Parser|Permission|Constraint|IO|Not implemented|Type|Syntax) Error: /i

function headOf(message: string): string {
  return message.split('\n')[0] ?? message
}

if (import.meta.main) await serve()
