/** The gateway process: reads its one argument, a JSON object, and answers predictions until it is told to end. */
import { findOwnFilesByName } from '../own-files.ts'
import { runFiles } from './run-files.ts'
import type { Gateway, GatewayOptions } from './gateway.ts'

/** What the supervisor passes. */
export type GatewayArguments = Omit<
  GatewayOptions,
  'openBackend' | 'features' | 'llm' | 'patience' | 'onDrain' | 'graceMs'
>

async function main(): Promise<void> {
  const given = JSON.parse(process.argv[2] ?? '{}') as GatewayArguments
  const logDir = runFiles(given.dataDir).run
  let gateway: Gateway | undefined
  let ending = false
  const end = (): void => {
    if (ending) return
    ending = true
    void (gateway?.stop() ?? Promise.resolve()).finally(() => process.exit(0))
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
  // Its terminal or its parent may go; the gateway stays.
  process.on('SIGHUP', () => undefined)
  process.stdout.on('error', () => undefined)
  process.stderr.on('error', () => undefined)
  findOwnFilesByName()
  const [{ startGateway }, { openBackend }, { GatewayFeatures }, { Standby }, { fileSeal, sealFile }] =
    await Promise.all([
      import('./gateway.ts'),
      import('./backends/open.ts'),
      import('./features/endpoints.ts'),
      import('./llm/standby.ts'),
      import('../auth/sealing.ts'),
    ])
  gateway = await startGateway({
    ...given,
    openBackend: (variant, wait) => openBackend(variant, wait, { logDir, plan: given.plan ?? null }),
    features: new GatewayFeatures(given.dataDir, Date.now),
    llm: (view) => {
      const { dataDir, index, gateways = 1 } = given
      const seal = fileSeal(sealFile(dataDir))
      return new Standby({ ...view, dataDir, index, gateways, open: (text, of) => seal.open(text, of) })
    },
    onDrain: end,
  })
  process.stdout.write(
    `${JSON.stringify({ ready: true, port: gateway.port, grpc_port: gateway.grpcPort, pid: process.pid })}\n`,
  )
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
})
