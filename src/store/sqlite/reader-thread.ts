/** The thread behind `Db.search` on SQLite: long reads and the move of the log into the database, away from the event loop. */
import { parentPort, workerData } from 'node:worker_threads'
import { checkpoint, openReader, openWriter, snapshot, type Connection } from './connection.ts'
import { Statements } from './statements.ts'

/** What the thread is asked: a read, a checkpoint, or a copy of the database into a file. */
export type Question =
  | { readonly id: number; readonly sql: string; readonly parameters: readonly unknown[] }
  | { readonly id: number; readonly checkpoint: true }
  | { readonly id: number; readonly snapshot: string }

/** Its reply: the rows, or the error as plain data. */
export type Reply =
  | { readonly id: number; readonly rows: unknown[] }
  | { readonly id: number; readonly error: { readonly message: string; readonly code: string | undefined } }

if (parentPort !== null) serve(parentPort, (workerData as { path: string }).path)

function serve(port: NonNullable<typeof parentPort>, path: string): void {
  const reader = openReader(path)
  const reads = new Statements(reader)
  let writer: Connection | undefined
  const answer = (question: Question): unknown[] | Promise<unknown[]> => {
    if ('snapshot' in question) return snapshot(reader, question.snapshot).then(() => [])
    if ('sql' in question) return reads.all(question.sql, question.parameters)
    writer ??= openWriter(path)
    return [checkpoint(writer)]
  }
  port.on('message', (question: Question) => {
    void reply(port, question.id, () => answer(question))
  })
}

async function reply(
  port: NonNullable<typeof parentPort>,
  id: number,
  answer: () => unknown[] | Promise<unknown[]>,
): Promise<void> {
  try {
    port.postMessage({ id, rows: await answer() } satisfies Reply)
  } catch (error) {
    port.postMessage({ id, error: described(error) } satisfies Reply)
  }
}

function described(error: unknown): { message: string; code: string | undefined } {
  if (!(error instanceof Error)) return { message: String(error), code: undefined }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { message: error.message, code }
}
