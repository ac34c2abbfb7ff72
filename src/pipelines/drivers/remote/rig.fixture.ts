/** A server that hears nodes and nothing else, with drivers that launch them as processes of this machine. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../../../test/programs/free-port.ts'
import { auditLog } from '../../../auth/audit.ts'
import { authenticator } from '../../../auth/authenticate.ts'
import { fileSeal } from '../../../auth/sealing.ts'
import { tokens, type Tokens } from '../../../auth/tokens.ts'
import { makeIds } from '../../../contract/ids.ts'
import { startOpen } from '../../../http/open-server.fixture.ts'
import type { Call } from '../../../http/mount.ts'
import type { RunningServer } from '../../../http/server.ts'
import type { Blobs } from '../../../store/blobs/blobs.ts'
import type { Db } from '../../../store/db.ts'
import { openTemporaryStore } from '../../../store/open.ts'
import type { Driver } from '../driver.ts'
import { Desk } from './desk.ts'
import { remoteDriver, type RemoteDriverOptions } from './driver.ts'
import { processLauncher, type ProcessLauncher } from './process.fixture.ts'
import { nodeRoutes } from './routes.ts'

export interface Rig {
  readonly db: Db
  readonly blobs: Blobs
  readonly tokens: Tokens
  readonly desk: Desk
  readonly launcher: ProcessLauncher
  /** A folder that goes with the rig. */
  readonly folder: string
  /** Added to its clock, ms. */
  off: number
  server: RunningServer
  /** Notes of its drivers. */
  readonly notes: string[]
  /** What nodes have asked, as `PUT files`, in its order. */
  readonly heard: string[]
  driver(more?: Partial<RemoteDriverOptions>): Driver
  /** Takes the server away; what it returns brings it back at the same port. */
  leave(): Promise<() => Promise<void>>
  close(): Promise<void>
}

export interface RigOptions {
  readonly beatMs?: number
  readonly tokenMs?: number
  readonly leaseMs?: number
}

export async function openRig({ leaseMs = 1500, ...options }: RigOptions = {}): Promise<Rig> {
  const store = await openTemporaryStore()
  const folder = mkdtempSync(join(tmpdir(), 'slipway-node-'))
  const clock = (): number => Date.now() + rig.off
  const access = tokens({ db: store.db, clock, ids: makeIds(clock, randomBytes), audit: auditLog(clock) })
  const seal = fileSeal(join(folder, 'key'))
  const parts = { db: store.db, blobs: store.blobs, clock, seal, tokens: access }
  const desk = new Desk({ ...parts, beatMs: 100, ...options })
  const launcher = processLauncher(folder)
  const heard: string[] = []
  const routes = nodeRoutes(desk).map((mounted) => ({
    ...mounted,
    handle: (call: Call) => {
      heard.push(`${mounted.route.method} ${mounted.route.path.split('/')[4] ?? ''}`)
      return mounted.handle(call)
    },
  }))
  const listen = (port: number): Promise<RunningServer> =>
    startOpen(routes, { authenticate: authenticator(access, false), port, graceMs: 0 })
  const rig: Rig = {
    db: store.db,
    blobs: store.blobs,
    tokens: access,
    desk,
    launcher,
    folder,
    off: 0,
    // it is left and taken again, and nobody may take it meanwhile
    server: await listen(await freePort()),
    notes: [],
    heard,
    driver: (more = {}) =>
      remoteDriver({
        ...parts,
        desk,
        launcher,
        leaseMs,
        url: () => rig.server.url,
        note: (text) => rig.notes.push(text),
        ...more,
      }),
    async leave() {
      const { port } = rig.server
      await rig.server.stop()
      return async () => {
        rig.server = await listen(port)
      }
    },
    async close() {
      launcher.clear()
      await rig.server.stop()
      await store.close()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  return rig
}
