/** A seal for tests, with a key of its own that goes with the process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileSeal } from './sealing.ts'
import type { Seal } from './sealing.ts'

export function freshSeal(): Seal {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-seal-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return fileSeal(join(folder, 'webhook.key'))
}
