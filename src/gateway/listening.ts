/** Where a gateway in a container listens, from the variables that it is started with. */
import type { Gateway } from './gateway.ts'

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

/** How often it is looked whether the models have loaded, ms. */
const LOOK_MS = 100

/**
 * Says that it listens, and once that it is ready; ends it at a signal: what is open is answered first, and the process ends with 0. For the
 * time of SLIPWAY_DRAIN_S it goes on answering then while it says that it is not ready, so that whoever sends it calls hears of it.
 */
export function announce(
  gateway: Pick<Gateway, 'port' | 'grpcPort' | 'ready' | 'leave' | 'stop'>,
  env: Variables,
): void {
  const delay = drainSeconds(env) * 1000
  const end = (): void => {
    gateway.leave()
    setTimeout(() => void gateway.stop().finally(() => process.exit(0)), delay)
  }
  process.once('SIGTERM', end)
  process.once('SIGINT', end)
  const told = { port: gateway.port, grpc_port: gateway.grpcPort }
  process.stdout.write(`${JSON.stringify({ listening: true, ...told })}\n`)
  const look = setInterval(() => {
    if (!gateway.ready()) return
    clearInterval(look)
    process.stdout.write(`${JSON.stringify({ ready: true, ...told })}\n`)
  }, LOOK_MS).unref()
}

/** Kubernetes takes a pod out of its services while it sends it the signal already; elsewhere nothing has to hear of it. */
const DRAIN_S = 5
const MOST_DRAIN_S = 3600

/** Reads SLIPWAY_DRAIN_S. Throws a plain Error that says what is wrong with it. */
export function drainSeconds(env: Variables): number {
  const given = env['SLIPWAY_DRAIN_S'] ?? ''
  if (given === '') return (env['KUBERNETES_SERVICE_HOST'] ?? '') === '' ? 0 : DRAIN_S
  const seconds = Number(given)
  if (!(seconds >= 0 && seconds <= MOST_DRAIN_S))
    throw new Error(`SLIPWAY_DRAIN_S is "${given}"; expected seconds from 0 to ${MOST_DRAIN_S}`)
  return seconds
}

/** Ends a program that could not start, with what is wrong. */
export function refuseToStart(error: unknown): never {
  process.stderr.write(`slipway: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(2)
}
