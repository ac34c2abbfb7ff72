/** `slipway image sbom|attest|sign|verify`: what an image is made of, where it comes from, and who stands for it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeArtifact, SIGNATURE_TYPE, SIGNED_FILE } from '../../images/attest/artifact.ts'
import { cosignSignature } from '../../images/attest/cosign.ts'
import { IN_TOTO_TYPE, PROVENANCE, provenanceOf } from '../../images/attest/provenance.ts'
import { billOfMaterials, CYCLONEDX_TYPE } from '../../images/attest/sbom.ts'
import { SIGNED_DOCUMENTS, signedDocument, stateOf } from '../../images/attest/statements.ts'
import type { OpenImage } from '../../images/compare/difference.ts'
import { documentBytes } from '../../images/oci/documents.ts'
import type { BlobFolder } from '../../images/oci/blobs.ts'
import type { Descriptor } from '../../images/oci/documents.ts'
import { partsOf } from '../../images/oci/graph.ts'
import { parseReference } from '../../images/oci/reference.ts'
import type { Reference } from '../../images/oci/reference.ts'
import { differences, SignatureFault, signFiles, verifyBundle } from '../../registry/attestation/bundle.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { attachTo, signaturesOf, statedOf } from './attached.ts'
import { CHECKOUT, imageMaker, platformsOf } from './maker.ts'
import { openImage, openReference, readImage } from './opened.ts'
import type { PackageSources } from './sources.ts'
import { registries } from './registries.ts'
import type { OpenRemote } from './registries.ts'

/** Prints the CycloneDX document of an image, or writes it to --out. */
export async function sbom(invocation: Invocation): Promise<number> {
  const given = named(invocation, 'sbom')
  const image = await opened(invocation, given)
  const bom = await billOfMaterials(given, image, await ownVersion())
  const out = text(invocation, 'out')
  if (out !== undefined) await writeFile(out, documentBytes(bom))
  invocation.out.data(bom)
  invocation.out.table(
    ['package', 'version', 'kind'],
    bom.components.map(({ name, version, purl }) => [name, version, purl.slice(4, purl.indexOf('/'))]),
  )
  return 0
}

/** Signs the digest of an image and the documents that are attached to it with a key that stays here, and attaches the signatures. */
export async function sign(invocation: Invocation): Promise<number> {
  const given = named(invocation, 'sign')
  const pem = await keyFile(invocation, 'sign')
  const passphraseFile = text(invocation, 'passphrase-file')
  const passphrase = passphraseFile === undefined ? undefined : (await readFile(passphraseFile, 'utf8')).trim()
  const { root, source } = await openReference(given)
  const place = parseReference(given)
  const open = registries()
  const bundle = inWords(() => signFiles(root.digest, [{ path: SIGNED_FILE, digest: root.digest }], pem, passphrase))
  const forCosign = inWords(() => cosignSignature(root.digest, pem, passphrase))
  const { blobs } = imageMaker(invocation)
  const artifact = await makeArtifact(blobs, root, { type: SIGNATURE_TYPE, document: Buffer.from(bundle) })
  const second = await makeArtifact(blobs, root, forCosign)
  const documents: Descriptor[] = []
  for (const one of (await partsOf(source, root)).manifests)
    for (const document of (await statedOf(place, one.digest, open)).documents) {
      const signed = inWords(() => signedDocument(document, one.digest, pem, passphrase))
      if (signed !== undefined) documents.push(await makeArtifact(blobs, one, signed))
    }
  await attachTo(place, blobs, [artifact, second, ...documents], open)
  invocation.out.data({
    digest: root.digest,
    signature: artifact.digest,
    cosign: second.digest,
    documents: documents.map(({ digest }) => digest),
  })
  invocation.out.line(`${given} is signed: ${root.digest}`)
  if (documents.length > 0) invocation.out.line(`so are ${documents.length} documents that are attached to it`)
  return 0
}

/**
 * Holds the signatures of an image against a public key: 0 where one of them is of exactly this image, and the key has signed each SBOM and
 * provenance that is attached to it as it is, else 1.
 */
