/** The machine of a control process, as the steps know it that run there: a name that lies in its data folder and outlives the process. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ifMissingNow } from '../../contract/absence/absent.ts'

export interface Machine {
  /** Two processes with one data folder have the same, and no others have. */
  readonly id: string
  /** The file by which its steps see that it is still theirs (python/slipway/step/lease.py). */
  readonly leaseFile: string
  /** For how long its steps are waited for after it was last heard of, ms. */
  readonly awayMs: number
}

/** How long a machine's steps are waited for where the configuration does not say it, ms. */
export const AWAY_MS = 15 * 60_000

/** The machine of a data folder, which is named where it has no name yet. */
export function machineOf(dataDir: string, awayMs = AWAY_MS): Machine {
  mkdirSync(dataDir, { recursive: true })
  const path = join(dataDir, 'machine')
  return { id: nameIn(path) ?? named(path), leaseFile: join(dataDir, 'machine-lease.json'), awayMs }
}

function nameIn(path: string): string | undefined {
  const text = ifMissingNow(() => readFileSync(path, 'utf8'))?.trim()
  return text === undefined || text === '' ? undefined : text
}

/** Written beside and put in place, so that it is there whole or not at all. */
function named(path: string): string {
  const id = `m_${randomBytes(8).toString('hex')}`
  writeFileSync(`${path}.tmp`, `${id}\n`, { mode: 0o600 })
  renameSync(`${path}.tmp`, path)
  return id
}
