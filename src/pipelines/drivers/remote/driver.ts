/** A driver for other machines: a launcher brings a program to a node, and what that program says of its attempt is what counts. */
import type { Tokens } from '../../../auth/tokens.ts'
import { problem } from '../../../contract/errors.ts'
import { faultPoint } from '../../../store/fault.ts'
import type { TreeInfo } from '../../../store/blobs/trees.ts'
import type { AttemptSpec, AttemptStatus, ClusterState, Driver, Exit, Usage } from '../driver.ts'
import { beatOf, exitOf } from '../exit.ts'
import { Silences } from '../silence.ts'
import type { Desk, DeskDeps } from './desk.ts'
import { Health } from './health.ts'
import type { Launcher, LaunchState, NodeJob } from './launcher.ts'
import { claimToken, invitation, NODE_COMMAND } from './invitation.ts'
import { Queued } from './queued.ts'
import { dropNode, nodeRow, piecesFrom, type NodeRow } from './rows.ts'
import { workOf } from './work.ts'

export interface RemoteDriverOptions extends Omit<DeskDeps, 'tokens'> {
  readonly desk: Desk
  readonly tokens: Pick<Tokens, 'createIn'>
  readonly launcher: Launcher
  /** The address at which nodes reach this server. */
  readonly url: () => string
  /** Silence after which the word of the cluster counts, ms; default a minute. */
  readonly leaseMs?: number
  /** Between two tries to send a job that the cluster does not take for now, ms; default 10 s. */
  readonly againMs?: number
  /** Told what an operator should know. */
  readonly note?: (text: string) => void
}

const LEASE_MS = 60_000
/** Between two questions to the cluster about one attempt that is silent, ms. */
const ASK_MS = 2000
/** An attempt that nobody has taken up after this long waits for something, ms. */
const WAIT_MS = 3000
/** Between tries to end what the cluster could not be asked to end, ms. */
const UNSTOPPED_MS = 5000
/** Bytes of a log beyond its limit, for the lines of the supervisor itself. */
const LOG_SLACK = 64 * 1024

export function remoteDriver(options: RemoteDriverOptions): Driver {
  return new RemoteDriver(options)
}

class RemoteDriver implements Driver {
  readonly name: string
  readonly #options: RemoteDriverOptions
  readonly #lease: number
  readonly #silences: Silences
  readonly #health: Health
  /** What the cluster said of silent attempts, and when it was asked, ms of the monotonic clock. */
  readonly #asked = new Map<string, { readonly at: number; readonly said: LaunchState }>()
  /** Attempts whose end the cluster could not be asked for. */
  readonly #unstopped = new Set<string>()
  readonly #queued: Queued
  /** Attempts whose jobs are being sent for the first time. */
  readonly #sending = new Set<string>()
  /** Since when this process hears nodes, ms of the monotonic clock. */
  readonly #hears = performance.now()

  constructor(options: RemoteDriverOptions) {
    this.name = options.launcher.name
    this.#options = options
    this.#lease = options.leaseMs ?? LEASE_MS
    this.#silences = new Silences(options.clock)
    this.#queued = new Queued(options.launcher, options.againMs)
    this.#health = new Health(options.launcher, options.clock)
  }

  slowStarts(): string | null {
    return null
  }

  async clusters(): Promise<readonly ClusterState[]> {
    const health = await this.#health.now()
    return health === undefined ? [] : [{ name: this.name, ...health }]
  }

