/** A gateway with native models, in this process, for the clients of other projects. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Backend } from '../../src/scoring/rows/backend.ts'
import type { Scored } from '../../src/scoring/rows/scores.ts'
import { openBackend } from '../../src/gateway/backends/open.ts'
import { endpointRoute, openTable, startTestGateway } from '../../src/gateway/gateway.fixture.ts'
import type { GatewayOptions } from '../../src/gateway/gateway.ts'
import { loadNative } from '../../src/scoring/native/load.ts'
import type { BackendRoute, EndpointRoute } from '../../src/gateway/table/table.ts'
import type { InputField, LimitsRoute } from '../../src/scoring/rows/fields.ts'

export interface ServedModel {
  readonly name: string
  readonly inputs: readonly InputField[]
  /** null = the endpoint has no version. */
  readonly backend: BackendRoute | null
  readonly limits?: LimitsRoute
}

export interface ServedGateway {
  /** host:port of HTTP, and of gRPC. */
  readonly http: string
  readonly grpc: string
  stop(): Promise<void>
}

const DTYPES = { number: 'double', integer: 'long', boolean: 'boolean', string: 'string' } as const

/** A lowered model, with the inputs that it names. */
export function nativeModel(name: string, dir: string): ServedModel {
  const inputs = loadNative(dir).inputs.map((input) => ({ ...input, dtype: DTYPES[input.kind] }))
  return { name, inputs, backend: { kind: 'native', dir } }
}

/** Gives back what it was given, one value a row: for models of one input. */
export const ECHO: BackendRoute = { kind: 'native', dir: 'echo' }

const echo: Backend = {
  ready: () => true,
  score: (rows): Scored[] => rows.map(([value]) => ({ prediction: value, score: null })),
  close: async () => undefined,
  describe: () => ({ kind: 'test' }),
}

/** A model that answers with its only input. */
export function echoModel(name: string, kind: InputField['kind']): ServedModel {
  return { name, inputs: [{ name: 'x', kind, required: true, dtype: DTYPES[kind] }], backend: ECHO }
}

/** Starts it on free ports; requests need no token. */
export async function serveModels(
  models: readonly ServedModel[],
  more: Pick<GatewayOptions, 'tls' | 'patience'> = {},
): Promise<ServedGateway> {
  const dataDir = mkdtempSync(join(tmpdir(), 'clients-'))
  const host = '127.0.0.1'
  const gateway = await startTestGateway(openTable(models.map(endpointOf)), {
    dataDir,
    host,
    grpcPort: 0,
    ...more,
    openBackend: async (variant, wait) =>
      variant.backend.kind === 'native' && variant.backend.dir === 'echo'
        ? echo
        : openBackend(variant, wait, { logDir: dataDir, plan: null }),
    graceMs: 2000,
  })
  return {
    http: `${host}:${gateway.port}`,
    grpc: `${host}:${gateway.grpcPort}`,
    async stop() {
      await gateway.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

function endpointOf({ name, inputs, backend, limits }: ServedModel): EndpointRoute {
  const more = { model: name, ...(limits !== undefined && { limits }) }
  if (backend === null) return endpointRoute(name, inputs, ECHO, { ...more, variants: [] })
  return endpointRoute(name, inputs, backend, more)
}
