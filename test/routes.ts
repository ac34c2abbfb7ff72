/** Routes of a room over real HTTP, with tokens of given roles, before a store of the test. */
import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { auditLog } from '../src/auth/audit.ts'
import type { Audit } from '../src/auth/audit.ts'
import { authenticator } from '../src/auth/authenticate.ts'
import { SYSTEM, tokens } from '../src/auth/tokens.ts'
import type { Role } from '../src/contract/access.ts'
import { makeIds } from '../src/contract/ids.ts'
import type { Clock, Ids } from '../src/contract/ids.ts'
import type { Mounted } from '../src/http/mount.ts'
import { startServer } from '../src/http/server.ts'
import type { RunningServer } from '../src/http/server.ts'
import { openTemporaryStore } from '../src/store/open.ts'
import type { Store } from '../src/store/open.ts'

/** What the rooms of such a test are made of. */
export interface RoutesDeps extends Store {
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: Audit
  readonly random: (bytes: number) => Uint8Array
  readonly record: Audit['record']
}

/** A server of routes; `tokenOf` gives the token of a role that was asked for, and throws for another. */
export interface ServedRoutes {
  readonly server: RunningServer
  readonly tokenOf: (role: Role) => string
  /** Stops the server and removes the store. */
  stop(): Promise<void>
}

/** Serves what `routesOf` makes of a temporary store, on a free port. */
export async function serveRoutes(
  roles: readonly Role[],
  routesOf: (deps: RoutesDeps) => readonly Mounted[] | Promise<readonly Mounted[]>,
): Promise<ServedRoutes> {
  const store = await openTemporaryStore()
  const audit = auditLog(Date.now)
  const ids = makeIds(Date.now, randomBytes)
  const access = tokens({ db: store.db, clock: Date.now, ids, audit })
  const made = new Map<Role, string>()
  for (const role of roles) made.set(role, (await access.create(SYSTEM, { name: role, role })).token)
  const server = await startServer({
    routes: await routesOf({ ...store, clock: Date.now, ids, audit, random: randomBytes, record: audit.record }),
    authenticate: authenticator(access, false),
    host: '127.0.0.1',
    port: 0,
    logger: pino({ level: 'silent' }),
  })
  return {
    server,
    tokenOf: (role) => {
      const token = made.get(role)
      if (token === undefined) throw new Error(`no token was made for ${role}`)
      return token
    },
    async stop() {
      await server.stop()
      await store.close()
    },
  }
}
