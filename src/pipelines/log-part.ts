/** A part of the log of an attempt, from any byte on: what lies before it is not read. */
import type { LogPart } from '../contract/pipelines/logs.ts'
import type { Context } from './context/context.ts'
import { isActive, type AttemptRow } from './context/rows.ts'
import { readBytes } from './logs.ts'

/** How far a line may reach into a part before it is cut. */
const LONGEST_LINE = 64 * 1024
const NEWLINE = 0x0a

/** `from` below 0 = so many bytes before the end. Without an attempt there is nothing. */
export async function logPart(
  context: Context,
  attempts: readonly AttemptRow[],
  attempt: AttemptRow | undefined,
  { from, most }: { readonly from: number; readonly most: number },
): Promise<LogPart> {
  const nothing = { attempt: attempt?.number ?? 0, attempts: attempts.length, text: '' }
  if (attempt === undefined) return { ...nothing, from: 0, to: 0, size: 0, running: false }
  const running = isActive(attempt)
  const size = await sizeOf(context, attempt)
  const start = from < 0 ? Math.max(0, size + from) : Math.min(from, size)
  // with the byte before it, which tells whether a line begins here
  const lead = start === 0 ? 0 : 1
  const bytes = await readBytes(context, attempt, start - lead, most + lead)
  const begin = lead === 0 ? 0 : lineBegin(bytes)
  const end = start - lead + bytes.length >= size ? wholeEnd(bytes, running) : lineEnd(bytes, begin)
  const at = start - lead
  return {
    ...nothing,
    from: at + begin,
    to: at + Math.max(begin, end),
    size,
    text: bytes.subarray(begin, Math.max(begin, end)).toString('utf8'),
    running,
  }
}

/** Bytes of the log so far. */
async function sizeOf({ deps }: Context, attempt: AttemptRow): Promise<number> {
  if (attempt.log_digest !== null) return attempt.log_bytes
  return isActive(attempt) ? deps.driver.logSize(attempt.id) : 0
}

/** Where the first line begins, the first byte being of what stands before; of a line that is too long its next whole character. */
function lineBegin(bytes: Buffer): number {
  const newline = bytes.subarray(0, LONGEST_LINE).indexOf(NEWLINE)
  if (newline !== -1) return newline + 1
  let at = Math.min(1, bytes.length)
  while (at < bytes.length && isContinued(bytes[at])) at++
  return at
}

/** Where the last whole line ends; of one that is longer than the part, its last whole character. */
function lineEnd(bytes: Buffer, begin: number): number {
  const newline = bytes.lastIndexOf(NEWLINE)
  return newline >= begin && bytes.length - newline <= LONGEST_LINE ? newline + 1 : wholeEnd(bytes, true)
}

/** The end, before a character whose rest is still to come. */
function wholeEnd(bytes: Buffer, isOpen: boolean): number {
  if (!isOpen) return bytes.length
  let at = bytes.length
  while (at > 0 && bytes.length - at < 3 && isContinued(bytes[at - 1])) at--
  const first = bytes[at - 1] ?? 0
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1
  return at > 0 && length > bytes.length - at + 1 ? at - 1 : bytes.length
}

/** True of a byte within a character. */
function isContinued(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x80 && byte < 0xc0
}
