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

/** What has this name; undefined where nothing has it that the caller sees, or where it cannot be a name. */
export function ifFound<T>(asked: Promise<T>): Promise<T | undefined> {
  return ifRefused(asked, 'not_found', 'bad_request', 'invalid_field')
}

/** What a file system call gives; undefined where there is no such file or folder. */
export async function ifMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}
