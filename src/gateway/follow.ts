/** A gateway in a container of its own beside a control process: both see one data folder, and it follows the routing table that lies there. What the image `gateway` runs. */
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { ifMissingNow } from '../contract/absence/absent.ts'
import { MODES, openIsolation } from '../isolation/isolation.ts'
import type { Mode } from '../isolation/isolation.ts'
import { openBackend } from './backends/open.ts'
import { startGateway } from './gateway.ts'
import type { Gateway } from './gateway.ts'
import { announce, listeningOf, refuseToStart } from './listening.ts'
import type { Variables } from './listening.ts'
import { readJsonFile, runFiles } from './run-files.ts'
import { asTable } from './table/table.ts'

/** Between two looks at the table, ms. */
const LOOK_MS = 500
/** Pause before a model that did not load is tried again, ms. */
const AGAIN_MS = 10_000
/** Those that a control process starts itself are counted from 0. */
const FIRST_INDEX = 1000

interface Package {
  readonly version: string
}

/** Starts it and resolves when it listens; without a table it answers that it is not ready. */
async function main(env: Variables): Promise<void> {
  const dataDir = resolve(env['SLIPWAY_DATA'] || '/data/slipway')
  const files = runFiles(dataDir)
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as Package
  const { plan } = await openIsolation({ dataDir, isolation: modeOf(env), warn: note })
  const gateway = await startGateway({
    dataDir,
    index: FIRST_INDEX + indexOf(env['HOSTNAME'] || hostname()),
    ...listeningOf(env),
    reusePort: false,
    version,
    plan,
    openBackend: (variant, wait) => openBackend(variant, wait, { logDir: files.run, plan }),
    onDrain: () => undefined,
  })
  follow(gateway, files.routing)
  announce(gateway, env)
}

/** Looks at the file for as long as the process lives. */
function follow(gateway: Gateway, file: string): void {
  // what it started with is looked at once more: it may have been replaced since
  let seen: string | undefined
  let again: number | undefined
  let busy = false
  const look = async (): Promise<void> => {
    const now = stateOf(file)
    if (now === undefined || (now === seen && (again === undefined || performance.now() < again))) return
    const { failed } = await gateway.follow(asTable(readJsonFile(file)))
    seen = now
    again = failed.length > 0 ? performance.now() + AGAIN_MS : undefined
    for (const { endpoint, version, reason } of failed) note(`${endpoint} ${version} did not load: ${reason}`)
  }
  setInterval(() => {
    if (busy) return
    busy = true
    look()
      .catch((error: unknown) => note(error instanceof Error ? error.message : String(error)))
      .finally(() => (busy = false))
  }, LOOK_MS).unref()
}

/** Tells one state of a file from another: each is written beside it and moved there. */
function stateOf(file: string): string | undefined {
  const found = ifMissingNow(() => statSync(file, { bigint: true }))
  return found === undefined ? undefined : `${found.ino} ${found.mtimeNs} ${found.size}`
}

/** A number of its own among the containers of a data folder. */
function indexOf(name: string): number {
  return createHash('sha256').update(name).digest().readUInt32BE(0)
}

function modeOf(env: Variables): Mode {
  const given = env['SLIPWAY_ISOLATION'] || 'auto'
  const found = MODES.find((one) => one === given)
  if (found === undefined) throw new Error(`SLIPWAY_ISOLATION is "${given}"; expected one of ${MODES.join(', ')}`)
  return found
}

/** One line on standard error, as JSON. */
function note(what: string): void {
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), what })}\n`)
}

main(process.env).catch(refuseToStart)
