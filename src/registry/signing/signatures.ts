/** Signatures of versions: kept beside them, and verified against the very bytes that are about to be loaded. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { Reader } from '../../store/db.ts'
import { treeFiles, type TreeFile } from '../../store/blobs/trees.ts'
import { signersOf } from '../gates/policy.ts'
import { requireVersion } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { differences, keyHint, signable, SignatureFault, verifyBundle } from '../attestation/bundle.ts'
import type { SignedFile } from '../attestation/bundle.ts'
import { believed, trustFault } from '../attestation/trust.ts'

interface SignatureRow {
  readonly bundle: string
  readonly key: string
  readonly signed_by: string
  readonly at: number
}

/** A signature as the API shows it; `key` is the SHA-256 of the public key as PEM. */
export interface Signed {
  readonly key: string
  readonly by: string
  readonly at: string
  readonly trusted: boolean
}

/** The name under which the format's own tool puts a signature into the folder itself. */
const IN_FOLDER = 'model.sig'

type Key = Pick<VersionRow, 'model' | 'version'>

async function signatureRow(reader: Reader, { model, version }: Key): Promise<SignatureRow | undefined> {
  return reader.get<SignatureRow>(
    'SELECT bundle, key, signed_by, at FROM model_signatures WHERE model = ? AND version = ?',
    [model, version],
  )
}

/** Who signed a version; null when nobody did. */
export async function signedOf(reader: Reader, of: Key): Promise<Signed | null> {
  const row = await signatureRow(reader, of)
  if (row === undefined) return null
  const keys = believed(await signersOf(reader, of.model))
  return { key: row.key, by: row.signed_by, at: toTime(row.at), trusted: keys.some((pem) => keyHint(pem) === row.key) }
}

/** The signature itself. Throws `not_found`. */
export async function readBundleOf(
  reader: Reader,
  model: string,
  version: string,
): Promise<{ bundle: string; key: string; by: string; at: string }> {
  const row = await signatureRow(reader, await requireVersion(reader, model, version))
  if (row === undefined) throw problem('not_found', { what: 'signature of', id: `${model}/${version}` })
  return { bundle: row.bundle, key: row.key, by: row.signed_by, at: toTime(row.at) }
}

/** Keeps a signature; the last one counts. Throws `unprocessable` when the key has not signed exactly these files. */
export async function keepSignature(
  room: Registry,
  who: Principal,
  of: { readonly model: string; readonly version: string },
  given: { readonly bundle: string; readonly key: string },
): Promise<Signed> {
  const row = await requireVersion(room.db, of.model, of.version)
  const key = inWords(() => {
    const { manifest, key } = verifyBundle(given.bundle, [given.key])
    return { manifest, key }
  })
  const [first] = differences(key.manifest, await filesOf(room, row))
  if (first !== undefined) throw problem('unprocessable', { detail: `the signature does not fit: ${first}` })
  await room.db.tx(async (t) => {
    await t.run(
      `INSERT INTO model_signatures (model, version, bundle, key, signed_by, at) VALUES (?,?,?,?,?,?)
       ON CONFLICT (model, version) DO UPDATE SET bundle = excluded.bundle, key = excluded.key,
         signed_by = excluded.signed_by, at = excluded.at`,
      [row.model, row.version, given.bundle, key.key, who.name, room.clock()],
    )
    await room.audit.record(t, who, {
      verb: 'write',
      resource: 'models',
      id: `${row.model}/${row.version}`,
      detail: { signed: key.key },
    })
  })
  const signed = await signedOf(room.db, row)
  if (signed === null) throw problem('not_found', { what: 'signature of', id: `${row.model}/${row.version}` })
  return signed
}

function inWords<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof SignatureFault)) throw error
    throw problem('unprocessable', { detail: `the signature is refused: ${error.message}` })
  }
}

/** The files of a version with their digests, as they are kept. */
export async function filesOf(room: Registry, { tree }: Pick<VersionRow, 'tree'>): Promise<TreeFile[]> {
  return tree === null ? [] : treeFiles(room.blobs, tree)
}

/**
 * Refuses a version that is to be loaded from `dir` while its model's policy asks for a signature and the bytes there are not what one
 * of the policy's keys has signed. Throws a plain Error that names the first file at fault. Without such a policy nothing is read.
 */
export async function requireSigned(room: Registry, row: VersionRow, dir: string): Promise<void> {
  const fault = await signatureFault(room, row, (files) => hashed(dir, files))
  if (fault !== null) throw new Error(`${row.model}/${row.version} is not loaded: ${fault}`)
}

/**
 * Why a version lacks the signature that its model's policy asks for; null where it has it or none is asked for. Its files are
 * compared as they are kept, or as `found` says that they are.
 */
export async function signatureFault(
  room: Registry,
  row: VersionRow,
  found: (files: readonly SignedFile[]) => Promise<readonly SignedFile[]> = async (files) => files,
): Promise<string | null> {
  const signers = await signersOf(room.db, row.model)
  if (!signers.required) return null
  const files = await filesOf(room, row)
  const bundle = await bundleFor(room, row, files)
  if (bundle === undefined) return 'it is not signed, and the policy of the model asks for that'
  const fault = trustFault(bundle, signers, await found(files))
  return fault === null ? null : `its signature does not hold: ${fault}`
}

/** What a signature's fault rests on besides the files: while it is the same text, so is the fault. */
export async function signingState(reader: Reader, of: Key): Promise<string> {
  return JSON.stringify([await signersOf(reader, of.model), (await signatureRow(reader, of))?.bundle])
}

/** The kept signature, else the one in the folder itself. */
async function bundleFor(
  room: Registry,
  row: VersionRow,
  files: readonly { path: string; digest: string }[],
): Promise<string | undefined> {
  const kept = await signatureRow(room.db, row)
  if (kept !== undefined) return kept.bundle
  const inside = files.find((file) => file.path === IN_FOLDER)
  return inside === undefined ? undefined : (await room.blobs.bytes(inside.digest)).toString('utf8')
}

/** The files as they lie on disk now. */
async function hashed(dir: string, files: readonly { path: string }[]): Promise<SignedFile[]> {
  const found: SignedFile[] = []
  for (const { path } of signable(files)) {
    const hash = createHash('sha256')
    await pipeline(createReadStream(join(dir, path)), hash)
    found.push({ path, digest: `sha256:${hash.digest('hex')}` })
  }
  return found
}
