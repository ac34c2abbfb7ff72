/** The composition root: opens the store, builds each room, mounts their routes, starts their loops. */
import { randomBytes } from 'node:crypto'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { auditLog } from './auth/audit.ts'
import { authenticator } from './auth/authenticate.ts'
import { authRoutes } from './auth/routes.ts'
import { SYSTEM, tokens } from './auth/tokens.ts'
import type { Tokens } from './auth/tokens.ts'
import { makeIds } from './contract/ids.ts'
import { feed } from './http/feed.ts'
import type { Mounted } from './http/mount.ts'
import { startServer } from './http/server.ts'
import { staticFiles } from './http/static.ts'
import { systemMounts } from './http/system.ts'
import { openStore } from './store/open.ts'
import { isWritable } from './store/writable.ts'
import { trackingRoom } from './tracking/room.ts'
import { trackingRoutes } from './tracking/routes.ts'

/** Version of this program. */
export const VERSION = '0.1.0'

export interface AppOptions {
  readonly dataDir: string
  readonly host: string
  /** 0 = a free port. */
  readonly port: number
  readonly gatewayPort: number
  readonly gateways: number
  readonly databaseUrl?: string
  /** Everyone is admin; allowed on loopback only. */
  readonly noAuth: boolean
  readonly allowHosts: readonly string[]
  readonly logLevel: string
}

export interface App {
  readonly url: string
  readonly gatewayUrl: string
  readonly tokenFile: string
  readonly loginUrl: string
  stop(): Promise<void>
}

/** Starts the control process; resolves once it answers. */
export async function startApp(options: AppOptions): Promise<App> {
  const log = pino({ level: options.logLevel, base: null }, pino.destination(2))
  const clock = Date.now
  const ids = makeIds(clock, randomBytes)
  const store = await openStore(options)
  const { db } = store
  const audit = auditLog(clock)
  const changes = feed()
  const access = tokens({ db, clock, ids, audit })
  const tokenFile = await firstToken(access, options.dataDir)

  const tracking = trackingRoom({ db, blobs: store.blobs, clock, random: randomBytes, record: audit.record })

  const routes: Mounted[] = [
    ...authRoutes(access, db, clock),
    ...trackingRoutes(tracking),
    ...systemMounts({
      version: VERSION,
      changes,
      clock,
      database: db.kind,
      writable: () => isWritable(db),
      addresses: () => addresses,
    }),
  ]
  const server = await startServer({
    routes,
    authenticate: authenticator(access, options.noAuth),
    host: options.host,
    port: options.port,
    allowHosts: options.allowHosts,
    logger: log,
    fallback: staticFiles(join(import.meta.dirname, '../dist/web')),
    changed: (change) => changes.publish(change),
  })
  const addresses = { url: server.url, gateway_url: '' }
  return {
    url: server.url,
    gatewayUrl: addresses.gateway_url,
    tokenFile,
    loginUrl: `${server.url}/login/${await loginCode(access, tokenFile)}`,
    async stop() {
      await server.stop()
      await db.close()
    },
  }
}

/** The admin token of the first start, in a file that only its owner reads. */
async function firstToken(access: Tokens, dataDir: string): Promise<string> {
  const file = join(dataDir, 'token')
  const known = await readFile(file, 'utf8').catch(() => '')
  const valid = await access.find(known.trim()).then(
    () => true,
    () => false,
  )
  if (!valid) {
    const { token } = await access.create(SYSTEM, { name: 'admin', role: 'admin' })
    await writeFile(file, `${token}\n`, { mode: 0o600 })
    await chmod(file, 0o600)
  }
  return file
}

async function loginCode(access: Tokens, tokenFile: string): Promise<string> {
  return access.createLink(await access.find((await readFile(tokenFile, 'utf8')).trim()))
}