  async submit(spec: AttemptSpec): Promise<void> {
    const { db, clock, seal, tokens } = this.#options
    const known = await nodeRow(db, spec.attempt)
    if (known !== undefined && (known.claimed_at !== null || known.stop !== null)) return
    const now = clock()
    const { token, again } = await db.tx(async (t) => {
      const made = await t.run(
        `INSERT INTO pipeline_nodes (attempt, fence, driver, work, submitted_at, log_size, log_limit, unsent)
         VALUES (?, ?, ?, ?, ?, 0, ?, ?) ON CONFLICT (attempt) DO NOTHING`,
        [
          spec.attempt,
          spec.fence,
          this.name,
          seal.seal(JSON.stringify(workOf(spec)), spec.attempt),
          now,
          spec.log_bytes + LOG_SLACK,
          JSON.stringify(demandOf(spec)),
        ],
      )
      return { token: await claimToken(t, tokens, spec.attempt, now), again: made === 0 }
    })
    faultPoint('pipelines.node_written')
    this.#sending.add(spec.attempt)
    try {
      if (await this.#queued.launch({ ...this.#job(spec.attempt, token), ...demandOf(spec), again }))
        await this.#sent(spec.attempt)
    } finally {
      this.#sending.delete(spec.attempt)
    }
  }

  async get(attempt: string, fence: string): Promise<AttemptStatus> {
    const row = await nodeRow(this.#options.db, attempt)
    if (row === undefined || row.fence !== fence || row.stop === 'kill') return { state: 'absent' }
    if (row.ended !== null) return { state: 'finished', exit: exitOf(row.ended) }
    if (row.claimed_at === null && row.stop !== null) return { state: 'absent' }
    const silent_ms = this.#silenceOf(row)
    const gone = await this.#lookAt(row, silent_ms)
    if (gone !== undefined) return gone
    // one that waits for a node has nobody who could say anything
    if (row.claimed_at === null) return { state: 'running', silent_ms: 0, quiet_ms: 0, starting: true }
    return { state: 'running', silent_ms, quiet_ms: (row.beat?.quiet_s ?? 0) * 1000 }
  }

  async usage(attempt: string): Promise<Usage | undefined> {
    const beat = (await nodeRow(this.#options.db, attempt))?.beat
    return beat === undefined || beat === null ? undefined : beatOf(beat)
  }

  async list(): Promise<string[]> {
    const rows = await this.#options.db.all<{ attempt: string }>(
      'SELECT attempt FROM pipeline_nodes WHERE driver = ? ORDER BY attempt',
      [this.name],
    )
    return rows.map(({ attempt }) => attempt)
  }

  async endStrays(): Promise<void> {
    const { launcher, db, note } = this.#options
    try {
      // listed before the rows are asked for: a row is written before its job
      for (const attempt of (await launcher.held?.()) ?? [])
        if ((await nodeRow(db, attempt)) === undefined) await launcher.stop(attempt)
    } catch (error) {
      note?.(`${this.name} could not be asked to end what nobody hears of: ${(error as Error).message}`)
    }
  }

  async cancel(attempt: string): Promise<void> {
    await this.#write(
      "UPDATE pipeline_nodes SET stop = 'cancel' WHERE attempt = ? AND stop IS NULL AND ended IS NULL",
      attempt,
    )
    // a node that has taken it up hears of it by itself, and has its grace time
    if ((await nodeRow(this.#options.db, attempt))?.claimed_at === null) await this.#stop(attempt)
  }

  /** Nothing that its node says counts from now on; its processes end as soon as the cluster or that refusal reaches them. */
  async kill(attempt: string): Promise<void> {
    const row = await nodeRow(this.#options.db, attempt)
    if (row === undefined || row.ended !== null) return
    await this.#write("UPDATE pipeline_nodes SET stop = 'kill' WHERE attempt = ? AND ended IS NULL", attempt)
    await this.#stop(attempt)
  }

  async logs(attempt: string, from: number, most: number): Promise<Buffer> {
    const [piece] = await piecesFrom(this.#options.db, attempt, from)
    if (piece === undefined) return Buffer.alloc(0)
    const start = from - piece.at
    return (await this.#options.blobs.bytes(piece.digest)).subarray(start, start + most)
  }

  async logSize(attempt: string): Promise<number> {
    return (await nodeRow(this.#options.db, attempt))?.log_size ?? 0
  }

  async storeLog(attempt: string): Promise<{ digest: string; size: number } | undefined> {
    const { db, blobs } = this.#options
    const row = await nodeRow(db, attempt)
    if (row === undefined || row.claimed_at === null) return undefined
    const pieces = await piecesFrom(db, attempt, 0)
    return blobs.put(
      bytesOf(
        pieces.map(
          ({ digest }) =>
            () =>
              blobs.bytes(digest),
        ),
      ),
    )
  }

  async collect(attempt: string, output: string): Promise<TreeInfo> {
    const outputs = (await nodeRow(this.#options.db, attempt))?.outputs ?? {}
    const found = Object.hasOwn(outputs, output) ? outputs[output] : undefined
    if (found === undefined) throw problem('not_found', { what: 'output', id: output })
    return found
  }

  async checkpoints(attempt: string): ReturnType<Driver['checkpoints']> {
    return (await nodeRow(this.#options.db, attempt))?.checkpoint_state ?? undefined
  }

  async storeCheckpoints(attempt: string): ReturnType<Driver['storeCheckpoints']> {
    return [...((await nodeRow(this.#options.db, attempt))?.checkpoints ?? [])]
  }

  async delete(attempt: string): Promise<void> {
    this.#silences.forget(attempt)
    this.#asked.delete(attempt)
    this.#queued.forget(attempt)
    await this.#options.db.tx((t) => dropNode(t, attempt))
  }

  onEnd(listener: (attempt: string) => void): void {
    this.#options.desk.onEnd(listener)
  }

  /** Since its last word, and not longer than somebody was there to hear one: a node finds a server that was away within a minute or two. */
  #silenceOf({ attempt, beat_at, submitted_at }: NodeRow): number {
    return Math.min(this.#silences.since(attempt, beat_at ?? submitted_at), performance.now() - this.#hears)
  }

  #job(attempt: string, token: string): Pick<NodeJob, 'attempt' | 'variables' | 'command'> {
    return { attempt, variables: invitation(attempt, token, this.#options.url()), command: NODE_COMMAND }
  }

  /** Notes that the cluster has the job of an attempt. */
  #sent(attempt: string): Promise<void> {
    return this.#write('UPDATE pipeline_nodes SET unsent = NULL WHERE attempt = ?', attempt)
  }

  /**
   * How an attempt stands whose job the cluster does not have. Where a server was ended before it had sent it, or while the cluster took none,
   * the next one sends it, as one that may be there. Undefined once the cluster has it.
   */
  async #unsent({ attempt, claimed_at, unsent }: NodeRow): Promise<LaunchState | undefined> {
    if (claimed_at !== null || unsent === null || this.#sending.has(attempt)) return undefined
    if (!this.#queued.has(attempt)) {
      const { db, clock, tokens } = this.#options
      const token = await db.tx((t) => claimToken(t, tokens, attempt, clock()))
      this.#queued.add({ ...this.#job(attempt, token), ...(JSON.parse(unsent) as Demand), again: true })
    }
    const state = await this.#queued.unsent(attempt)
    if (state === undefined) await this.#sent(attempt)
    return state
  }

  async #write(sql: string, ...values: (string | null)[]): Promise<void> {
    await this.#options.db.tx((t) => t.run(sql, values))
  }

  /** What the row says stands whether the cluster can be asked or not. */
  async #stop(attempt: string): Promise<void> {
    this.#queued.forget(attempt)
    try {
      await this.#options.launcher.stop(attempt)
      if (this.#unstopped.delete(attempt)) await this.#tell(attempt, null)
    } catch (error) {
      const why = `${this.name} could not be asked to end its job ${attempt}, which may hold its place there still: ${(error as Error).message}`
      if (!this.#unstopped.has(attempt)) {
        this.#stopLater(attempt)
        this.#options.note?.(why)
      }
      await this.#tell(attempt, why)
    }
  }

  /** A cluster that is away now is asked again: what it runs is told to nobody any more. */
  #stopLater(attempt: string): void {
    this.#unstopped.add(attempt)
    const timer = setInterval(() => {
      if (this.#unstopped.has(attempt))
        this.#stop(attempt).catch((error: unknown) => this.#options.note?.(String(error)))
      else clearInterval(timer)
    }, UNSTOPPED_MS).unref()
  }

  /** Says with the attempt what its cluster could not be asked, or that it could. */
  #tell(attempt: string, trouble: string | null): Promise<void> {
    return this.#write(
      "UPDATE pipeline_attempts SET trouble = ? WHERE id = ? AND coalesce(trouble, '') <> ?",
      trouble,
      attempt,
      trouble ?? '',
    )
  }

  /** Asks the cluster about a silent attempt; how it ended where that says so. */
  async #lookAt(row: NodeRow, silent_ms: number): Promise<AttemptStatus | undefined> {
    const unsent = await this.#unsent(row)
    if (unsent?.state === 'over') return this.#gone(row, unsent)
    if (unsent !== undefined) {
      await this.#noteWait(row, unsent)
      return undefined
    }
    const early = row.claimed_at === null && this.#options.launcher.tellsWaits === true
    if (silent_ms <= (early ? Math.min(WAIT_MS, this.#lease) : this.#lease)) return undefined
    const said = await this.#ask(row.attempt)
    // one that waits to be started again was ended where it ran
    const isOver = said.state === 'over' || (said.again === true && row.claimed_at !== null)
    if (isOver && silent_ms > this.#lease) return this.#gone(row, said)
    if (early) await this.#noteWait(row, said)
    return undefined
  }

  /** What the cluster says of an attempt, asked now and then. */
  async #ask(attempt: string): Promise<LaunchState> {
    const known = this.#asked.get(attempt)
    if (known !== undefined && performance.now() - known.at < ASK_MS) return known.said
    const said = await this.#options.launcher.state(attempt)
    const { state, detail = '' } = said
    await this.#tell(attempt, state === 'unknown' ? `${this.name} cannot be asked of it: ${detail}` : null)
    this.#asked.set(attempt, { at: performance.now(), said })
    return said
  }

  /** Keeps what an attempt waits for, for whoever looks at its run. */
  async #noteWait({ attempt, waits }: NodeRow, { state, detail }: LaunchState): Promise<void> {
    const told = state === 'running' ? null : (detail ?? null)
    if (told === waits) return
    const sql = 'UPDATE pipeline_nodes SET waits = ? WHERE attempt = ? AND claimed_at IS NULL'
    await this.#options.db.tx((t) => t.run(sql, [told, attempt]))
  }

  /**
   * The end of an attempt that the cluster says is over: of one that was taken up where the cluster knows why, of one that never was where
   * it says anything.
   */
  #gone(row: NodeRow, { detail = '', failure }: LaunchState): AttemptStatus {
    this.#queued.forget(row.attempt)
    const began = row.claimed_at !== null
    if (began ? failure === undefined : detail === '') return { state: 'absent' }
    return {
      state: 'finished',
      exit: {
        ...NEVER_BEGAN,
        class: failure ?? 'infrastructure',
        message: `${this.name} ${began ? 'ended it' : 'did not start it'}: ${detail}`,
        log_bytes: row.log_size,
        finished_at: row.beat_at ?? row.submitted_at,
        started_at: row.claimed_at ?? row.submitted_at,
      },
    }
  }
}

type Demand = Omit<NodeJob, 'attempt' | 'variables' | 'command' | 'again'>

/** What a launcher asks its cluster for. */
function demandOf(spec: AttemptSpec): Demand {
  const { memory_bytes, timeout_ms, grace_ms, cpus, gpus = 0, image = null } = spec
  return {
    of: spec.of ?? { project: '', run: '', step: '' },
    cpus: cpus ?? 1,
    gpus,
    image,
    python_version: spec.environment?.python_version ?? null,
    memory_bytes,
    timeout_ms,
    grace_ms,
    spot: spec.spot ?? false,
  }
}

const NEVER_BEGAN: Exit = {
  class: 'infrastructure',
  message: '',
  traceback: null,
  code: null,
  signal: null,
  metrics: {},
  cpu_seconds: 0,
  max_rss_bytes: 0,
  memory_kib_s: 0,
  started_at: 0,
  finished_at: 0,
  log_bytes: 0,
  log_truncated: false,
  reads: null,
}

async function* bytesOf(pieces: readonly (() => Promise<Buffer>)[]): AsyncGenerator<Uint8Array> {
  for (const read of pieces) yield await read()
}
