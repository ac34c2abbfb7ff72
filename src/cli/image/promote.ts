/** `slipway image record|promote`: tells the server of an image, and brings its digest from one environment to the next. */
import type { Client } from '../../client/client.ts'
import { imagesApi } from '../../contract/images/images.ts'
import { problem, Problem } from '../../contract/errors.ts'
import type { Reply } from '../../contract/route.ts'
import { DIGEST, isIndex, Manifest, readDocument } from '../../images/oci/documents.ts'
import { partsOf } from '../../images/oci/graph.ts'
import { parseReference, referenceText } from '../../images/oci/reference.ts'
import type { Reference, RegistryReference } from '../../images/oci/reference.ts'
import { putManifest } from '../../images/remote/upload.ts'
import { LABELS, labelsOf } from '../../registry/images/documents.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { signaturesOf } from './attached.ts'
import { copyWhole } from './copy.ts'
import { openReference } from './opened.ts'
import { registries } from './registries.ts'
import type { OpenRemote } from './registries.ts'

type Standing = Reply<typeof imagesApi.standings>['items'][number]

/** An image as it lies somewhere, and the model that it says it is made of. */
interface Found {
  readonly place: Reference
  readonly digest: string
  readonly model: string
}

export async function record(invocation: Invocation): Promise<number> {
  const [, given] = invocation.args
  if (given === undefined) throw new UsageError('image record needs an image: slipway image record NAME')
  const { client } = await connect(invocation)
  const image = await tell(client, parseReference(given), registries())
  const { version, signatures, trusted } = image.recorded
  invocation.out.data(image.recorded)
  invocation.out.line(`${image.found.digest} is recorded as an image of ${image.found.model}/${version}`)
  if (signatures.length === 0) invocation.out.line('it is not signed')
  for (const one of signatures) invocation.out.line(`carries a signature of ${carried(one)}`)
  if (signatures.length > 0 && !trusted) invocation.out.line('The policy of the model believes none of these keys')
  return 0
}

/** What a signature names is no fact before a key that somebody trusts has verified it. */
function carried({ key, trusted_by, fault }: Reply<typeof imagesApi.recordImage>['signatures'][number]): string {
  const named = key ?? 'a key that it does not name'
  return fault === null ? `${named} (trusted: ${trusted_by.join(', ')})` : `${named} (not trusted: ${fault})`
}

export async function promote(invocation: Invocation): Promise<number> {
  const [, given] = invocation.args
  const environment = text(invocation, 'to')
  if (given === undefined || environment === undefined)
    throw new UsageError(
      'image promote needs an image or a model, and where to: slipway image promote NAME --to staging',
    )
  const { client } = await connect(invocation)
  const open = registries()
  const back = invocation.flags['back'] === true
  const found = await subjectOf(client, given, { environment, back, open })
  const to = await standingOf(client, found.model, environment)
  const params = { name: found.model }
  const body = {
    environment,
    digest: found.digest,
    back,
    reason: text(invocation, 'reason') ?? '',
    override: invocation.flags['override-gates'] === true,
  }
  await tell(client, found.place, open)
  // asked before anything lies in the repository of the environment
  await client.call(imagesApi.promoteImage, { params, body: { ...body, check: true } })
  const target = { ...repositoryOf(to), digest: found.digest }
  const { moved } = await copyWhole(found.place, target, open, (line) => invocation.out.progress(line))
  const done = await client.call(imagesApi.promoteImage, { params, body })
  const last = await followTag(client, { ...done, place: target, open })
  invocation.out.data({ ...done, image: referenceText(target), ...moved })
  if (moved !== undefined)
    invocation.out.line(`${moved.sent} blobs sent, ${moved.mounted} mounted, ${moved.there} were there`)
  if (done.refusal !== null) invocation.out.line(`overridden: ${done.refusal}`)
  invocation.out.line(`${found.model}/${done.version} stands in ${environment}: ${referenceText(target)}`)
  if (last !== done.digest) invocation.out.line(`another move came after it: ${last} stands there now`)
  return 0
}

/** Moves that may come one after the other while a tag follows them. */
const MOST_MOVES = 8

interface Promoted {
  readonly model: string
  readonly version: string
  readonly environment: string
  readonly place: RegistryReference & { readonly digest: string }
  readonly open: OpenRemote
}

/**
 * Puts the tag of an environment on what stands there, and returns its digest: of two moves at once that of the later one, whichever
 * command ends last. Throws `upstream_failed`, which says that the image stands there all the same.
 */
async function followTag(client: Client, { model, version, environment, place, open }: Promoted): Promise<string> {
  let { digest } = place
  try {
    for (let moves = 0; moves < MOST_MOVES; moves++) {
      const image = open({ ...place, digest })
      const root = await image.resolve()
      const tag = open({ ...place, tag: environment, digest: undefined })
      await putManifest(tag, root, await image.bytes(digest), environment)
      const { standing } = await standingOf(client, model, environment)
      if (standing === null || standing.digest === digest) break
      digest = standing.digest
    }
    return digest
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const what = `${model}/${version} stands in ${environment}, and the tag "${environment}"`
    throw problem('upstream_failed', { what, detail: error.message }, error)
  }
}

interface Wanted {
  readonly environment: string
  readonly back: boolean
  readonly open: OpenRemote
}

