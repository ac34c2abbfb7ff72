/** Images that are made of versions: recorded by their documents, and held against the keys that a policy believes. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { imagesApi } from '../../contract/images/images.ts'
import type { Reply } from '../../contract/route.ts'
import type { Reader } from '../../store/db.ts'
import { bundleKey, SignatureFault } from '../attestation/bundle.ts'
import { trustFault } from '../attestation/trust.ts'
import type { Trust } from '../attestation/trust.ts'
import { requireModel, requireVersion } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { signersOf } from '../gates/policy.ts'
import { LABELS, labelsOf } from './documents.ts'

export interface ImageRow {
  readonly model: string
  readonly digest: string
  readonly version: number
  readonly repository: string
  /** JSON list of bundles. */
  readonly signatures: string
  readonly recorded_at: number
  readonly recorded_by: string
}

type Image = Reply<typeof imagesApi.recordImage>

/** The name under which a signature has the manifest or index of an image. */
const SIGNED_FILE = 'manifest.json'

export interface RecordedImage {
  readonly model: string
  readonly digest: string
  readonly documents: readonly string[]
  readonly repository: string
  readonly signatures: readonly string[]
}

/**
 * Records an image, or its signatures anew: those that somebody trusts stay, so that nobody takes them away. Its documents have to say,
 * for every platform, that it is made of a version of this model and of the very files of that version (`unprocessable`).
 */
export async function recordImage(room: Registry, who: Principal, given: RecordedImage): Promise<Image> {
  const { model, digest, repository, signatures } = given
  await requireModel(room.db, model)
  const version = await versionFor(room.db, given)
  const keys = signatures.map((bundle) => keyOf(bundle) ?? 'a key that it does not name')
  const row = await room.db.tx(async (t) => {
    await t.lock(`model ${model}`)
    const row: ImageRow = {
      model,
      digest,
      version: version.version,
      repository,
      signatures: JSON.stringify(await withTrusted(t, given)),
      recorded_at: room.clock(),
      recorded_by: who.name,
    }
    await t.run(
      `INSERT INTO model_images (model, digest, version, repository, signatures, recorded_at, recorded_by) VALUES (?,?,?,?,?,?,?)
       ON CONFLICT (model, digest) DO UPDATE SET repository = excluded.repository, signatures = excluded.signatures,
         recorded_at = excluded.recorded_at, recorded_by = excluded.recorded_by`,
      [model, digest, row.version, repository, row.signatures, row.recorded_at, row.recorded_by],
    )
    await room.audit.record(t, who, {
      verb: 'write',
      resource: 'models',
      id: `${model}/${row.version}`,
      detail: { image: digest, repository, carries_signatures_of: keys },
    })
    return row
  })
  return shown(row, await trustsOf(room.db, model))
}

/** The new signatures behind those that are of this digest by a key of the policy or of an environment; what nobody trusts is not kept. */
async function withTrusted(reader: Reader, { model, digest, signatures }: RecordedImage): Promise<string[]> {
  const known = await reader.get<Pick<ImageRow, 'signatures'>>(
    'SELECT signatures FROM model_images WHERE model = ? AND digest = ?',
    [model, digest],
  )
  // one by a revoked key stays too, so that gates name it as revoked
  const trust = { keys: (await trustsOf(reader, model)).flatMap(({ trust }) => trust.keys), revoked: [] }
  const kept = (JSON.parse(known?.signatures ?? '[]') as string[]).filter(
    (bundle) => faultOf(bundle, trust, digest) === null,
  )
  return [...new Set([...kept, ...signatures])]
}

async function versionFor(reader: Reader, { model, digest, documents }: RecordedImage): Promise<VersionRow> {
  const labels = labelsOf(digest, documents)
  const [first = {}] = labels
  const wrong = (detail: string): Error => problem('unprocessable', { detail: `the image ${digest} ${detail}` })
  const named = first[LABELS.model]
  if (named !== model) throw wrong(named === undefined ? 'is made of no model' : `is made of the model "${named}"`)
  const version = await requireVersion(reader, model, first[LABELS.version] ?? '')
  for (const one of labels) {
    if (one[LABELS.model] !== model || one[LABELS.version] !== String(version.version))
      throw wrong('is made of different versions')
    if (version.tree === null || one[LABELS.files] !== version.tree)
      throw wrong(`is made of the files ${one[LABELS.files]}, and version ${version.version} has ${version.tree}`)
  }
  return version
}

interface NamedTrust {
  /** `policy`, or `environment NAME`. */
  readonly by: string
  readonly trust: Trust
}

