/** COPY of PostgreSQL in both directions over one connection, as streams that wait for whoever is slower. */
import { once } from 'node:events'
import { Readable } from 'node:stream'
import type pg from 'pg'

/** What of a connection carries a COPY; the driver has it and does not describe it. */
interface CopyConnection {
  readonly stream: NodeJS.ReadWriteStream & { readonly writableNeedDrain: boolean }
  query(sql: string): void
  sendCopyFromChunk(chunk: Uint8Array): void
  endCopyFrom(): void
  sendCopyFail(message: string): void
}

/** Rows arrive one by one; they are passed on in pieces of this many bytes. */
const PIECE = 64 * 1024

/** What a `COPY … TO STDOUT` gives, as bytes. Nothing else may be asked of the client until the stream has ended. */
export function copyOut(client: pg.Client, sql: string): Readable {
  let connection: CopyConnection | undefined
  let parts: Uint8Array[] = []
  let size = 0
  const stream = new Readable({ highWaterMark: 16 * PIECE, read: () => void connection?.stream.resume() })
  const flush = (): void => {
    if (size === 0) return
    const piece = Buffer.concat(parts)
    parts = []
    size = 0
    if (!stream.push(piece)) connection?.stream.pause()
  }
  const handlers = {
    submit(opened: unknown) {
      connection = opened as CopyConnection
      connection.query(sql)
    },
    handleCopyData({ chunk }: { chunk: Uint8Array }) {
      // the driver fills the memory behind a chunk again
      parts.push(Buffer.from(chunk))
      size += chunk.length
      if (size >= PIECE) flush()
    },
    handleCommandComplete: flush,
    handleReadyForQuery: () => void stream.push(null),
    handleError: (error: Error) => void stream.destroy(error),
  }
  client.query(handlers)
  return stream
}

/** Feeds a `COPY … FROM STDIN`; resolves to the number of rows that it took. What `source` throws is thrown, and nothing is taken. */
export function copyIn(client: pg.Client, sql: string, source: AsyncIterable<Uint8Array>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let rows = 0
  let failed = false
  let broken: { readonly error: unknown } | undefined
  const feed = async (connection: CopyConnection): Promise<void> => {
    for await (const chunk of source) {
      if (failed) return
      connection.sendCopyFromChunk(chunk)
      if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain')
    }
    connection.endCopyFrom()
  }
  const handlers = {
    submit: (connection: unknown) => (connection as CopyConnection).query(sql),
    handleCopyInResponse(opened: unknown) {
      const connection = opened as CopyConnection
      feed(connection).catch((error: unknown) => {
        broken = { error }
        if (!failed) connection.sendCopyFail('the source failed')
      })
    },
    handleCommandComplete: ({ text }: { text: string }) => void (rows = Number(/^COPY (\d+)$/.exec(text)?.[1])),
    handleReadyForQuery: () => resolve(rows),
    handleError(error: Error) {
      failed = true
      reject(broken === undefined ? error : broken.error)
    },
  }
  client.query(handlers)
  return promise
}
