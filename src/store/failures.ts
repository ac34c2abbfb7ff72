/** What went wrong in a database, told alike for both engines. */
import { problem } from '../contract/errors.ts'

/** The engine's own code: SQLITE_… of SQLite, five characters of PostgreSQL, E… of the operating system. */
export function engineCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

/** True when a statement would have broken a primary key or a unique index. The transaction is then lost as a whole. */
export function isUniqueViolation(error: unknown): boolean {
  return ['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY', '23505'].includes(engineCode(error))
}

/** True when no space is left: SQLite's file, the quota, or PostgreSQL's disk. */
export function isStorageFull(error: unknown): boolean {
  return ['SQLITE_FULL', 'ENOSPC', 'EDQUOT', '53100'].includes(engineCode(error))
}

/**
 * True when the engine says that its file is damaged: a page that is none, a row or an index that cannot be. A read that the disk refuses (EIO) is
 * told alike by SQLite.
 */
export function isDamaged(error: unknown): boolean {
  return /^SQLITE_(?:CORRUPT|NOTADB)|^XX00[12]$/.test(engineCode(error))
}

/** True when another process holds the lock that a statement needs, longer than is waited. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)|^55P03$/.test(engineCode(error))
}

/** True when PostgreSQL asks to run the transaction again: serialisation failure or deadlock. */
export function isRetryable(error: unknown): boolean {
  return ['40001', '40P01'].includes(engineCode(error))
}

/** True when PostgreSQL cannot be reached or is stopping or starting. */
export function isDisconnected(error: unknown): boolean {
  const code = engineCode(error)
  if (/^(08|57P0)|^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|EAI_AGAIN)|^53300$/.test(code)) return true
  return (
    error instanceof Error &&
    /connection terminated|not queryable|timeout exceeded when trying to connect/i.test(error.message)
  )
}

/** The message of a statement to which PostgreSQL says nothing for longer than is waited, as its client has it. */
export const SILENT = 'Query read timeout'

/** True when PostgreSQL says nothing for longer than is waited: it hangs, or the network between swallows all. */
export function isSilent(error: unknown): boolean {
  return error instanceof Error && error.message === SILENT
}

/** True when no connection could be had in time: to try again would take as long once more. */
export function isUnconnected(error: unknown): boolean {
  return (
    error instanceof Error && /timeout exceeded when trying to connect|due to connection timeout/i.test(error.message)
  )
}

/** True when SQLite's file fails: the disk, its rights, or a file system that became read-only. */
function isBroken(error: unknown): boolean {
  return /^SQLITE_(?:IOERR|CANTOPEN|READONLY|PERM|PROTOCOL)/.test(engineCode(error))
}

/** True when PostgreSQL answers that it cannot: its disk or memory, a login or a database that is gone, a standby. */
function isRefusing(error: unknown): boolean {
  return /^(?:58|53|28)...$|^(?:3D000|25006)$/.test(engineCode(error))
}

function refusalOf(code: string): string {
  if (/^SQLITE_READONLY|^25006$/.test(code)) return `it is read-only (${code})`
  return code.startsWith('SQLITE_') ? 'its file cannot be read or written' : `it answers with ${code}`
}

/** True when the operating system does not give or take the bytes of a file. */
function isFileFault(error: unknown): boolean {
  return ['EIO', 'EROFS', 'EACCES', 'EPERM', 'EMFILE', 'ENFILE'].includes(engineCode(error))
}

/**
 * Turns an engine's error into the problem that a caller may see: `storage_full`, `storage_unreadable`, `unavailable`, or `bad_request`
 * for text that PostgreSQL cannot hold. Anything else, such as a broken constraint, is returned as it is.
 */
export function explained(error: unknown): unknown {
  if (isStorageFull(error)) return problem('storage_full', {}, error)
  if (isDamaged(error)) return unreadable(error)
  if (isBusy(error)) return unavailable('another process holds its lock', error)
  if (isDisconnected(error)) return unavailable('it cannot be reached', error)
  if (isSilent(error)) return unavailable('it does not answer', error)
  if (isBroken(error) || isRefusing(error)) return unavailable(refusalOf(engineCode(error)), error)
  if (isFileFault(error))
    return unavailable(`a file cannot be read or written: ${engineCode(error)}`, error, 'the disk')
  const code = engineCode(error)
  if (code === '22021' || code === '22P05') return nulText(error)
  return error
}

/** To try again changes nothing: whoever asked is told the remedy. */
function unreadable(error: unknown): Error {
  const said = error instanceof Error ? error.message : String(error)
  return problem('storage_unreadable', { detail: `${said} (${engineCode(error)})` }, error)
}

/** The problem of a text with a NUL character: the caller's mistake. */
export function nulText(cause?: unknown): Error {
  return problem('bad_request', { detail: 'text with a NUL character cannot be stored' }, cause)
}

/** Seconds after which a caller may try again. */
const RETRY_AFTER_S = 1

/** The problem of a database, or of what else is named, that cannot answer now. */
export function unavailable(detail: string, cause?: unknown, what = 'the database'): Error {
  return problem('unavailable', { what, detail, retry_after: RETRY_AFTER_S }, cause)
}
