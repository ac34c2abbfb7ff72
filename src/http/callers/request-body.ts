/** The bytes of a request: read by a handler, or read and dropped, so that the next request on the connection begins where it should. */
import type { IncomingMessage } from 'node:http'
import { problem } from '../../contract/errors.ts'
import { Deadlines } from './deadlines.ts'
import { Gathered } from './gathered.ts'

/** Most bytes of a refused body that are read before the connection is cut instead, and the longest time for it. */
const WASTE_BYTES = 64 * 1024 * 1024
const WASTE_MS = 2000

/** Longest time in which a body that is read whole may come, ms; bodies are so many and so short that they share a timer. */
const BODY_MS = 60_000
const BODIES = new Deadlines(BODY_MS)

/** How long a streamed body is waited for. Time in which the handler does something else does not count. */
export interface Patience {
  /** For the next bytes, ms. */
  readonly idleMs: number
  /** For all of it, ms; each ms is won back by so many bytes. */
  readonly totalMs: number
  readonly bytesPerMs: number
}

/** A body may be of any size, but comes with 4 kB a second, and at no time a minute behind that. */
export const PATIENCE: Patience = { idleMs: 30_000, totalMs: 60_000, bytesPerMs: 4 }
const PIECES = new Deadlines(PATIENCE.idleMs)

/**
 * The body as chunks. Leaving the loop early does not close the connection; `discard` reads the rest. Throws `too_slow` for a body
 * that stands still, and with the next piece of one that trickles.
 */
export function chunksOf(request: IncomingMessage, patience: Patience = PATIENCE): AsyncIterable<Uint8Array> {
  if (isAtHand(request)) return piecesAtHand(request)
  const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>
  const idle = patience === PATIENCE ? PIECES : new Deadlines(patience.idleMs)
  let left = patience.totalMs
  const take = async (): Promise<IteratorResult<Uint8Array>> => {
    const began = performance.now()
    const next = await within(idle, patience.idleMs, chunks.next())
    if (next.done === true) return next
    left -= performance.now() - began
    if (left < 0) throw tooSlow(patience.totalMs)
    left = Math.min(patience.totalMs, left + next.value.length / patience.bytesPerMs)
    return next
  }
  return { [Symbol.asyncIterator]: () => ({ next: take, return: async () => (await chunks.return?.()) ?? DONE }) }
}

/** The body of a request that has come: to iterate over the stream would cost several times as much. */
function piecesAtHand(request: IncomingMessage): AsyncIterable<Uint8Array> {
  const next = (): Promise<IteratorResult<Uint8Array>> => {
    const value = request.read() as Buffer | null
    return Promise.resolve(value === null ? DONE : { done: false, value })
  }
  return { [Symbol.asyncIterator]: () => ({ next }) }
}

const DONE = { done: true, value: undefined } as const

function tooSlow(limit: number): Error {
  return problem('too_slow', { what: 'more of the body', limit })
}

/** Throws `too_slow` once its deadline is over, and names the limit that the caller has gone beyond. */
function within<T>(deadlines: Deadlines, limit: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = deadlines.add(() => reject(tooSlow(limit)))
    const settled = (then: () => void): void => {
      deadlines.delete(late)
      then()
    }
    work.then(
      (value) => settled(() => resolve(value)),
      (error: unknown) => settled(() => reject(error)),
    )
  })
}

/** What looks at the pieces of a body while they come, in order; what it throws refuses the body. */
export type Look = (piece: Buffer) => void

export interface Reading {
  /** Most bytes. */
  readonly limit: number
  readonly look?: Look | undefined
  /** What watches that it comes in time. */
  readonly bodies?: Deadlines
}

/**
 * The whole body. Throws `payload_too_large` beyond `limit` bytes, `too_slow` after a minute and what `look` throws, with the rest unread. A
 * body that is one chunk, as nearly every one is, is not looked at. Uses events: an async iterator costs several times as much.
 */
export function readBytes(request: IncomingMessage, { limit, look, bodies = BODIES }: Reading): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  let only: Buffer | undefined
  let body: Gathered | undefined
  let over = false
  const stop = (error: unknown): void => {
    over = true
    bodies.delete(late)
    request.off('data', take)
    request.pause()
    reject(error)
  }
  const late = bodies.add(() => stop(problem('too_slow', { what: 'the body', limit: BODY_MS })))
  const take = (piece: Buffer): void => {
    if (over) return
    try {
      if ((body?.size ?? only?.length ?? 0) + piece.length > limit) throw problem('payload_too_large', { limit })
      if (only === undefined) {
        only = piece
        return
      }
      body ??= begun(only, announced(request, limit), look)
      look?.(piece)
      body.add(piece)
    } catch (error) {
      stop(error)
    }
  }
  // the listeners are not removed after the end: they are freed with the request
  const end = (): void => {
    over = true
    bodies.delete(late)
    resolve(body?.whole() ?? only ?? NOTHING)
  }
  const gone = (): void => {
    if (over) return
    over = true
    bodies.delete(late)
    reject(request.errored ?? new Error('the caller went away before the end of its body'))
  }
  if (request.destroyed) gone()
  else request.on('data', take).on('end', end).on('error', gone).on('close', gone)
  return promise
}

/**
 * The whole body where it has come, as that of nearly every small call has when its `Arrivals` are taken up; undefined while bytes are to
 * come. Throws `payload_too_large` beyond `limit` bytes. To listen for a body costs several times as much.
 */
export function bytesAtHand(request: IncomingMessage, limit: number): Buffer | undefined {
  if (!isAtHand(request)) return undefined
  if (request.readableLength > limit) throw problem('payload_too_large', { limit })
  return (request.read() as Buffer | null) ?? NOTHING
}

/** Whether all of a request has come. One of HTTP/2 tells otherwise of its end. */
export function isAtHand({ complete, destroyed, httpVersionMajor }: IncomingMessage): boolean {
  return complete && !destroyed && httpVersionMajor === 1
}

/** A body of which the second piece has come. */
function begun(first: Buffer, expected: number, look: Look | undefined): Gathered {
  look?.(first)
  const body = new Gathered(expected)
  body.add(first)
  return body
}

/** How many bytes the caller says there will be. */
function announced({ headers }: IncomingMessage, limit: number): number {
  return Math.min(limit, Number(headers?.['content-length'] ?? 0))
}

const NOTHING = Buffer.alloc(0)

/**
 * Reads the rest of a body and drops it: a caller that is still writing does not read its answer, and a
 * connection with half a body in it cannot be used again. False when that would take too long: the caller then closes it.
 */
export function discard(request: IncomingMessage): Promise<boolean> {
  // a request that has been read to its end is destroyed by itself; its connection is fine
  if (request.readableEnded || request.destroyed) return Promise.resolve(request.readableEnded)
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