/** Who believes signatures of a model's images: its policy first, and each environment that has keys of its own. */
async function trustsOf(reader: Reader, model: string): Promise<NamedTrust[]> {
  const policy = await signersOf(reader, model)
  const environments = await reader.all<{ name: string; keys: string }>(
    'SELECT name, keys FROM image_environments ORDER BY name',
  )
  const own = environments.map(({ name, keys }) => ({
    by: `environment ${name}`,
    trust: { keys: JSON.parse(keys) as string[], revoked: policy.revoked },
  }))
  return [{ by: 'policy', trust: policy }, ...own.filter(({ trust }) => trust.keys.length > 0)]
}

/** The key that a signature names, which nobody has verified. */
function keyOf(bundle: string): string | undefined {
  try {
    return bundleKey(bundle)
  } catch (error) {
    if (!(error instanceof SignatureFault)) throw error
    throw problem('unprocessable', { detail: `a signature of the image is none: ${error.message}` })
  }
}

/** An image that was recorded. Throws `not_found`. */
export async function requireImage(reader: Reader, model: string, digest: string): Promise<ImageRow> {
  const row = await reader.get<ImageRow>('SELECT * FROM model_images WHERE model = ? AND digest = ?', [model, digest])
  if (row === undefined) throw problem('not_found', { what: `image of the model "${model}"`, id: digest })
  return row
}

/** The recorded images of a model, newest first. */
export async function listImages(room: Registry, model: string): Promise<Image[]> {
  await requireModel(room.db, model)
  const trusts = await trustsOf(room.db, model)
  const rows = await room.db.all<ImageRow>(
    'SELECT * FROM model_images WHERE model = ? ORDER BY recorded_at DESC, digest',
    [model],
  )
  return rows.map((row) => shown(row, trusts))
}

function shown(row: ImageRow, trusts: readonly NamedTrust[]): Image {
  // a key that signed twice is told once
  const told = new Map(
    (JSON.parse(row.signatures) as string[]).map((bundle) => {
      const one = carried(row.digest, bundle, trusts)
      return [JSON.stringify(one), one]
    }),
  )
  const signatures = [...told.values()]
  return {
    model: row.model,
    digest: row.digest,
    version: String(row.version),
    repository: row.repository,
    signatures,
    trusted: signatures.some(({ trusted_by }) => trusted_by.includes('policy')),
    recorded_at: toTime(row.recorded_at),
    recorded_by: row.recorded_by,
  }
}

/** A signature, and who has verified that it is of exactly this digest. */
function carried(digest: string, bundle: string, trusts: readonly NamedTrust[]): Image['signatures'][number] {
  const asked = trusts.map(({ by, trust }) => ({ by, fault: faultOf(bundle, trust, digest) }))
  const trusted_by = asked.filter(({ fault }) => fault === null).map(({ by }) => by)
  const faults = asked.map(({ by, fault }) => `${by}: ${fault}`).join('; ')
  return { key: keyOf(bundle) ?? null, trusted_by, fault: trusted_by.length > 0 ? null : faults }
}

function faultOf(bundle: string, trust: Trust, digest: string): string | null {
  return trustFault(bundle, trust, [{ path: SIGNED_FILE, digest }])
}

/** Why no signature of an image stands for exactly its digest; null where one does. Names the digest and the key. */
export function untrusted({ digest, signatures }: ImageRow, trust: Trust): string | null {
  const faults: string[] = []
  for (const bundle of JSON.parse(signatures) as string[]) {
    const fault = faultOf(bundle, trust, digest)
    if (fault === null) return null
    faults.push(fault)
  }
  return faults.length === 0
    ? `the image ${digest} is not signed`
    : `the image ${digest}: ${[...new Set(faults)].join('; ')}`
}

/** Whether a signature of an image names one of these keys. */
export function namesRevoked({ signatures }: ImageRow, revoked: readonly string[]): boolean {
  return (JSON.parse(signatures) as string[]).some((bundle) => revoked.includes(keyOf(bundle) ?? ''))
}

async function imagesOf(
  reader: Reader,
  { model, version }: Pick<VersionRow, 'model' | 'version'>,
): Promise<ImageRow[]> {
  return reader.all<ImageRow>(
    'SELECT * FROM model_images WHERE model = ? AND version = ? ORDER BY recorded_at DESC, digest',
    [model, version],
  )
}

/** Why a version lacks the signed image that its model's policy asks for; null where it has one or none is asked for. */
export async function imageFault(reader: Reader, row: Pick<VersionRow, 'model' | 'version'>): Promise<string | null> {
  const signers = await signersOf(reader, row.model)
  if (!signers.image) return null
  const images = await imagesOf(reader, row)
  if (images.length === 0) return 'no image of it is recorded, and the policy of the model asks for a signed one'
  const faults = images.map((image) => untrusted(image, signers))
  return faults.includes(null) ? null : (faults[0] ?? null)
}
