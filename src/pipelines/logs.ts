/** Logs of attempts: live from the driver by byte offset, afterwards from the blob store. */
import type { ServerEvent } from '../http/events.ts'
import type { Context } from './context/context.ts'
import { FINAL_STEPS, isActive, type AttemptRow } from './context/rows.ts'
import { readUnit } from './context/units.ts'

/** Bytes that one event carries at most. */
const CHUNK = 64 * 1024
/** Between looks for new output, ms. */
const LOOK_MS = 100
const NOTHING = Buffer.alloc(0)

/** Where to go on: the attempt's number and the byte offset in its log. */
export interface LogPosition {
  readonly attempt: number
  readonly offset: number
}

/** Reads `attempt:offset`; undefined for anything else. */
export function parsePosition(text: unknown): LogPosition | undefined {
  const match = typeof text === 'string' ? /^(\d{1,9}):(\d{1,15})$/.exec(text) : null
  return match === null ? undefined : { attempt: Number(match[1]), offset: Number(match[2]) }
}

/**
 * Follows a step's log from a position until its last attempt has ended. With `only` that attempt's log alone. Text is cut
 * at whole characters, so an event's id is a place from which reading can go on.
 */
export async function* followLog(
  context: Context,
  where: { readonly runId: string; readonly step: string; readonly only: number | undefined },
  from: LogPosition | undefined,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent> {
  let at = { attempt: where.only ?? from?.attempt ?? 1, offset: 0 }
  if (from?.attempt === at.attempt) at = from
  while (!signal.aborted) {
    const seen = await look(context, where, at.attempt)
    const text = seen.attempt === undefined ? NOTHING : await readChunk(context, seen.attempt, at.offset)
    if (text.length > 0) {
      const data = { ...at, text: text.toString('utf8') }
      at = { ...at, offset: at.offset + text.length }
      yield { id: `${at.attempt}:${at.offset}`, event: 'log', data }
    } else if (seen.ended && seen.last > at.attempt) at = { attempt: at.attempt + 1, offset: 0 }
    else if (seen.over) break
    else await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  yield { event: 'end', data: at }
}

/** The whole log of an attempt so far. */
export async function readLog(context: Context, attempt: AttemptRow): Promise<Buffer> {
  if (attempt.log_digest !== null) return context.deps.blobs.bytes(attempt.log_digest)
  const parts: Buffer[] = []
  for (let offset = 0; ;) {
    const part = await context.deps.driver.logs(attempt.id, offset, 1024 * 1024)
    if (part.length === 0) return Buffer.concat(parts)
    parts.push(part)
    offset += part.length
  }
}

interface Seen {
  readonly attempt: AttemptRow | undefined
  readonly ended: boolean
  /** Number of the last attempt to read. */
  readonly last: number
  /** True when nothing more will come after this attempt. */
  readonly over: boolean
}

async function look(
  context: Context,
  where: { readonly runId: string; readonly step: string; readonly only: number | undefined },
  number: number,
): Promise<Seen> {
  const { step, attempts = [] } = (await readUnit(context.deps.db, where.runId, where.step)) ?? {}
  const attempt = attempts.find((row) => row.number === number)
  const ended = attempt !== undefined && !isActive(attempt)
  const stepEnded = step === undefined || FINAL_STEPS.includes(step.state)
  if (where.only !== undefined) return { attempt, ended, last: number, over: ended || stepEnded }
  return { attempt, ended, last: attempts.length, over: stepEnded && (ended || attempt === undefined) }
}

/** Up to a chunk from an offset, cut after the last whole character. */
async function readChunk(context: Context, attempt: AttemptRow, offset: number): Promise<Buffer> {
  const bytes = await readBytes(context, attempt, offset, CHUNK)
  for (let back = 1; back <= Math.min(3, bytes.length - 1); back++) {
    const lead = bytes[bytes.length - back] ?? 0
    if (lead < 0x80) break
    if (lead >= 0xc0) {
      const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
      return length > back ? bytes.subarray(0, bytes.length - back) : bytes
    }
  }
  return bytes
}

/** Up to `most` bytes of a log from an offset, from the driver or from the store; fewer also where there are more. */
export async function readBytes(context: Context, attempt: AttemptRow, offset: number, most: number): Promise<Buffer> {
  if (attempt.log_digest === null) return context.deps.driver.logs(attempt.id, offset, most)
  if (offset >= attempt.log_bytes) return Buffer.alloc(0)
  const end = Math.min(offset + most, attempt.log_bytes) - 1
  const { stream } = await context.deps.blobs.read(attempt.log_digest, { start: offset, end })
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  return Buffer.concat(parts)
}
