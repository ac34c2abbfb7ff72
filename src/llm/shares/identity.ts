/** By what a server is known to others that charge the same budgets: a name that its data folder keeps, for as long as it lies on this machine. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { ifJson } from '../../contract/absence/absent.ts'
import { moneyFolder } from '../../gateway/llm/money/place.ts'
import { engineCode } from '../../store/failures.ts'

export interface Identity {
  readonly id: string
  /** For people. */
  readonly name: string
}

/** A copy of the folder elsewhere is another server, with a share of its own. Throws what the disk says. */
export function identityIn(dataDir: string): Identity {
  const name = `${hostname()}:${resolve(dataDir)}`
  const file = join(moneyFolder(dataDir), 'server.json')
  const kept = ifJson(textOf(file)) as Partial<Identity> | undefined
  if (typeof kept?.id === 'string' && kept.name === name) return { id: kept.id, name }
  const made = { id: `srv-${randomUUID()}`, name }
  mkdirSync(moneyFolder(dataDir), { recursive: true, mode: 0o700 })
  writeFileSync(file, JSON.stringify(made), { mode: 0o600 })
  return made
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (engineCode(error) === 'ENOENT') return ''
    throw error
  }
}
