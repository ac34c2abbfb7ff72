/** The error of a call that a test expects to be refused. */
import assert from 'node:assert/strict'
import { CallError } from './client.ts'

/** Fails when the call ends well or with another error. */
export async function callError(call: Promise<unknown>): Promise<CallError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof CallError, String(error))
  return error
}
