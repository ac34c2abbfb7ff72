/** The files by which control and gateways find each other: routing table, process files, admin sockets; all in the data folder. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ifGone, ifJson, ifMissingNow } from '../contract/absence/absent.ts'
import type { Plan } from '../isolation/plan.ts'
import { faultPoint } from '../store/fault.ts'

/** Where things lie in a data folder. */
export interface RunFiles {
  readonly run: string
  readonly segments: string
  readonly routing: string
  readonly lowered: string
}

export function runFiles(dataDir: string): RunFiles {
  const run = join(dataDir, 'run')
  return {
    run,
    segments: join(dataDir, 'segments'),
    routing: join(run, 'routing.json'),
    lowered: join(dataDir, 'models'),
  }
}

/** What a running gateway says of itself in `<data>/run/gateway-<index>.json`. */
export interface GatewayFile {
  readonly pid: number
  /** Start of the process in the kernel's own ticks, so that another process with the same pid is not taken for it; null where unknown. */
  readonly start: string | null
  readonly port: number
  /** Port of gRPC; null or absent without. */
  readonly grpc_port?: number | null
  /** Files of certificate and key; null or absent without TLS. */
  readonly tls?: { readonly cert: string; readonly key: string } | null
  /** How it confines its scorers; null or absent = not at all. */
  readonly plan?: Plan | null
  readonly socket: string
  /** What its admin socket asks for; only who reads the data folder knows it. Absent in files of older versions. */
  readonly secret?: string
  readonly started_at: number
}

export function gatewayFile(dataDir: string, index: number): string {
  return join(runFiles(dataDir).run, `gateway-${index}.json`)
}

/** Longest path of a unix socket that every system takes, with room to spare. */
const MAX_SOCKET_PATH = 100

/**
 * The admin socket of a gateway process: in the data folder, or in a private temporary folder when that path is too long for a
 * socket. Each process has its own, since one that ends takes its path with it.
 */
export function socketPath(dataDir: string, index: number, pid: number): string {
  const name = `gateway-${index}-${pid}.sock`
  const path = join(runFiles(dataDir).run, name)
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return path
  const short = createHash('sha256').update(path).digest('hex').slice(0, 16)
  const folder = join(tmpdir(), `slipway-${process.getuid?.() ?? 0}-${short}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return join(folder, name)
}

/** Writes a file so that a reader sees the old text or the new one, never a part. */
export function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, text, { mode: 0o600 })
  faultPoint('file.written')
  renameSync(temporary, path)
}

/** The JSON of a file, or undefined when it is not there or not whole. Throws where it cannot be read. */
export function readJsonFile(path: string): unknown {
  const text = ifMissingNow(() => readFileSync(path, 'utf8'))
  return text === undefined ? undefined : ifJson(text)
}

/** When a process started, in the kernel's ticks since boot; null where /proc does not exist or the process is gone. */
export function processStart(pid: number): string | null {
  const stat = ifGone(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
}

/** True when the process exists and, where the kernel tells, is the one that started then. */
export function isAlive(pid: number, start: string | null): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return start === null || processStart(pid) === start
}
