/** The thread that moves the log into the database and copies the database, away from the event loop. */
import { parentPort, workerData } from 'node:worker_threads'
import { checkpoint, openReader, openWriter, snapshot, type Connection } from './connection.ts'
import { engineFault, type EngineFault } from './frames.ts'

/** What the thread is asked: a checkpoint, or a copy of the database into a file. */
export type Question =
  | { readonly id: number; readonly checkpoint: true }
  | { readonly id: number; readonly snapshot: string }

/** Its reply: how many pages the log held (0 for a copy), or the error as plain data. */
export type Reply =
  | { readonly id: number; readonly pages: number }
  | { readonly id: number; readonly error: EngineFault }

if (parentPort !== null) serve(parentPort, (workerData as { path: string }).path)

function serve(port: NonNullable<typeof parentPort>, path: string): void {
  let reader: Connection | undefined
  let writer: Connection | undefined
  const answer = async (question: Question): Promise<number> => {
    if ('checkpoint' in question) return checkpoint((writer ??= openWriter(path)))
    await snapshot((reader ??= openReader(path)), question.snapshot)
    return 0
  }
  port.on('message', (question: Question) => {
    void answer(question).then(
      (pages) => port.postMessage({ id: question.id, pages } satisfies Reply),
      (error: unknown) => port.postMessage({ id: question.id, error: engineFault(error) } satisfies Reply),
    )
  })
}
