/** What the lowering of a model left in its folder, and its replay in this process. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { verifyNative } from '../../src/scoring/native/verify.ts'

/** Whether the model was lowered, and why not. */
export function resultOf(native: string): { readonly ok: boolean; readonly reason: string | null } {
  return JSON.parse(readFileSync(join(native, 'result.json'), 'utf8')) as { ok: boolean; reason: string | null }
}

/** Asserts that the native model answers at least so many rows as Python did, within the last bit. */
export function assertReplays(native: string, rows: number): void {
  const replay = verifyNative(native)
  assert.equal(replay.mismatch, undefined)
  assert.ok(replay.ok && replay.worst_ulp <= 1)
  assert.ok(replay.n >= rows, `${replay.n} rows`)
}
