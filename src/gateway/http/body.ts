/** Reads the body of a request: bounded in size and in memory of all requests together, decompressed where it came compressed. */
import type { IncomingMessage } from 'node:http'
import { problem } from '../../contract/errors.ts'
import { bytesAtHand } from '../../http/callers/request-body.ts'
import { Gathered } from '../../http/callers/gathered.ts'
import { encodingOf, unpack } from '../../http/callers/unpack.ts'

/** What bodies may take. `held` counts the bytes of all bodies that are being read. */
export interface BodyBudget {
  /** Largest body, bytes, after decompression too. */
  readonly maxBody: number
  /** All bodies that are being read at once, bytes. */
  readonly maxHeld: number
  held: number
}

export interface BodyEnds {
  /** Looks at the pieces of a body that comes in several and is not compressed, in order; what it throws refuses the body. */
  readonly look?: ((piece: Buffer) => void) | undefined
  readonly done: (body: Buffer) => void
  /** Called once, at most, and never after `done`. The rest of the body is then thrown away as it comes. */
  readonly fail: (error: unknown) => void
}

/** Reads and, where Content-Encoding says so, decompresses the body. A request that breaks off ends without a call. */
export function readBody(request: IncomingMessage, budget: BodyBudget, ends: BodyEnds): void {
  const encoding = encodingOf(request.headers['content-encoding'])
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > budget.maxBody) throw problem('payload_too_large', { limit: budget.maxBody })
  const body = encoding === undefined ? bytesAtHand(request, budget.maxBody) : undefined
  if (body === undefined) {
    readComing(request, budget, { encoding, ends })
    return
  }
  checkHeld(budget, body.length)
  ends.done(body)
}

function checkHeld({ held, maxHeld }: BodyBudget, more: number): void {
  if (held + more > maxHeld) throw problem('too_many_requests', { what: 'the memory for bodies' })
}

interface Reading {
  readonly encoding: ReturnType<typeof encodingOf>
  readonly ends: BodyEnds
}

function readComing(request: IncomingMessage, budget: BodyBudget, { encoding, ends }: Reading): void {
  const { maxBody } = budget
  let gathered: Gathered | undefined = new Gathered(Number(request.headers['content-length'] ?? 0))
  const look = encoding === undefined ? ends.look : undefined
  let first: Buffer | undefined
  const release = (): void => {
    budget.held -= gathered?.size ?? 0
    gathered = undefined
  }
  const give = (error: unknown): void => {
    request.off('data', take)
    request.off('end', end)
    release()
    ends.fail(error)
    request.resume()
  }
  const check = (body: Gathered, chunk: Buffer): void => {
    if (body.size + chunk.length > maxBody) throw problem('payload_too_large', { limit: maxBody })
    checkHeld(budget, chunk.length)
    if (body.size === 0) first = chunk
    else if (look !== undefined) {
      if (first !== undefined) look(first)
      first = undefined
      look(chunk)
    }
  }
  const take = (chunk: Buffer): void => {
    const body = gathered
    if (body === undefined) return
    try {
      check(body, chunk)
    } catch (error) {
      give(error)
      return
    }
    budget.held += chunk.length
    body.add(chunk)
  }
  const end = (): void => {
    const body = gathered?.whole() ?? Buffer.alloc(0)
    release()
    if (encoding === undefined) ends.done(body)
    else void unpack(body, encoding, maxBody).then(ends.done, ends.fail)
  }
  request.on('data', take)
  request.on('end', end)
  // over HTTP/2 the end of a request that broke off is told too, behind its close
  request.on('close', () => {
    request.off('end', end)
    release()
  })
}
