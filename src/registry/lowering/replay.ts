/** Says in one sentence what the replay of a lowered model found. */
import type { Replayed } from './lowering.ts'

/** What a replay returns; `mismatch` is its first difference. */
interface Verified {
  readonly ok: boolean
  readonly n: number
  readonly worst_ulp: number
  readonly mismatch?: { readonly row: number; readonly what: string; readonly expected: unknown; readonly got: unknown }
}

/** Wraps a replay so that a malformed file is a reason too, and never a fault of the job. */
export function replaying(verify: (dir: string) => Promise<Verified>): (dir: string) => Promise<Replayed> {
  return async (dir) => {
    try {
      const { ok, n, worst_ulp, mismatch } = await verify(dir)
      const reason =
        mismatch === undefined
          ? null
          : `probe ${mismatch.row}: ${mismatch.what} is ${show(mismatch.got)}, scikit-learn says ${show(mismatch.expected)}`
      return { ok, n, worst_ulp, reason }
    } catch (error) {
      return {
        ok: false,
        n: 0,
        worst_ulp: 0,
        reason: `the lowered form could not be read: ${(error as Error).message}`,
      }
    }
  }
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80)
}
