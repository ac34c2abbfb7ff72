/** Where a gateway in a container listens, from the variables that it is started with. */

export type Variables = Readonly<Record<string, string | undefined>>

export interface Listening {
  readonly host: string
  readonly port: number
  /** Absent = no gRPC. */
  readonly grpcPort?: number
  /** Host names that requests may use where nobody needs a token. */
  readonly allowHosts: readonly string[]
}

const DEFAULT_PORT = 4601

/** Reads SLIPWAY_HOST, SLIPWAY_PORT, SLIPWAY_GRPC_PORT and SLIPWAY_ALLOW_HOST. Throws a plain Error that says which is wrong. */
export function listeningOf(env: Variables): Listening {
  const grpcPort = portOf(env, 'SLIPWAY_GRPC_PORT')
  return {
    host: env['SLIPWAY_HOST'] || '0.0.0.0',
    port: portOf(env, 'SLIPWAY_PORT') ?? DEFAULT_PORT,
    ...(grpcPort !== undefined && { grpcPort }),
    allowHosts: (env['SLIPWAY_ALLOW_HOST'] ?? '').split(',').filter((name) => name !== ''),
  }
}

function portOf(env: Variables, name: string): number | undefined {
  const given = env[name] ?? ''
  if (given === '') return undefined
  const port = Number(given)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`${name} is "${given}"; expected a port from 0 to 65535`)
  return port
}

/** Says that it listens, and ends it at a signal: what is open is answered first, and the process ends with 0. */
export function announce(gateway: {
  readonly port: number
  readonly grpcPort: number | null
  stop(): Promise<void>
}): void {
  const end = (): void => void gateway.stop().finally(() => process.exit(0))
  process.once('SIGTERM', end)
  process.once('SIGINT', end)
  process.stdout.write(`${JSON.stringify({ ready: true, port: gateway.port, grpc_port: gateway.grpcPort })}\n`)
}

/** Ends a program that could not start, with what is wrong. */
export function refuseToStart(error: unknown): never {
  process.stderr.write(`slipway: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(2)
}
