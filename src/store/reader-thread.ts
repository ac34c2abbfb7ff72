/** The thread behind `Db.search` on SQLite: long reads and the move of the log into the database, away from the event loop. */
import { parentPort, workerData } from 'node:worker_threads'
import { checkpoint, openReader, openWriter, type Connection } from './connection.ts'
import { Statements } from './statements.ts'

/** What the thread is asked: a read, or a checkpoint. */
export type Question =
  | { readonly id: number; readonly sql: string; readonly parameters: readonly unknown[] }
  | { readonly id: number; readonly checkpoint: true }

/** Its reply: the rows, or the error as plain data. */
export type Reply =
  | { readonly id: number; readonly rows: unknown[] }
  | { readonly id: number; readonly error: { readonly message: string; readonly code: string | undefined } }

if (parentPort !== null) serve(parentPort, (workerData as { path: string }).path)

function serve(port: NonNullable<typeof parentPort>, path: string): void {
  const reader = new Statements(openReader(path))
  let writer: Connection | undefined
  port.on('message', (question: Question) => {
    try {
      if ('checkpoint' in question) {
        writer ??= openWriter(path)
        port.postMessage({ id: question.id, rows: [checkpoint(writer)] } satisfies Reply)
      } else {
        port.postMessage({ id: question.id, rows: reader.all(question.sql, question.parameters) } satisfies Reply)
      }
    } catch (error) {
      port.postMessage({ id: question.id, error: described(error) } satisfies Reply)
    }
  })
}

function described(error: unknown): { message: string; code: string | undefined } {
  if (!(error instanceof Error)) return { message: String(error), code: undefined }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { message: error.message, code }
}
