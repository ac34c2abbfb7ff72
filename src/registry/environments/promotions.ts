/** Promotions of images: a digest that stands in one environment comes to stand in the next, and goes back. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { imagesApi } from '../../contract/images/images.ts'
import type { GateResult } from '../../contract/registry.ts'
import type { Reply } from '../../contract/route.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { conditionResult, enter, mayEnter } from '../aliases/door.ts'
import type { Entry } from '../aliases/door.ts'
import { requireModel } from '../context/context.ts'
import type { Registry } from '../context/context.ts'
import { requireImage } from '../images/images.ts'
import type { ImageRow } from '../images/images.ts'
import { environmentRows, lockEnvironments, repositoryOf, requireEnvironment } from './environments.ts'
import type { EnvironmentRow } from './environments.ts'
import { faultIn, signatureFaultIn, standingIn } from './faults.ts'
import type { PromotionRow } from './faults.ts'

type Promoted = Reply<typeof imagesApi.promoteImage>
type Standings = Reply<typeof imagesApi.standings>

export interface PromotionWish {
  readonly model: string
  readonly environment: string
  readonly digest: string | null
  readonly back: boolean
  readonly reason: string
  readonly override: boolean
  readonly check: boolean
}

/**
 * Says that an image stands in an environment. It has to stand in the environment before, or for a return to have stood in this one; a
 * signature of exactly this digest has to hold by the keys of the environment, else of the policy; and the gates of its version
 * have to hold, unless it returns. Throws `gate_refused`; an admin overrides it with a reason. What stands there already stays while its
 * signature holds; once it does not, such as after its key was revoked, it is refused as any other.
 */
export async function promoteImage(room: Registry, who: Principal, wish: PromotionWish): Promise<Promoted> {
  await requireModel(room.db, wish.model)
  const environment = await requireEnvironment(room.db, wish.environment)
  const image = await requireImage(room.db, wish.model, await wantedDigest(room.db, wish))
  const standing = await standingIn(room.db, wish.model, environment.name)
  const stands = standing?.digest === image.digest
  if (stands && (await faultIn(room.db, environment, standing))?.overridden !== false) return shown(standing)
  const entry: Entry = {
    model: wish.model,
    version: image.version,
    as: `the image in "${environment.name}"`,
    reason: wish.reason,
    override: wish.override,
    ungated: stands || wish.back || environment.gated !== 1,
    asks: (reader) => conditions(reader, environment, image, { back: wish.back, stands }),
  }
  if (wish.check) {
    const refusal = await mayEnter(room, who, entry)
    const from_digest = standing?.digest ?? null
    return shown(rowOf(room, who, { wish, image, from_digest, verdict: null, refusal, seq: 0 }))
  }
  return enter(room, who, entry, {
    write: async (t, { verdict, refusal = null }) => {
      await lockEnvironments(t)
      await requireEnvironment(t, environment.name)
      const before = await standingIn(t, wish.model, environment.name)
      // another command has promoted the same meanwhile
      if (!stands && before?.digest === image.digest) return shown(before)
      return write(t, room, who, { wish, image, verdict, refusal, from_digest: before?.digest ?? null })
    },
  })
}

/** The digest that is asked for, or for a return the last other one that has stood there. */
async function wantedDigest(reader: Reader, { model, environment, digest, back }: PromotionWish): Promise<string> {
  if (digest !== null) return digest
  const expected = 'the digest of an image'
  if (!back) throw problem('invalid_field', { field: 'digest', value: 'null', expected })
  const now = await standingIn(reader, model, environment)
  const before = (await promotionsOf(reader, model, environment)).find((row) => row.digest !== now?.digest)
  if (before === undefined)
    throw problem('conflict', { detail: `no other image of "${model}" has stood in "${environment}"` })
  return before.digest
}

/** What does not hold of an image in an environment, besides what is asked of its version. */
async function conditions(
  reader: Reader,
  given: EnvironmentRow,
  { model, digest }: ImageRow,
  { back, stands }: { back: boolean; stands: boolean },
): Promise<GateResult[]> {
  const environment = await requireEnvironment(reader, given.name)
  const place = stands ? null : await placeFault(reader, environment, { model, digest, back })
  const fault = await signatureFaultIn(reader, environment, await requireImage(reader, model, digest))
  const signature = stands && fault !== null ? `it stands there, and ${fault}` : fault
  return [
    ...(place === null ? [] : [conditionResult({ environment: environment.after }, 'environment before', place)]),
    ...(signature === null
      ? []
      : [conditionResult({ environment: environment.name }, 'image signature required', signature)]),
  ]
}