export async function verify(invocation: Invocation): Promise<number> {
  const given = named(invocation, 'verify')
  const pem = await keyFile(invocation, 'verify')
  const { root, source } = await openReference(given)
  const place = parseReference(given)
  const open = registries()
  const found = await signaturesOf(place, root.digest, open)
  const faults = found.map((document) => faultOf(document, pem, root.digest))
  const isSigned = faults.includes(undefined)
  const documents: Stated[] = []
  const images = isSigned && invocation.flags['image-only'] !== true ? (await partsOf(source, root)).manifests : []
  for (const { digest } of images) {
    const stated = await statedOf(place, digest, open)
    for (const one of stated.documents)
      documents.push({ digest, kind: SIGNED_DOCUMENTS[one.type], state: stateOf(one, digest, { ...stated, pem }) })
  }
  const ok = isSigned && documents.every(({ state }) => state === 'as signed')
  invocation.out.data({
    ok,
    digest: root.digest,
    signatures: found.length,
    faults: faults.filter((one) => one !== undefined),
    documents,
  })
  if (isSigned) invocation.out.line(`${root.digest} is what was signed`)
  else if (found.length === 0) invocation.out.line(`refused: ${root.digest} is not signed`)
  else for (const fault of faults) invocation.out.line(`refused: ${fault}`)
  for (const one of documents) invocation.out.line(statedText(one))
  return ok ? 0 : 1
}

/** A document that is attached to an image, and whether it is what the key has signed. */
interface Stated {
  /** Of the image. */
  readonly digest: string
  readonly kind: string
  readonly state: ReturnType<typeof stateOf>
}

function statedText({ digest, kind, state }: Stated): string {
  const what = `the ${kind} of ${digest}`
  if (state === 'as signed') return `${what} is what was signed`
  if (state === 'changed') return `refused: ${what} was changed after it was signed`
  return `refused: ${what} is not signed by this key; slipway image sign signs it, --image-only does not ask for it`
}

/** What a build attaches to each of its images: a CycloneDX document and provenance. */
export async function attest(
  blobs: BlobFolder,
  images: readonly Descriptor[],
  to: {
    readonly place: Reference
    readonly name: string
    readonly open: OpenRemote
    readonly hosts: PackageSources['hosts']
  },
): Promise<void> {
  const version = await ownVersion()
  const artifacts: Descriptor[] = []
  for (const subject of images) {
    const image = await readImage(blobs, subject.digest, to.name)
    const bom = documentBytes(await billOfMaterials(to.name, image, version))
    artifacts.push(await makeArtifact(blobs, subject, { type: CYCLONEDX_TYPE, document: bom }))
    const provenance = documentBytes(provenanceOf(to.name, image, { slipway: version, hosts: to.hosts }))
    const annotations = { 'in-toto.io/predicate-type': PROVENANCE }
    artifacts.push(await makeArtifact(blobs, subject, { type: IN_TOTO_TYPE, document: provenance, annotations }))
  }
  await attachTo(to.place, blobs, artifacts, to.open)
}

function faultOf(document: Buffer, pem: string, digest: string): string | undefined {
  try {
    const { manifest } = verifyBundle(document.toString('utf8'), [pem])
    return differences(manifest, [{ path: SIGNED_FILE, digest }])[0]
  } catch (error) {
    if (error instanceof SignatureFault) return error.message
    throw error
  }
}

function inWords<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof SignatureFault) throw new UsageError(error.message)
    throw error
  }
}

/** The image that an act is given. Throws UsageError. */
export function named({ args }: Invocation, act: string): string {
  const [, given] = args
  if (given === undefined) throw new UsageError(`image ${act} needs an image: slipway image ${act} layout:image`)
  return given
}

/** Its image of the platform that is asked for. */
export async function opened(invocation: Invocation, given: string): Promise<OpenImage> {
  const [platform = { os: 'linux', architecture: 'amd64' }] = platformsOf(invocation)
  return openImage(await openReference(given), platform)
}

async function keyFile(invocation: Invocation, act: string): Promise<string> {
  const path = text(invocation, 'key')
  if (path === undefined) throw new UsageError(`image ${act} needs a key: --key FILE (PEM, elliptic curve P-256)`)
  return readFile(path, 'utf8')
}

/** The version of this program. */
export async function ownVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8')) as { version: string }
  return version
}
