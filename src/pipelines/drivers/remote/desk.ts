/** Hears what nodes say of their attempts. One process takes an attempt up, and what is said counts only with the fence of that claim. */
import { sha256, SYSTEM, type Tokens } from '../../../auth/tokens.ts'
import type { Seal } from '../../../auth/sealing.ts'
import type { Principal } from '../../../contract/access.ts'
import { problem } from '../../../contract/errors.ts'
import type { Clock } from '../../../contract/ids.ts'
import { ifFound } from '../../../contract/absence/absent.ts'
import { FILE_BYTES, MOST_FILES, PIECE_BYTES, type NodeExit } from '../../../contract/pipelines/nodes.ts'
import { faultPoint } from '../../../store/fault.ts'
import type { Blobs } from '../../../store/blobs/blobs.ts'
import { treeFiles, type TreeInfo } from '../../../store/blobs/trees.ts'
import type { Db } from '../../../store/db.ts'
import type { WrittenBeat } from '../exit.ts'
import { dropFiles, keptCheckpoints, ownState, type ToldCheckpoint } from './checkpoints.ts'
import { Given, keepOutput, sentFiles, type Listed } from './files.ts'
import { HEARD, nodeRow, type NodeRow } from './rows.ts'
import { treesOf, type NodeWork } from './work.ts'

export interface DeskDeps {
  readonly db: Db
  readonly blobs: Blobs
  readonly clock: Clock
  readonly seal: Seal
  readonly tokens: Pick<Tokens, 'createIn' | 'renew'>
  /** Between beats, ms; default 3 s. */
  readonly beatMs?: number | undefined
  /** How long the token of a node is good after its last beat, ms; default seven hours. */
  readonly tokenMs?: number | undefined
}

/** How an attempt ended, with the node's clock as it was when that was sent. */
export interface End {
  readonly at: number
  readonly exit: NodeExit
  readonly outputs: Readonly<Record<string, Listed>>
}

const BEAT_MS = 3000
/** Longer than a node waits for a server that is away (`ABANDON_S` of python/slipway/remote/server.py). It ends with its attempt in any case. */
const TOKEN_MS = 7 * 3_600_000

export class Desk {
  readonly #deps: DeskDeps
  readonly #given: Given
  readonly #listeners: ((attempt: string) => void)[] = []

  constructor(deps: DeskDeps) {
    this.#deps = deps
    this.#given = new Given(deps.blobs)
  }

  /** Calls `listener` when a node has said here how an attempt ended. */
  onEnd(listener: (attempt: string) => void): void {
    this.#listeners.push(listener)
  }

  /** Gives an attempt to one process, for good; the same one is answered again. Throws `conflict` for any other, and for an attempt that was ended. */
  async claim(attempt: string, claimant: string, host: string) {
    const { db, blobs, clock, seal, tokens, beatMs = BEAT_MS, tokenMs = TOKEN_MS } = this.#deps
    const now = clock()
    // what other processes have found hurt is known to this one then, and told as mended where its node stores it again
    await blobs.faulty?.()
    const taken = await db.tx(async (t) => {
      const changed = await t.run(
        `UPDATE pipeline_nodes SET claimant = ?, host = ?, claimed_at = coalesce(claimed_at, ?), beat_at = ?
         WHERE attempt = ? AND (claimant IS NULL OR claimant = ?) AND stop IS NULL AND ended IS NULL`,
        [sha256(claimant), host, now, now, attempt, sha256(claimant)],
      )
      if (changed === 0) return undefined
      const wanted = { name: 'node', role: 'service', attempt, node: 'work', expires_at: now + tokenMs } as const
      return (await tokens.createIn(t, SYSTEM, wanted, {})).token
    })
    const row = await this.#row(attempt)
    if (taken === undefined) throw problem('conflict', { detail: whyNot(row) })
    faultPoint('pipelines.node_claimed')
    const work = seal.open(row.work, attempt)
    return { attempt: { id: attempt }, fence: row.fence, token: taken, beat_ms: beatMs, work }
  }

