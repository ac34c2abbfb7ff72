/** What a model is held to besides the gates of its project file: gates and signatures that whoever promotes has asked for. */
import { createPublicKey } from 'node:crypto'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { Gate, Policy } from '../../contract/registry.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { gatesOf, requireModel } from '../context/context.ts'
import type { ModelRow, Registry } from '../context/context.ts'
import { requireOverride } from '../context/override.ts'
import { keyHint } from '../attestation/bundle.ts'
import { believed } from '../attestation/trust.ts'
import type { Trust } from '../attestation/trust.ts'
import { askedGates } from './asked.ts'
import { weakerGates, weakerText } from './looser.ts'

interface PolicyRow {
  readonly model: string
  readonly gates: string
  readonly require_signature: number
  readonly require_image_signature: number
  readonly keys: string
  readonly revoked: string
  readonly updated_at: number
  readonly updated_by: string
}

const SCAN_GATE: Gate = { scan: 'clean' }

/**
 * Every gate that a model's versions must meet: those of the policy and those of the project file. A version whose files are
 * known to harm must also meet the gate over scans, whether or not it is asked for.
 */
export async function heldTo(reader: Reader, model: ModelRow, malicious: boolean): Promise<Gate[]> {
  const policy = await policyRow(reader, model.name)
  const gates = [...(policy === undefined ? [] : (JSON.parse(policy.gates) as Gate[])), ...gatesOf(model)]
  return malicious && !gates.some((gate) => 'scan' in gate) ? [SCAN_GATE, ...gates] : gates
}

/** What must be signed, and whose signatures are believed. */
export interface Signers extends Trust {
  /** The files of a version, to be loaded. */
  readonly required: boolean
  /** An image of it, for it to be deployed. */
  readonly image: boolean
}

export async function signersOf(reader: Reader, model: string): Promise<Signers> {
  const row = await policyRow(reader, model)
  if (row === undefined) return { required: false, image: false, keys: [], revoked: [] }
  return { required: row.require_signature === 1, image: row.require_image_signature === 1, ...trustOf(row) }
}

function trustOf(row: PolicyRow | undefined): { keys: string[]; revoked: string[] } {
  return { keys: JSON.parse(row?.keys ?? '[]') as string[], revoked: JSON.parse(row?.revoked ?? '[]') as string[] }
}

async function policyRow(reader: Reader, model: string): Promise<PolicyRow | undefined> {
  return reader.get<PolicyRow>('SELECT * FROM model_policies WHERE model = ?', [model])
}

/** The policy of a model and the gates of its project file. Throws `not_found` when there is no such model. */
export async function readPolicy(reader: Reader, model: string): Promise<Policy> {
  const row = await policyRow(reader, model)
  const held = await requireModel(reader, model)
  return {
    model,
    gates: row === undefined ? [] : (JSON.parse(row.gates) as Gate[]),
    project_gates: gatesOf(held),
    asked: await askedGates(reader, held),
    require_signature: row?.require_signature === 1,
    require_image_signature: row?.require_image_signature === 1,
    ...trustOf(row),
    updated_at: row === undefined ? null : toTime(row.updated_at),
    updated_by: row?.updated_by ?? null,
  }
}

export interface WantedPolicy {
  readonly gates: readonly Gate[]
  readonly require_signature: boolean
  readonly require_image_signature?: boolean
  readonly keys: readonly string[]
  readonly revoked?: readonly string[]
  /** Why it becomes weaker. */
  readonly reason?: string | undefined
}

/**
 * Replaces the policy. One that lets in what was kept out takes an admin and a reason, as an override of gates does (`forbidden`,
 * `invalid_field`). Throws `invalid_field` for a key that is none, and where signatures are required and no
 * key is believed.
 */
