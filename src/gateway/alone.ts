/** A gateway that answers with one model and has no control process: what an image for serving runs. Its one argument is the model's folder. */
import { hash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { openBackend } from './backends/open.ts'
import { startGateway } from './gateway.ts'
import { announce, listeningOf, refuseToStart } from './listening.ts'
import type { Variables } from './listening.ts'
import { runFiles, writeWhole } from './run-files.ts'
import { readAlone } from './table/alone-file.ts'
import type { Alone } from './table/alone-file.ts'
import { BREAKER } from './table/table.ts'
import type { RoutingTable, TokenRoute } from './table/table.ts'

/** Role of the one token: it may ask for predictions. */
const ROLE = 'service'

/** Starts it and resolves when it listens. Throws a plain Error that says which variable is wrong. */
async function main(folder: string, env: Variables): Promise<void> {
  const alone = readAlone(folder)
  const tokens = tokensOf(env)
  const dataDir = resolve(env['SLIPWAY_DATA'] || '/data')
  const files = runFiles(dataDir)
  mkdirSync(files.run, { recursive: true, mode: 0o700 })
  // what a container before this one left: it is gone, though its process number may be in use again
  rmSync(files.run, { recursive: true, force: true })
  mkdirSync(files.run, { recursive: true, mode: 0o700 })
  writeWhole(files.routing, JSON.stringify(tableOf(alone, tokens)))
  const gateway = await startGateway({
    dataDir,
    index: 0,
    ...listeningOf(env),
    reusePort: false,
    version: alone.version,
    openBackend: (variant, wait) => openBackend(variant, wait, { logDir: files.run, plan: null }),
    onDrain: () => undefined,
  })
  announce(gateway, env)
}

function tableOf(alone: Alone, tokens: readonly TokenRoute[]): RoutingTable {
  const { endpoint, model, project, version, inputs, backend } = alone
  const variant = {
    role: 'stable',
    version,
    weight: 10_000,
    since: 0,
    inputs,
    backend,
  } as const
  return {
    format: 'slipway.routing/1',
    epoch: 1,
    open: tokens.length === 0,
    tokens,
    endpoints: [
      {
        name: endpoint,
        project,
        model,
        salt: model,
        threshold: null,
        breaker: BREAKER,
        variants: [variant],
        standby: [],
      },
    ],
  }
}

/** The token that callers need, or none where it is said that everybody may ask. */
function tokensOf(env: Variables): TokenRoute[] {
  const { SLIPWAY_TOKEN: token = '', SLIPWAY_NO_AUTH: open = '' } = env
  if (token === '' && open === '1') return []
  if (token === '')
    throw new Error(
      'set SLIPWAY_TOKEN to slw_ID.SECRET, the token that callers send, or SLIPWAY_NO_AUTH=1 to let everybody ask',
    )
  if (open === '1') throw new Error('SLIPWAY_TOKEN and SLIPWAY_NO_AUTH=1 are both set; choose one')
  const [, id = '', secret = ''] = /^slw_([a-z0-9]{1,64})\.([A-Za-z0-9_-]{16,128})$/.exec(token) ?? []
  if (id === '')
    throw new Error('SLIPWAY_TOKEN is not of the form slw_ID.SECRET, with at least 16 characters after the dot')
  return [{ id, hash: hash('sha256', secret, 'hex'), role: ROLE, project: null, expires_at: null }]
}

main(process.argv[2] ?? '.', process.env).catch(refuseToStart)