  /** Notes that the attempt goes on; true when it is to end. */
  async beat(who: Principal, attempt: string, fence: string, beat: WrittenBeat | null): Promise<boolean> {
    const { db, clock, tokens, tokenMs = TOKEN_MS } = this.#deps
    const now = clock()
    const heard = await db.tx(async (t) => {
      const row = await t.get<{ stop: NodeRow['stop'] }>(
        `UPDATE pipeline_nodes SET beat_at = ?, beat = coalesce(?, beat) WHERE ${HEARD} RETURNING stop`,
        [now, beat === null ? null : JSON.stringify(beat), attempt, fence],
      )
      if (row !== undefined && who.token_id !== null) await tokens.renew(t, who.token_id, now + tokenMs)
      return row
    })
    if (heard === undefined) return this.#refuse(attempt, fence)
    return heard.stop !== null
  }

  /** Adds a piece to the log if it begins where the log ends; how long the log is now, and whether the attempt is to end. */
  async log(attempt: string, fence: string, ...[from, body]: [number, AsyncIterable<Uint8Array>]) {
    const { db, blobs } = this.#deps
    const before = await this.#heard(attempt, fence)
    if (from > before.log_size)
      throw problem('conflict', { detail: `the log ends at ${before.log_size}; got a piece from ${from}` })
    const bytes = await whole(capped(body, Math.min(PIECE_BYTES, before.log_limit - from)))
    if (from < before.log_size || bytes.length === 0) return { size: before.log_size, cancel: before.stop !== null }
    const { digest, size } = await blobs.put(bytes)
    const kept = await db.tx(async (t) => {
      const grown = await t.run(`UPDATE pipeline_nodes SET log_size = ? WHERE ${HEARD} AND log_size = ?`, [
        from + size,
        attempt,
        fence,
        from,
      ])
      if (grown === 0) return false
      await t.run('INSERT INTO pipeline_node_pieces (attempt, at, size, digest) VALUES (?, ?, ?, ?)', [
        attempt,
        from,
        size,
        digest,
      ])
      return true
    })
    const after = kept ? before : await this.#heard(attempt, fence)
    return { size: kept ? from + size : after.log_size, cancel: after.stop !== null }
  }

  /** A file of what the attempt was given. Throws `not_found` for any other, though it be there. */
  async read(attempt: string, fence: string, digest: string): ReturnType<Blobs['read']> {
    const work = this.#workOf(await this.#heard(attempt, fence))
    const given = await this.#given.of(attempt, treesOf(work))
    if (!given.has(digest)) throw problem('not_found', { what: 'file of the attempt', id: digest })
    const { blobs } = this.#deps
    const found = await ifFound(blobs.read(digest))
    if (found !== undefined) return found
    blobs.missing?.({ digest, size: 0 })
    throw problem('not_found', { what: 'blob', id: digest })
  }

  /** Keeps a file of an output. */
  async put(attempt: string, fence: string, ...[digest, body]: [string, AsyncIterable<Uint8Array>]): Promise<void> {
    const { db, blobs } = this.#deps
    await this.#heard(attempt, fence)
    const { size } = await blobs.put(capped(body, FILE_BYTES), { digest })
    await db.tx(async (t) => {
      const row = await t.get(`SELECT attempt FROM pipeline_nodes WHERE ${HEARD}`, [attempt, fence])
      if (row === undefined) return
      await t.run(
        'INSERT INTO pipeline_node_files (attempt, digest, size) VALUES (?, ?, ?) ON CONFLICT (attempt, digest) DO NOTHING',
        [attempt, digest, size],
      )
    })
    await this.#heard(attempt, fence)
  }

  /** Keeps what the step says of its checkpoints, and the newest one; of those before the last good one stays, and no file of any other. */
  async keepCheckpoint(attempt: string, fence: string, told: ToldCheckpoint): Promise<void> {
    const { db, blobs, clock } = this.#deps
    const { work, checkpoints } = await this.#heard(attempt, fence)
    const kept = await keptCheckpoints(told, checkpoints ?? [], clock(), async (files) => {
      const sent = await sentFiles(db, attempt)
      const given = await this.#given.sizes(treesOf(JSON.parse(this.#deps.seal.open(work, attempt)) as NodeWork))
      return keepOutput(blobs, 'checkpoint', files, { get: (digest) => sent.get(digest) ?? given.get(digest) })
    })
    const needed = new Set<string>()
    for (const { tree } of kept) for (const { digest } of await treeFiles(blobs, tree)) needed.add(digest)
    const heard = await db.tx(async (t) => {
      const changed = await t.run(
        `UPDATE pipeline_nodes SET checkpoint_state = ?, checkpoints = ?, beat_at = ? WHERE ${HEARD}`,
        [JSON.stringify(ownState(told, clock())), JSON.stringify(kept), clock(), attempt, fence],
      )
      if (changed > 0 && told.files !== null) await dropFiles(t, attempt, needed)
      return changed > 0
    })
    if (!heard) await this.#refuse(attempt, fence)
  }