/** The image that is meant: by its own name, or as what stands of a model in the environment before. */
async function subjectOf(client: Client, given: string, { environment, back, open }: Wanted): Promise<Found> {
  if (/^[^/:@]+\/\d+$/.test(given))
    throw new UsageError(
      `"${given}" is a version, and may have several images: name an image of it, REGISTRY/REPOSITORY@DIGEST, or the model alone for what stands before`,
    )
  if (given.includes('/') || given.startsWith('layout:')) {
    const place = parseReference(given)
    const { digest, model } = await readDocuments(place, open)
    return { place, digest, model }
  }
  const [model = '', wanted] = given.split('@')
  if (wanted !== undefined && !DIGEST.test(wanted))
    throw new UsageError(
      `"${given}" names no image; expected MODEL, MODEL@DIGEST or REGISTRY/REPOSITORY[:TAG][@DIGEST]`,
    )
  const to = await standingOf(client, model, environment)
  const digest = wanted ?? (back ? await digestBefore(client, model, to) : await digestIn(client, model, to.after))
  const from = back || to.after === null ? to : await standingOf(client, model, to.after)
  const stood = back || from.standing?.digest === digest
  return { place: await placeOf(client, { model, digest, from: stood ? from : undefined, open }), digest, model }
}

interface Sought {
  readonly model: string
  readonly digest: string
  /** The environment in which it stands or has stood. */
  readonly from: Standing | undefined
  readonly open: OpenRemote
}

/** Where a digest lies: in the repository of the environment in which it stood, else where it was recorded, as after that repository changed. */
async function placeOf(client: Client, { model, digest, from, open }: Sought): Promise<Reference> {
  const place = from === undefined ? undefined : { ...repositoryOf(from), digest }
  if (place !== undefined && (await open(place).find()) !== undefined) return place
  const { items } = await client.call(imagesApi.listImages, { params: { name: model } })
  const known = items.find((one) => one.digest === digest)
  if (known === undefined)
    throw new UsageError(`the server knows no image ${digest} of ${model}; name it as REGISTRY/REPOSITORY@DIGEST`)
  return { ...parseReference(known.repository), tag: undefined, digest }
}

async function standingOf(client: Client, model: string, environment: string): Promise<Standing> {
  const { items } = await client.call(imagesApi.standings, { params: { name: model } })
  const found = items.find((one) => one.environment === environment)
  const known = items.map((one) => one.environment).join(', ')
  if (found === undefined)
    throw new UsageError(
      `there is no environment "${environment}"; ${known === '' ? 'slipway image environments set makes one' : `there are ${known}`}`,
    )
  return found
}

async function digestIn(client: Client, model: string, environment: string | null): Promise<string> {
  if (environment === null)
    throw new UsageError(
      `no environment comes before; name the image: slipway image promote REGISTRY/REPOSITORY@DIGEST`,
    )
  const { standing } = await standingOf(client, model, environment)
  if (standing === null) throw new UsageError(`no image of ${model} stands in "${environment}"`)
  return standing.digest
}

async function digestBefore(client: Client, model: string, { environment, standing }: Standing): Promise<string> {
  const { history } = await client.call(imagesApi.standings, { params: { name: model } })
  const before = history.find((one) => one.environment === environment && one.digest !== standing?.digest)
  if (before === undefined) throw new UsageError(`no other image of ${model} has stood in "${environment}"`)
  return before.digest
}

function repositoryOf({ repository }: Standing): RegistryReference {
  const place = parseReference(repository)
  if (place.kind !== 'registry') throw new UsageError(`"${repository}" is no repository of a registry`)
  return { ...place, tag: undefined }
}

/** Records an image with its documents and signatures. */
async function tell(
  client: Client,
  place: Reference,
  open: OpenRemote,
): Promise<{ found: Found; recorded: Reply<typeof imagesApi.recordImage> }> {
  const { digest, documents, model } = await readDocuments(place, open)
  const signatures = await signaturesOf(place, digest, open)
  const recorded = await client.call(imagesApi.recordImage, {
    params: { name: model, digest },
    body: {
      documents,
      repository: referenceText({ ...place, tag: undefined, digest: undefined }),
      signatures: signatures.map((bundle) => bundle.toString('utf8')),
    },
  })
  return { found: { place, digest, model }, recorded }
}

/** The documents of an image as text: what the server checks it by. */
async function readDocuments(
  place: Reference,
  open: OpenRemote,
): Promise<{ digest: string; documents: string[]; model: string }> {
  const { root, source } = await openReference(referenceText(place), open)
  const { manifests } = await partsOf(source, root)
  const documents: string[] = []
  for (const one of manifests) {
    const bytes = await source.bytes(one.digest)
    documents.push(bytes.toString('utf8'))
    if (isIndex(one.mediaType)) continue
    const { config } = readDocument(Manifest, bytes, `the manifest ${one.digest}`)
    documents.push((await source.bytes(config.digest)).toString('utf8'))
  }
  const model = labelsOf(root.digest, documents)[0]?.[LABELS.model]
  if (model === undefined)
    throw new UsageError(`${referenceText(place)} is made of no version of a model: it has no label ${LABELS.model}`)
  return { digest: root.digest, documents, model }
}