export async function writePolicy(
  room: Registry,
  who: Principal,
  model: string,
  wanted: WantedPolicy,
): Promise<Policy> {
  const { gates, require_signature, require_image_signature = false, keys, revoked = [] } = wanted
  keys.forEach((pem, i) => checkKey(pem, `keys[${i}]`))
  if ((require_signature || require_image_signature) && believed({ keys, revoked }).length === 0)
    throw problem('invalid_field', { field: 'keys', value: '[]', expected: 'at least one public key that is believed' })
  const next = { gates, require_signature, require_image_signature, keys, revoked: [...new Set(revoked)] }
  return room.db.tx(async (t) => {
    await t.lock(`model ${model}`)
    await requireModel(t, model)
    const loosened = looserParts(await policyRow(t, model), next)
    if (loosened.length > 0) requireOverride(who, wanted.reason, 'loosen the policy of')
    await t.run(
      `INSERT INTO model_policies (model, gates, require_signature, require_image_signature, keys, revoked, updated_at, updated_by)
       VALUES (?,?,?,?,?,?,?,?)
       ON CONFLICT (model) DO UPDATE SET gates = excluded.gates, require_signature = excluded.require_signature,
       require_image_signature = excluded.require_image_signature, keys = excluded.keys, revoked = excluded.revoked,
       updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
      [
        model,
        JSON.stringify(gates),
        require_signature ? 1 : 0,
        require_image_signature ? 1 : 0,
        JSON.stringify(keys),
        JSON.stringify(next.revoked),
        room.clock(),
        who.name,
      ],
    )
    await room.audit.record(t, who, {
      verb: 'promote',
      resource: 'models',
      id: model,
      detail: {
        policy: { ...next, keys: keys.map(keyHint) },
        ...(loosened.length > 0 && { loosened, reason: wanted.reason, role: who.role }),
      },
    })
    return readPolicy(t, model)
  })
}

/** What a new policy lets in that the one before kept out, in words. */
function looserParts(before: PolicyRow | undefined, wanted: Required<Omit<WantedPolicy, 'reason'>>): string[] {
  if (before === undefined) return []
  const parts = weakerGates(JSON.parse(before.gates) as Gate[], wanted.gates).map(weakerText)
  const { keys: known, revoked } = trustOf(before)
  const again = revoked
    .filter((key) => !wanted.revoked.includes(key))
    .map((key) => `the key ${key} is no longer revoked`)
  if (before.require_signature === 1 && !wanted.require_signature) parts.push('signatures are no longer required')
  if (before.require_image_signature === 1 && !wanted.require_image_signature)
    parts.push('signatures of images are no longer required')
  const stays = wanted.require_signature || wanted.require_image_signature
  const asked = before.require_signature === 1 || before.require_image_signature === 1
  const added = wanted.keys
    .filter((key) => stays && asked && !known.includes(key))
    .map((key) => `the key ${keyHint(key)} is believed too`)
  return [...parts, ...again, ...added]
}

/** A renamed model keeps its policy, and is held to that of an earlier model of its new name as well. */
export async function carryPolicy(t: Tx, from: string, to: string): Promise<void> {
  const [own, other] = [await policyRow(t, from), await policyRow(t, to)]
  if (own === undefined) return
  const joined = (key: 'gates' | 'keys' | 'revoked'): string =>
    JSON.stringify([...(JSON.parse(own[key]) as unknown[]), ...(JSON.parse(other?.[key] ?? '[]') as unknown[])])
  await t.run('DELETE FROM model_policies WHERE model = ?', [to])
  await t.run(
    `UPDATE model_policies SET model = ?, gates = ?, keys = ?, revoked = ?, require_signature = ?, require_image_signature = ?
     WHERE model = ?`,
    [
      to,
      joined('gates'),
      joined('keys'),
      joined('revoked'),
      Math.max(own.require_signature, other?.require_signature ?? 0),
      Math.max(own.require_image_signature, other?.require_image_signature ?? 0),
      from,
    ],
  )
}

const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1'])

/** Refuses what is no public key of a curve that signatures are made with (`invalid_field`). */
export function checkKey(pem: string, field: string): void {
  const expected = 'a public key of the curve P-256, P-384 or P-521 as PEM'
  try {
    const key = createPublicKey(pem)
    if (CURVES.has(key.asymmetricKeyDetails?.namedCurve ?? '') && !pem.includes('PRIVATE')) return
  } catch {
    // told below with what is expected
  }
  // what is pasted here by mistake is the private key, in whatever form: nothing of it is repeated
  const value = pem.includes('PRIVATE') ? 'a private key' : `${pem.length} characters that are none`
  throw problem('invalid_field', { field, value, expected })
}