async function placeFault(
  reader: Reader,
  { name, after }: EnvironmentRow,
  { model, digest, back }: { model: string; digest: string; back: boolean },
): Promise<string | null> {
  if (back) {
    const stood = (await promotionsOf(reader, model, name)).some((row) => row.digest === digest)
    return stood ? null : `the image ${digest} has never stood in "${name}"`
  }
  if (after === null) return null
  const there = await standingIn(reader, model, after)
  if (there?.digest === digest) return null
  return `the image ${digest} does not stand in "${after}": ${there === undefined ? 'nothing' : `${there.digest.slice(0, 19)}…`} does`
}

interface Written {
  readonly wish: PromotionWish
  readonly image: ImageRow
  readonly verdict: string | null
  readonly refusal: string | null
  readonly from_digest: string | null
}

/** In a transaction that holds the model. */
async function write(t: Tx, room: Registry, who: Principal, written: Written): Promise<Promoted> {
  const { wish, image, verdict, refusal, from_digest } = written
  const last = await t.get<{ seq: number | null }>('SELECT MAX(seq) AS seq FROM image_promotions WHERE model = ?', [
    wish.model,
  ])
  const row = rowOf(room, who, { ...written, seq: (last?.seq ?? 0) + 1 })
  await t.run(
    `INSERT INTO image_promotions (id, seq, model, environment, digest, from_digest, version, at, actor, reason, verdict_id, refusal, returned)
     VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`,
    [
      row.id,
      row.seq,
      row.model,
      row.environment,
      row.digest,
      row.from_digest,
      row.version,
      row.at,
      row.actor,
      row.reason,
      row.verdict_id,
      row.refusal,
      row.returned,
    ],
  )
  await room.audit.record(t, who, {
    verb: 'promote',
    resource: 'models',
    id: `${wish.model}/${image.version}`,
    detail: {
      environment: wish.environment,
      image: image.digest,
      from: from_digest,
      reason: wish.reason,
      verdict,
      ...(wish.back && { returned: true }),
      ...(refusal !== null && { overridden: true, refusal, role: who.role }),
    },
  })
  return shown(row)
}

function rowOf(
  room: Registry,
  who: Principal,
  { wish, image, from_digest, verdict, refusal, seq }: Written & { seq: number },
): PromotionRow {
  return {
    id: room.ids('mov'),
    seq,
    model: wish.model,
    environment: wish.environment,
    digest: image.digest,
    from_digest,
    version: image.version,
    at: room.clock(),
    actor: who.name,
    reason: wish.reason,
    verdict_id: verdict,
    refusal,
    returned: wish.back ? 1 : 0,
  }
}

/** Newest first. */
async function promotionsOf(reader: Reader, model: string, environment: string): Promise<PromotionRow[]> {
  return reader.all<PromotionRow>(
    'SELECT * FROM image_promotions WHERE model = ? AND environment = ? ORDER BY seq DESC',
    [model, environment],
  )
}

/** What of a model stands where, whether its signature still holds, and every promotion. */
export async function standings(room: Registry, model: string): Promise<Standings> {
  await requireModel(room.db, model)
  const items: Standings['items'][number][] = []
  for (const environment of await environmentRows(room.db)) {
    const row = await standingIn(room.db, model, environment.name)
    const fault = row === undefined ? null : await faultIn(room.db, environment, row)
    items.push({
      environment: environment.name,
      after: environment.after,
      repository: repositoryOf(environment, model),
      standing: row === undefined ? null : shown(row),
      refusal: fault?.refusal ?? null,
      revoked: fault?.revoked ?? false,
    })
  }
  const history = await room.db.all<PromotionRow>('SELECT * FROM image_promotions WHERE model = ? ORDER BY seq DESC', [
    model,
  ])
  return { items, history: history.map(shown) }
}

function shown(row: PromotionRow): Promoted {
  return {
    model: row.model,
    environment: row.environment,
    digest: row.digest,
    from: row.from_digest,
    version: String(row.version),
    at: toTime(row.at),
    actor: row.actor,
    reason: row.reason,
    verdict_id: row.verdict_id,
    refusal: row.refusal,
    returned: row.returned === 1,
  }
}
