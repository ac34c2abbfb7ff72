/** Attestations of versions: written when a reproduction of the run that made them has ended, and held against their files when they are read. */
import { SYSTEM } from '../../auth/tokens.ts'
import { toTime } from '../../contract/fields.ts'
import type { Attestation, ReproductionPredicate } from '../../contract/pipelines/attestations.ts'
import { REPRODUCTION_TYPE } from '../../contract/pipelines/attestations.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { fetchAll, raw, sql } from '../../store/sql/sql.ts'
import { keyHint, SignatureFault } from '../attestation/bundle.ts'
import { readReproduction, reproductionStatement, saidOf } from '../attestation/reproduction.ts'
import { trustedPayload } from '../attestation/trust.ts'
import type { Trust } from '../attestation/trust.ts'
import { lockModel, requireVersion } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { signersOf } from '../gates/policy.ts'

interface AttestationRow {
  readonly run_id: string
  readonly bundle: string
  readonly key: string
  readonly at: number
}

/** How a reproduction came out, of whichever versions its run had made. */
export type Verdict = Omit<ReproductionPredicate, 'model' | 'version' | 'at'>

/**
 * Signs a verdict for each version that the run has made, in the transaction that ends its reproduction. Nothing is written by a server
 * without a key, and of a version that is deleted or whose files are elsewhere.
 */
export async function attestReproduction(room: Registry, t: Tx, verdict: Verdict): Promise<void> {
  const { signer } = room
  if (signer === undefined) return
  const at = room.clock()
  for (const { model, version, tree } of await versionsOf(t, verdict.of_run)) {
    if (tree === null) continue
    const predicate = { ...verdict, model, version: String(version), at: toTime(at) }
    const bundle = signer.sign(reproductionStatement(tree, predicate))
    const added = await t.run(
      `INSERT INTO model_attestations (model, version, run_id, rules, bundle, key, at) VALUES (?,?,?,?,?,?,?)
       ON CONFLICT (model, version, run_id, rules) DO NOTHING`,
      [model, version, verdict.run, verdict.rules, bundle, signer.key, at],
    )
    if (added === 0) continue
    const detail = { attested: verdict.run, grade: verdict.grade, key: signer.key }
    await room.audit.record(t, SYSTEM, { verb: 'write', resource: 'models', id: `${model}/${version}`, detail })
  }
}

/** The versions that a run made, their models locked, so that none is renamed or deleted meanwhile. */
async function versionsOf(t: Tx, run: string): Promise<Pick<VersionRow, 'model' | 'version' | 'tree'>[]> {
  const named = await t.all<{ model: string }>(
    'SELECT DISTINCT model FROM model_versions WHERE pipeline_run_id = ? ORDER BY model',
    [run],
  )
  for (const { model } of named) await lockModel(t, model)
  return t.all(
    'SELECT model, version, tree FROM model_versions WHERE pipeline_run_id = ? AND deleted_at IS NULL ORDER BY model, version',
    [run],
  )
}

interface Page {
  readonly limit: number
  readonly page_token?: string | undefined
}

/** The attestations of a version, newest first. Throws `not_found`. */
export async function listAttestations(
  room: Registry,
  of: { readonly name: string; readonly version: string },
  { limit, page_token: token }: Page,
): Promise<{ items: Attestation[]; next_page_token?: string; signing_key: string | null }> {
  const version = await requireVersion(room.db, of.name, of.version)
  const rows = await pageOf(room.db, version, { limit: limit + 1, page_token: token })
  const trust = await trustOf(room, of.name)
  const items = rows.slice(0, limit).map((row) => shown(row, version, trust))
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return {
    items,
    signing_key: room.signer?.key ?? null,
    ...(last !== undefined && { next_page_token: `${last.at}.${last.run_id}` }),
  }
}

function pageOf(
  reader: Reader,
  { model, version }: VersionRow,
  { limit, page_token: token }: Page,
): Promise<AttestationRow[]> {
  const [at = '', run = ''] = token?.split('.', 2) ?? []
  const after =
    token === undefined ? raw('1 = 1') : sql`(at < ${Number(at)} OR (at = ${Number(at)} AND run_id < ${run}))`
  const query = sql`SELECT run_id, bundle, key, at FROM model_attestations WHERE model = ${model} AND version = ${version} AND ${after}
    ORDER BY at DESC, run_id DESC LIMIT ${limit}`
  return fetchAll<AttestationRow>(reader, query)
}

/** The keys of the model's policy and the server's own, which that policy may have revoked. */
async function trustOf({ db, signer }: Registry, model: string): Promise<Trust> {
  const { keys, revoked } = await signersOf(db, model)
  const own = signer === undefined || keys.some((pem) => keyHint(pem) === signer.key) ? [] : [signer.publicKey]
  return { keys: [...keys, ...own], revoked }
}

function shown(row: AttestationRow, version: VersionRow, trust: Trust): Attestation {
  const { bundle, run_id: run, key } = row
  return {
    predicate_type: REPRODUCTION_TYPE,
    run,
    key,
    at: toTime(row.at),
    bundle,
    fault: faultOf(bundle, version, trust),
    says: saidOf(bundle),
  }
}

function faultOf(bundle: string, { version, tree }: VersionRow, trust: Trust): string | null {
  try {
    readReproduction(trustedPayload(bundle, trust), { version: String(version), tree: tree ?? '' })
    return null
  } catch (error) {
    if (error instanceof SignatureFault) return error.message
    throw error
  }
}
