/** `slipway models verify --attestations`: holds what a server has attested of a version against a public key and the version's files. */
import type { Client } from '../../client/client.ts'
import { attestationsApi, type Attestation, type ReproductionPredicate } from '../../contract/pipelines/attestations.ts'
import { registryApi } from '../../contract/registry.ts'
import { SignatureFault, verifyPayload } from '../../registry/attestation/bundle.ts'
import { readReproduction } from '../../registry/attestation/reproduction.ts'
import { treeDigest } from '../../store/blobs/trees.ts'
import type { Invocation } from '../invocation/command.ts'
import { hashFiles, type VersionRef } from './hash-files.ts'

interface Verified {
  readonly run: string
  readonly fault: string | null
  /** What holds; null where it does not. */
  readonly says: ReproductionPredicate | null
}

/** Downloads and hashes every file; 0 where there are attestations and each is by this key, unchanged, and of these very files. */
export async function verifyAttestations(
  client: Client,
  invocation: Invocation,
  { pem, ...params }: VersionRef & { readonly pem: string },
): Promise<number> {
  const found = await allOf(client, params)
  const tree = found.length === 0 ? '' : await treeOf(client, invocation, params)
  const verified = found.map((one) => verify(one, pem, { version: params.version, tree }))
  const isWhole = verified.length > 0 && verified.every(({ fault }) => fault === null)
  invocation.out.data({ ok: isWhole, attestations: verified })
  if (verified.length === 0) invocation.out.line(`${params.name}/${params.version} has no attestations`)
  for (const one of verified) invocation.out.line(told(one))
  return isWhole ? 0 : 1
}

function told({ run, fault, says }: Verified): string {
  if (says === null) return `refused, of run ${run}: ${fault ?? ''}`
  return `verified: graded ${says.grade} at ${says.at} by run ${says.run} of run ${says.of_run}: ${says.detail}`
}

async function allOf(client: Client, params: VersionRef): Promise<Attestation[]> {
  const found: Attestation[] = []
  for (let token: string | undefined; ;) {
    const query = { limit: 100, ...(token !== undefined && { page_token: token }) }
    const page = await client.call(attestationsApi.listAttestations, { params, query })
    found.push(...page.items)
    token = page.next_page_token
    if (token === undefined) return found
  }
}

/** The digest of the files that the server sends, whatever it says that it is. */
async function treeOf(client: Client, invocation: Invocation, params: VersionRef): Promise<string> {
  const { items } = await client.call(registryApi.versionFiles, { params })
  const files = await hashFiles(client, invocation, params, items)
  return treeDigest(files.map((file) => ({ ...file, executable: file.executable ?? false })))
}

function verify({ bundle, run }: Attestation, pem: string, of: { version: string; tree: string }): Verified {
  try {
    const says = readReproduction(verifyPayload(bundle, [pem]).payload, of)
    return { run, fault: null, says }
  } catch (error) {
    if (error instanceof SignatureFault) return { run, fault: error.message, says: null }
    throw error
  }
}
