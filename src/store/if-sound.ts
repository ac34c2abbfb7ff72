/** What a start or an end keeps up by itself: where the database is damaged it is told and left out, so that the rest is read all the same. */
import { Problem } from '../contract/errors.ts'
import type { Damage } from './damage.ts'

/**
 * What `work` gives; undefined where the database is damaged, or its disk refuses a read, and then `what` is told to have been left out. Every other error is thrown. A damaged page
 * may also give rows that cannot be: once damage is known, whatever `work` throws counts as of it.
 */
export type IfSound = <T>(what: string, work: () => Promise<T>) => Promise<T | undefined>

/** `tell` gets what was left out, with its cause. */
export function ifSoundOf(damage: Pick<Damage, 'found'>, tell: (error: Error) => void): IfSound {
  return async (what, work) => {
    try {
      return await work()
    } catch (error) {
      if (!isOfDamage(error) && damage.found() === undefined) throw error
      const why = error instanceof Error ? error.message : String(error)
      tell(new Error(`left out, for the database is damaged or cannot be read: ${what} (${why})`, { cause: error }))
      return undefined
    }
  }
}

/** Whether a damaged database refused a write, or did not give what was read. */
export function isOfDamage(error: unknown): error is Problem {
  return error instanceof Problem && (error.code === 'storage_corrupt' || error.code === 'storage_unreadable')
}
