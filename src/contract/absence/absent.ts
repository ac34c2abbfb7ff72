/** What may be missing: each function takes only what means that for its absence, and lets every other error up, for an answer is never made of one. */
import { Problem } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'

/** What is asked for; undefined where it is refused with one of these codes. */
export async function ifRefused<T>(asked: Promise<T>, ...codes: readonly ErrorCode[]): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof Problem && codes.includes(error.code)) return undefined
    throw error
  }
}

/** As `ifRefused`, of a call that does not wait. */
export function ifRefusedNow<T>(ask: () => T, ...codes: readonly ErrorCode[]): T | undefined {
  try {
    return ask()
  } catch (error) {
    if (error instanceof Problem && codes.includes(error.code)) return undefined
    throw error
  }
}

/** What has this name; undefined where nothing has it that the caller sees, or where it cannot be a name. */
export function ifFound<T>(asked: Promise<T>): Promise<T | undefined> {
  return ifRefused(asked, 'not_found', 'bad_request', 'invalid_field')
}

/** What a file system call gives; undefined where there is no such file or folder. */
export async function ifMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    return absent(error, MISSING)
  }
}

/** What a file system call gives; undefined where there is no such file or folder, or where it may not be read. */
export async function ifReadable<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    return absent(error, UNREADABLE)
  }
}

/** As `ifMissing`, of a call that does not wait. */
export function ifMissingNow<T>(ask: () => T): T | undefined {
  try {
    return ask()
  } catch (error) {
    return absent(error, MISSING)
  }
}

/** What a process gives, or the kernel tells of it; undefined where it has ended, or is another user's, or the kernel tells nothing. */
export function ifGone<T>(ask: () => T): T | undefined {
  try {
    return ask()
  } catch (error) {
    return absent(error, GONE)
  }
}

/** As `ifGone`, of what the kernel tells by and by. */
export async function whileAlive<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    return absent(error, GONE)
  }
}

/** The value of a JSON text; undefined where it is none. */
export function ifJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const MISSING = ['ENOENT', 'ENOTDIR']
const UNREADABLE = [...MISSING, 'EPERM', 'EACCES']
const GONE = [...UNREADABLE, 'ESRCH']

function absent(error: unknown, codes: readonly string[]): undefined {
  if (codes.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
  throw error
}
