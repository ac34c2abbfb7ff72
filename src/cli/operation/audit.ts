/** `slipway audit`: reads the audit trail, verifies its chain against its checkpoints, or signs a checkpoint. */
import { appendFile } from 'node:fs/promises'
import { readUserText } from '../../contract/absence/user-file.ts'
import { resolve } from 'node:path'
import { isSigned, readLine } from '../../auth/checkpoint-record.ts'
import type { ReadCheckpoint } from '../../auth/checkpoint-record.ts'
import type { Client } from '../../client/client.ts'
import { authApi } from '../../contract/auth.ts'
import type { Reply } from '../../contract/route.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [what] = invocation.args
  if (what === undefined) return list(invocation)
  if (what === 'verify') return verify(invocation)
  if (what === 'checkpoint') return checkpoint(invocation)
  throw new UsageError(`"${what}" is not known; expected verify, checkpoint or nothing`)
}

type Verdict = Reply<typeof authApi.verifyAudit>

async function verify(invocation: Invocation): Promise<number> {
  const { out } = invocation
  const { client } = await connect(invocation)
  const verdict = await client.call(authApi.verifyAudit)
  const file = text(invocation, 'against')
  const against = file === undefined ? undefined : await compare(client, verdict, resolve(file))
  out.data(against === undefined ? verdict : { ...verdict, against })
  const { checkpoints, restored } = verdict
  for (const one of restored)
    out.line(
      `${one.at}: the chain became that of a backup of ${one.rows} rows (${one.note}); ${one.forgone} rows that were signed before are not part of it`,
    )
  out.line(verdict.ok ? wholeLine(verdict) : brokenLine(verdict))
  if (verdict.ok && checkpoints.newest === null) out.line('No checkpoint was signed yet: a cut end would not be seen.')
  if (against !== undefined) out.line(against.reason ?? heldLine(against, file))
  return verdict.ok && (against?.ok ?? true) ? 0 : 1
}

function wholeLine({ rows = 0, head = '', checkpoints }: Verdict): string {
  const signed =
    checkpoints.newest === null ? '' : `; ${checkpoints.count} checkpoints hold, the newest of ${checkpoints.newest}`
  const others =
    checkpoints.others === 0
      ? ''
      : `; so do ${checkpoints.others} copies that other keys have signed: of other servers on these tables, or of files that were removed`
  return `The audit chain is whole: ${rows} rows, head ${head.slice(0, 16)}…${signed}${others}`
}

function brokenLine({ seq, reason }: Verdict): string {
  return seq === undefined
    ? `The audit chain cannot be trusted: ${reason}`
    : `The audit chain is broken at row ${seq}: ${reason}`
}

function heldLine({ lines, given }: Against, file = ''): string {
  if (given === 0) return `It is what the ${lines} lines of ${file} have signed`
  return `It is what ${lines - given} lines of ${file} have signed; ${given} more signed rows that a restore gave up`
}

interface Against {
  readonly ok: boolean
  readonly lines: number
  /** Lines that hold no longer, for a restore is said to have given up their rows. */
  readonly given: number
  readonly reason?: string
}

/** Holds the chain against lines that were kept elsewhere, in the order of their rows; rows that a restore gave up are not asked for. */
async function compare(client: Client, verdict: Verdict, file: string): Promise<Against> {
  const all = (await readUserText(file, { most: 1024 ** 3, pipes: true })).split('\n').filter((line) => line !== '')
  const points = all.flatMap((line) => readLine(line) ?? []).filter(isSigned)
  const lines = points.length
  if (lines < all.length || lines === 0) {
    const reason =
      all.length === 0
        ? `${file} holds no checkpoint`
        : `${all.length - lines} of the ${all.length} lines of ${file} are no signed checkpoints`
    return { ok: false, lines, given: 0, reason }
  }
  let gone = 0
  for (const point of points.toSorted((a, b) => a.rows - b.rows)) {
    const given = verdict.restored.some(({ at, rows }) => at > point.at && rows < point.rows)
    if (given) gone++
    else if (point.rows > 0 && (await hashOfRow(client, point.rows)) !== point.head)
      return { ok: false, lines, given: gone, reason: missed(file, point) }
  }
  return { ok: true, lines, given: gone }
}

function missed(file: string, { rows, at, key }: ReadCheckpoint): string {
  return `The audit chain is not what ${file} has signed: row ${rows} is missing or another (${at}, key ${key.slice(0, 8)}…)`
}

async function hashOfRow(client: Client, seq: number): Promise<string | undefined> {
  const { items } = await client.call(authApi.listAudit, { query: { limit: 1, page_token: String(seq + 1) } })
  return items[0]?.seq === seq ? items[0].hash : undefined
}

async function checkpoint(invocation: Invocation): Promise<number> {
  const [to, restored] = [text(invocation, 'to'), text(invocation, 'restored')]
  const { client } = await connect(invocation)
  const body = restored === undefined ? {} : { restored: true, note: restored }
  const { line } = await client.call(authApi.checkpointAudit, { body })
  if (to !== undefined) await appendFile(resolve(to), `${line}\n`, { mode: 0o600 })
  invocation.out.data({ line })
  invocation.out.line(to === undefined ? line : `Added to ${to}: ${line}`)
  return 0
}

async function list(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const { items } = await client.call(authApi.listAudit, { query: { limit: 100 } })
  invocation.out.data(items)
  const rows = items.map((row) => [
    row.at,
    row.actor,
    row.verb,
    `${row.resource}/${row.resource_id}`,
    JSON.stringify(row.detail),
  ])
  invocation.out.table(['time', 'who', 'verb', 'what', 'detail'], rows)
  return 0
}
