/** The bytes of a request: read by a handler, or read and thrown away, so that the next request of the connection finds its place. */
import type { IncomingMessage } from 'node:http'

/** What is read of a refused body before the connection is cut instead, and for how long. */
const WASTE_BYTES = 64 * 1024 * 1024
const WASTE_MS = 2000

/** The body as chunks. Ending the loop early leaves the connection as it is; `discard` reads what is left. */
export function chunksOf(request: IncomingMessage): AsyncIterable<Uint8Array> {
  return request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
}

/**
 * Reads what a handler left of a body and throws it away: a caller that still writes does not read its answer, and a
 * connection with half a body in it answers nothing more. False when that would take too long: the connection is then to end.
 */
export function discard(request: IncomingMessage): Promise<boolean> {
  if (request.readableEnded || request.destroyed) return Promise.resolve(!request.destroyed)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  let left = WASTE_BYTES
  const end = (): void => {
    clearTimeout(late)
    request.off('readable', read).off('end', end).off('close', end)
    resolve(request.readableEnded)
  }
  const read = (): void => {
    for (let chunk = request.read() as Buffer | null; chunk !== null; chunk = request.read() as Buffer | null) {
      left -= chunk.length
    }
    if (left < 0) end()
  }
  const late = setTimeout(end, WASTE_MS)
  request.on('readable', read).on('end', end).on('close', end)
  read()
  return promise
}
