/** A gateway that answers with one model and has no control process: what an image for serving runs. Its one argument is the model's folder. */
import { hash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openBackend } from './backends/open.ts'
import { startGateway } from './gateway.ts'
import { runFiles, writeWhole } from './run-files.ts'
import { ALONE_FILE } from './table/alone-file.ts'
import type { Alone } from './table/alone-file.ts'
import { BREAKER } from './table/table.ts'
import type { BackendRoute, RoutingTable, TokenRoute } from './table/table.ts'

const DEFAULT_PORT = 4601
/** Role of the one token: it may ask for predictions. */
const ROLE = 'service'

type Variables = Readonly<Record<string, string | undefined>>

/** Starts it and resolves when it listens. Throws a plain Error that says which variable is wrong. */
async function main(folder: string, env: Variables): Promise<void> {
  const alone = JSON.parse(readFileSync(join(folder, ALONE_FILE), 'utf8')) as Alone
  const tokens = tokensOf(env)
  const dataDir = resolve(env['SLIPWAY_DATA'] || '/data')
  const files = runFiles(dataDir)
  mkdirSync(files.run, { recursive: true, mode: 0o700 })
  // what a container before this one left: it is gone, though its process number may be in use again
  rmSync(files.run, { recursive: true, force: true })
  mkdirSync(files.run, { recursive: true, mode: 0o700 })
  writeWhole(files.routing, JSON.stringify(tableOf(alone, folder, tokens)))
  const gateway = await startGateway({
    dataDir,
    index: 0,
    host: env['SLIPWAY_HOST'] || '0.0.0.0',
    port: portOf(env, 'SLIPWAY_PORT') ?? DEFAULT_PORT,
    reusePort: false,
    ...grpcOf(env),
    // asked only where nobody needs a token
    allowHosts: (env['SLIPWAY_ALLOW_HOST'] ?? '').split(',').filter((name) => name !== ''),
    version: alone.version,
    openBackend: (variant, wait) => openBackend(variant, wait, { logDir: files.run, plan: null }),
    onDrain: () => undefined,
  })
  const end = (): void => void gateway.stop().finally(() => process.exit(0))
  process.once('SIGTERM', end)
  process.once('SIGINT', end)
  process.stdout.write(`${JSON.stringify({ ready: true, port: gateway.port, grpc_port: gateway.grpcPort })}\n`)
}

function tableOf(alone: Alone, folder: string, tokens: readonly TokenRoute[]): RoutingTable {
  const { endpoint, model, project, version, inputs, backend } = alone
  const variant = {
    role: 'stable',
    version,
    weight: 10_000,
    since: 0,
    inputs,
    backend: within(folder, backend),
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

function within(folder: string, backend: BackendRoute): BackendRoute {
  if (backend.kind === 'onnx') return { ...backend, file: resolve(folder, backend.file) }
  return { ...backend, dir: resolve(folder, backend.dir) }
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

function grpcOf(env: Variables): { grpcPort?: number } {
  const grpcPort = portOf(env, 'SLIPWAY_GRPC_PORT')
  return grpcPort === undefined ? {} : { grpcPort }
}

function portOf(env: Variables, name: string): number | undefined {
  const given = env[name] ?? ''
  if (given === '') return undefined
  const port = Number(given)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`${name} is "${given}"; expected a port from 0 to 65535`)
  return port
}

main(process.argv[2] ?? '.', process.env).catch((error: unknown) => {
  process.stderr.write(`slipway: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(2)
})
