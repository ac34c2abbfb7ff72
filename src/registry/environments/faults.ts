/** What stands in environments and would be refused there now, such as an image whose key was revoked since it came. */
import type { Principal } from '../../contract/access.ts'
import { toTime } from '../../contract/fields.ts'
import type { imagesApi } from '../../contract/images/images.ts'
import type { Reply } from '../../contract/route.ts'
import type { Reader } from '../../store/db.ts'
import { signersOf } from '../gates/policy.ts'
import { namesRevoked, requireImage, untrusted } from '../images/images.ts'
import type { ImageRow } from '../images/images.ts'
import { environmentRows } from './environments.ts'
import type { EnvironmentRow } from './environments.ts'

export interface PromotionRow {
  readonly id: string
  readonly seq: number
  readonly model: string
  readonly environment: string
  readonly digest: string
  readonly from_digest: string | null
  readonly version: number
  readonly at: number
  readonly actor: string
  readonly reason: string
  readonly verdict_id: string | null
  readonly refusal: string | null
  readonly returned: number
}

type StandingFault = Reply<typeof imagesApi.listEnvironments>['faults'][number]

export interface Fault {
  /** Why it would be refused now. */
  readonly refusal: string
  /** One of its signatures names a revoked key. */
  readonly revoked: boolean
  /** An admin has let it in although just this did not hold. */
  readonly overridden: boolean
}

/** What of a model stands in an environment. */
export async function standingIn(
  reader: Reader,
  model: string,
  environment: string,
): Promise<PromotionRow | undefined> {
  return reader.get<PromotionRow>(
    'SELECT * FROM image_promotions WHERE model = ? AND environment = ? ORDER BY seq DESC LIMIT 1',
    [model, environment],
  )
}

/**
 * Why the signatures of an image do not let it into an environment; null where they do. Where nobody says by which keys, an image is
 * signed in every environment but the first ones.
 */
export async function signatureFaultIn(
  reader: Reader,
  { keys, after }: EnvironmentRow,
  image: ImageRow,
): Promise<string | null> {
  const own = JSON.parse(keys) as string[]
  const signers = await signersOf(reader, image.model)
  if (own.length === 0 && after === null && !signers.image) return null
  return untrusted(image, { keys: own.length > 0 ? own : signers.keys, revoked: signers.revoked })
}

/** Why what stands in an environment would be refused there now; null where it would not. */
export async function faultIn(reader: Reader, environment: EnvironmentRow, row: PromotionRow): Promise<Fault | null> {
  const image = await requireImage(reader, row.model, row.digest)
  const refusal = await signatureFaultIn(reader, environment, image)
  if (refusal === null) return null
  return {
    refusal,
    revoked: namesRevoked(image, (await signersOf(reader, row.model)).revoked),
    overridden: row.refusal?.includes(refusal) ?? false,
  }
}

/** All that a principal may see that stands where it would be refused now, and that nobody has let in all the same. */
export async function standingFaults(reader: Reader, who: Principal): Promise<StandingFault[]> {
  const rows = await reader.all<PromotionRow>(
    `SELECT * FROM (
       SELECT p.*, ROW_NUMBER() OVER (PARTITION BY p.model, p.environment ORDER BY p.seq DESC) AS place FROM image_promotions p
       WHERE CAST(? AS TEXT) IS NULL OR p.model IN (SELECT name FROM registered_models WHERE project = ?)
     ) AS standing WHERE place = 1 ORDER BY model`,
    [who.project, who.project],
  )
  const found: StandingFault[] = []
  for (const environment of await environmentRows(reader)) {
    for (const row of rows.filter((one) => one.environment === environment.name)) {
      const fault = await faultIn(reader, environment, row)
      if (fault !== null && !fault.overridden) found.push(shown(row, fault))
    }
  }
  return found
}

function shown(row: PromotionRow, { refusal, revoked }: Fault): StandingFault {
  return {
    model: row.model,
    environment: row.environment,
    digest: row.digest,
    version: String(row.version),
    at: toTime(row.at),
    actor: row.actor,
    refusal,
    revoked,
  }
}
