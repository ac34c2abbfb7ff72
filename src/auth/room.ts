/** The auth room: who calls, what they may do, and the chain of what they did. */
import { join } from 'node:path'
import type { Principal } from '../contract/access.ts'
import type { Clock, Ids } from '../contract/ids.ts'
import { egress } from '../http/egress.ts'
import type { Mounted } from '../http/mount.ts'
import type { Notes } from '../store/blobs/blobs.ts'
import type { Db } from '../store/db.ts'
import type { IfSound } from '../store/if-sound.ts'
import { auditLog } from './audit.ts'
import type { Audit } from './audit.ts'
import { authenticator } from './authenticate.ts'
import type { Authenticate } from './authenticate.ts'
import { checkpoints } from './checkpoints.ts'
import { firstLink, firstToken } from './first-token.ts'
import { issuerKeys } from './machine-issuer.ts'
import { machineRoutes } from './machine-routes.ts'
import { authRoutes } from './routes.ts'
import { fileSeal, sealFile } from './sealing.ts'
import type { Seal } from './sealing.ts'
import { tokens } from './tokens.ts'
import type { Tokens } from './tokens.ts'

export interface AuthDeps {
  readonly db: Db
  readonly clock: Clock
  readonly ids: Ids
  readonly ifSound: IfSound
  /** Folder of the file with the token of the first start. */
  readonly dataDir: string
  /** A call without credential is an admin's; only with --no-auth on loopback. */
  readonly open: boolean
  /** Where copies of checkpoints are kept outside of the data folder. */
  readonly blobs?: { readonly notes?: Notes | undefined }
  /** Private hosts at which issuers of machines' tokens may be asked for their keys. */
  readonly egressAllow?: readonly string[] | undefined
  /** Told of checkpoints that could not be written, and of a chain that is not what they have signed. */
  readonly onError?: (error: unknown) => void
}

export interface AuthRoom {
  readonly routes: readonly Mounted[]
  /** Makes the admin token of the first start, before the server listens, and begins to write checkpoints of the audit chain. */
  start(): Promise<void>
  /** Writes the last checkpoint. */
  stop(): Promise<void>
  /** Port: finds who makes a call. */
  readonly authenticate: Authenticate
  /** Port: notes in the audit chain that an address sent too many wrong credentials, once in so long for all addresses. */
  readonly throttled: (address: string) => Promise<void>
  /** Port: writes what was done into the audit chain. */
  readonly audit: Audit
  /** Port: makes, finds and revokes tokens. */
  readonly tokens: Tokens
  /** Port: seals secrets before they are stored. */
  readonly seal: Seal
  /** File with the token of the first start. */
  readonly tokenFile: string
  /** The address that logs its holder in once, as the holder of the token of the first start; `url` is the server's own. Null on a full disk and on a damaged database. */
  firstLink(url: string): Promise<string | null>
}

/** Notes of addresses that send wrong credentials are at least so far apart, ms: who has many addresses does not fill the chain. */
const NOTE_MS = 60_000

/** Whoever holds no credential that is right. */
const NOBODY: Principal = { id: 'nobody', name: 'nobody', role: 'viewer', project: null, token_id: null }

export function authRoom({ db, clock, ids, dataDir, open, onError = () => undefined, ...deps }: AuthDeps): AuthRoom {
  const notes = deps.blobs?.notes
  const audit = auditLog(clock)
  const book = checkpoints({ db, clock, dataDir, audit, notes, onError })
  const access = tokens({ db, clock, ids, audit })
  const keys = issuerKeys(egress({ allow: deps.egressAllow ?? [] }), clock)
  let noted = -NOTE_MS
  const tokenFile = join(dataDir, 'token')
  return {
    routes: [
      ...authRoutes({ access, db, clock, book }),
      ...machineRoutes({ db, clock, ids, audit, tokens: access, keys }),
    ],
    async start() {
      // what a restore has brought is told before anything is added to it
      await book.tellRestore()
      await firstToken(access, tokenFile, deps.ifSound)
      book.start()
    },
    stop: () => book.stop(),
    authenticate: authenticator(access, open),
    async throttled(address) {
      if (performance.now() - noted < NOTE_MS) return
      noted = performance.now()
      const entry = { verb: 'manage', resource: 'tokens', id: address, detail: { action: 'throttle' } } as const
      await db.tx((t) => audit.record(t, NOBODY, entry))
    },
    audit,
    tokens: access,
    seal: fileSeal(sealFile(dataDir)),
    tokenFile,
    firstLink: (url) => firstLink(access, tokenFile, url),
  }
}
