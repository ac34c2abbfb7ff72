/** The audit chain: append-only rows, each carrying the hash of the one before, written in the transaction of the change itself. */
import { createHash } from 'node:crypto'
import type { Principal, Resource, Verb } from '../contract/access.ts'
import type { Clock } from '../contract/ids.ts'
import type { Reader, Tx } from '../store/db.ts'

/** What was done to what. `detail` is JSON without secrets: enough to answer "who changed what from what to what". */
export interface AuditEntry {
  readonly verb: Verb
  readonly resource: Resource
  readonly id: string
  readonly detail?: Readonly<Record<string, unknown>>
}

export interface AuditRow {
  readonly seq: number
  readonly at: number
  readonly actor: string
  readonly token_id: string | null
  readonly verb: string
  readonly resource: string
  readonly resource_id: string
  readonly detail: string
  readonly prev: string
  readonly hash: string
}

/** Result of a walk over the chain: `ok`, or the first row that does not fit and why. */
export type AuditVerdict = { ok: true; rows: number; head: string } | { ok: false; seq: number; reason: string }

/** Hash before the first row. */
export const GENESIS = '0'.repeat(64)

/** Writes one entry at the end of the chain, inside the caller's transaction. */
export type AuditRecord = (t: Tx, who: Principal, entry: AuditEntry) => Promise<void>

export interface Audit {
  record: AuditRecord
}

/** Makes the writer. Transactions that record are serialised, so that the chain has one end. */
export function auditLog(clock: Clock): Audit {
  return {
    async record(t, who, entry) {
      await t.lock('audit')
      const last = await t.get<{ seq: number; hash: string }>('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1')
      const row: Omit<AuditRow, 'hash'> = {
        seq: (last?.seq ?? 0) + 1,
        at: clock(),
        actor: who.name,
        token_id: who.token_id,
        verb: entry.verb,
        resource: entry.resource,
        resource_id: entry.id,
        detail: JSON.stringify(entry.detail ?? {}),
        prev: last?.hash ?? GENESIS,
      }
      await t.run(
        'INSERT INTO audit (seq, at, actor, token_id, verb, resource, resource_id, detail, prev, hash) VALUES (?,?,?,?,?,?,?,?,?,?)',
        [...fieldsOf(row), hashOf(row)],
      )
    },
  }
}

/** sha256 of the row's fields as a JSON array; JSON's quoting keeps fields from running into each other. */
export function hashOf(row: Omit<AuditRow, 'hash'>): string {
  return createHash('sha256')
    .update(JSON.stringify(fieldsOf(row)))
    .digest('hex')
}

/** In the order in which they are hashed, which never changes. */
function fieldsOf(row: Omit<AuditRow, 'hash'>): (string | number | null)[] {
  const { seq, at, actor, token_id, verb, resource, resource_id, detail, prev } = row
  return [seq, at, actor, token_id, verb, resource, resource_id, detail, prev]
}

const STEP = 1000

/** What is known of the chain from elsewhere: the hash of its row `rows` at a time. */
export interface Certified {
  /** At least 1. */
  readonly rows: number
  readonly head: string
  /** RFC 3339. */
  readonly at: string
}

/**
 * Walks the whole chain: no row outside of it, no gap, each `prev` is the hash before, each hash is right, and each row that is `certified`, in the order
 * of their rows, is there with its hash. A chain that was made anew from some row on is told by the first row that may differ.
 */
export async function verifyAudit(db: Reader, certified: readonly Certified[] = []): Promise<AuditVerdict> {
  const [outside] = await db.all('SELECT seq FROM audit WHERE seq IS NULL OR seq < 1 LIMIT 1')
  if (outside !== undefined)
    return { ok: false, seq: 0, reason: 'there is a row before the first, or without a number' }
  let prev = GENESIS
  let seq = 0
  const held = heldAgainst(certified)
  for (;;) {
    const rows = await db.all<AuditRow>('SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?', [seq, STEP])
    for (const row of rows) {
      if (row.seq !== seq + 1) return { ok: false, seq: seq + 1, reason: `row ${seq + 1} is missing` }
      if (row.prev !== prev) return { ok: false, seq: row.seq, reason: 'it does not follow the row before' }
      if (row.hash !== hashOf(row)) return { ok: false, seq: row.seq, reason: 'its content was changed' }
      const broken = held.broken(row)
      if (broken !== undefined) return broken
      prev = row.hash
      seq = row.seq
    }
    if (rows.length < STEP) return held.missing(seq) ?? { ok: true, rows: seq, head: prev }
  }
}

type Broken = Extract<AuditVerdict, { ok: false }>

/** Compares rows, as they come, with what was certified of them. */
function heldAgainst(certified: readonly Certified[]) {
  let next = 0
  let good = 0
  return {
    broken({ seq, hash }: AuditRow): Broken | undefined {
      for (let one = certified[next]; one?.rows === seq; one = certified[++next]) {
        if (one.head !== hash) {
          // another checkpoint of the same row may hold
          const first = Math.min(good + 1, seq)
          const which = first === seq ? `row ${seq} is` : `rows ${first} to ${seq} are`
          return { ok: false, seq: first, reason: `${which} not what the checkpoint of ${one.at} has signed` }
        }
        good = seq
      }
      return undefined
    },
    missing(rows: number): Broken | undefined {
      const one = certified.at(-1)
      if (one === undefined || one.rows <= rows) return undefined
      const reason = `row ${rows + 1} is missing: the chain ends before it, and the checkpoint of ${one.at} has signed ${one.rows} rows`
      return { ok: false, seq: rows + 1, reason }
    },
  }
}
