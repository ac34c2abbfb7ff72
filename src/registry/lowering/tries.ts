/** What becomes of a version whose lowering was ended before it said anything of the model: Python serves it, and it is tried again, three times in all. */
import type { Tx } from '../../store/db.ts'
import { engineCode, isStorageFull } from '../../store/failures.ts'
import { leaveToPython } from '../context/lowering-job.ts'
import type { LowerJob } from '../context/lowering-job.ts'
import { LimitReached } from './model-python.ts'

/** Pauses before the second and the third try, ms. */
export const PAUSES_MS: readonly number[] = [60_000, 15 * 60_000]

/** The program found that the machine has no more of something, as memory or disk, and could still say so. */
export class MachineWants extends Error {}

/** Why a lowering says nothing of the model: a limit, a signal as that of a machine without memory, a disk that is full. Undefined for every other error. */
export function endedBy(error: unknown): string | undefined {
  if (error instanceof LimitReached || error instanceof MachineWants) return error.message
  if (isOfMachine(error)) return `the machine refused it: ${error.message}`
  const { signal } = error as { signal?: string | null }
  if (typeof signal !== 'string') return undefined
  return signal === 'SIGKILL' ? 'it was killed, as for want of memory (SIGKILL)' : `it was ended by ${signal}`
}

/** A machine has no more open files, processes or memory. */
const WANTS = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'])

/** Whether a program could not be started, or the machine had no more of something. */
function isOfMachine(error: unknown): error is Error {
  if (isStorageFull(error) || WANTS.has(engineCode(error))) return true
  const { syscall } = error as { syscall?: unknown }
  return typeof syscall === 'string' && syscall.startsWith('spawn')
}

/** Leaves a version to Python and has it lowered again after a pause; after the last try the reason says that it was given up. */
export async function tryAgain(
  t: Tx,
  job: LowerJob,
  why: string,
  { now, pauses }: { readonly now: number; readonly pauses: readonly number[] },
): Promise<void> {
  const tries = (job.tries ?? 0) + 1
  const pause = pauses[tries - 1]
  if (pause === undefined) return giveUp(t, job, why, tries)
  const at = now + pause
  const when = new Date(at)
    .toISOString()
    .replace(/:\d\d\.\d+Z$/, ' UTC')
    .replace('T', ' ')
  const reason = `lowering: ${why}; it is tried again at ${when}, try ${tries + 1} of ${pauses.length + 1}`
  await leaveToPython(t, { ...job, tries }, reason, at)
}

/** Leaves a version to Python for good. */
export async function giveUp(t: Tx, job: LowerJob, why: string, tries: number): Promise<void> {
  await leaveToPython(t, job, `lowering was given up after ${tries} tries: ${why}`, null)
}