  /**
   * Keeps how the attempt ended, once: the same word again is well, any other a `conflict`. All of the log must be here, and each file of
   * an output must have been sent, or given to the attempt.
   */
  async end(attempt: string, fence: string, end: End): Promise<void> {
    const { db, clock } = this.#deps
    const known = await this.#row(attempt)
    const ended = JSON.stringify(ownTimes(end, clock()))
    if (known.ended !== null && known.fence === fence && isSame(known.ended, end.exit)) return
    const row = await this.#heard(attempt, fence)
    if (end.exit.log_bytes !== row.log_size)
      throw problem('conflict', {
        detail: `the log has ${row.log_size} bytes here, and ended with ${end.exit.log_bytes}`,
      })
    const outputs = await this.#keep(attempt, row, end)
    faultPoint('pipelines.node_outputs_kept')
    const kept = await db.tx((t) =>
      t.run(`UPDATE pipeline_nodes SET ended = ?, outputs = ?, beat_at = ? WHERE ${HEARD}`, [
        ended,
        JSON.stringify(outputs),
        clock(),
        attempt,
        fence,
      ]),
    )
    if (kept === 0) await this.#refuse(attempt, fence)
    this.#listeners.forEach((listen) => listen(attempt))
  }

  async #keep(attempt: string, row: NodeRow, { exit, outputs }: End): Promise<Record<string, TreeInfo>> {
    if (exit.class !== 'ok') return {}
    const { db, blobs } = this.#deps
    const work = this.#workOf(row)
    if (Object.values(outputs).reduce((sum, { length }) => sum + length, 0) > MOST_FILES)
      throw problem('unprocessable', { detail: `the outputs have more than ${MOST_FILES} files` })
    const [sent, given] = [await sentFiles(db, attempt), await this.#given.sizes(treesOf(work))]
    const owned = { get: (digest: string) => sent.get(digest) ?? given.get(digest) }
    const kept: Record<string, TreeInfo> = {}
    for (const name of work.outputs) {
      const listed = Object.hasOwn(outputs, name) ? outputs[name] : undefined
      if (listed !== undefined) kept[name] = await keepOutput(blobs, name, listed, owned)
    }
    return kept
  }

  #workOf(row: NodeRow): NodeWork {
    return JSON.parse(this.#deps.seal.open(row.work, row.attempt)) as NodeWork
  }

  async #row(attempt: string): Promise<NodeRow> {
    const row = await nodeRow(this.#deps.db, attempt)
    if (row === undefined) throw problem('not_found', { what: 'attempt', id: attempt })
    return row
  }

  /** The attempt while its node is heard. */
  async #heard(attempt: string, fence: string): Promise<NodeRow> {
    const row = await this.#row(attempt)
    const isHeard = row.claimed_at !== null && row.ended === null && row.stop !== 'kill' && row.fence === fence
    return isHeard ? row : this.#refuse(attempt, fence)
  }

  async #refuse(attempt: string, fence: string): Promise<never> {
    const row = await this.#row(attempt)
    const why = row.fence === fence ? whyNot(row) : 'the fence is not that of the claim'
    throw problem('conflict', { detail: why })
  }
}

function whyNot({ claimed_at, stop, ended }: NodeRow): string {
  if (ended !== null) return 'the attempt has ended'
  if (stop !== null) return 'the attempt was ended from outside'
  return claimed_at === null ? 'nobody has taken the attempt up' : 'another process has taken the attempt up'
}

/** An exit with its times by the server's clock: that of the node may be set as it likes. */
function ownTimes({ at, exit }: End, now: number): NodeExit {
  const off = now / 1000 - at
  return { ...exit, started_at: exit.started_at + off, finished_at: exit.finished_at + off }
}

function isSame(known: object, exit: NodeExit): boolean {
  return timeless(known) === timeless(exit)
}

/** Times aside, which are counted anew from each sending. */
function timeless(exit: object): string {
  return JSON.stringify({ ...exit, started_at: 0, finished_at: 0 })
}

async function whole(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part)
  return Buffer.concat(parts)
}

async function* capped(body: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const part of body) {
    size += part.length
    if (size > limit) throw problem('payload_too_large', { limit })
    yield part
  }
}
