/** Documents of an image under its signer's name: each is signed as an in-toto statement in a Sigstore bundle, as `cosign attest` makes them. */
import { isDeepStrictEqual } from 'node:util'
import { ifJson } from '../../contract/absence/absent.ts'
import { SignatureFault, signStatement, STATEMENT_TYPE, verifyPayload } from '../../registry/attestation/bundle.ts'
import { SIGNATURE_TYPE } from './artifact.ts'
import type { Attachment } from './artifact.ts'
import { bundleAnnotations } from './cosign.ts'
import { IN_TOTO_TYPE } from './provenance.ts'
import { CYCLONEDX_TYPE } from './sbom.ts'

/** What `cosign verify-attestation --type cyclonedx` asks for. */
const CYCLONEDX_PREDICATE = 'https://cyclonedx.org/bom'

/** Types of documents that are signed, each with what people call it. */
export const SIGNED_DOCUMENTS = { [CYCLONEDX_TYPE]: 'SBOM', [IN_TOTO_TYPE]: 'provenance' } as const
export type SignedType = keyof typeof SIGNED_DOCUMENTS

/** A document that is attached to an image. */
export interface AttachedDocument {
  readonly type: SignedType
  readonly document: Buffer
}

interface Statement {
  readonly predicateType: string
}

/** The statement that stands for a document of an image: provenance is one itself. Undefined for what is no JSON of its kind. */
function statementOf({ type, document }: AttachedDocument, digest: string): Statement | undefined {
  const content = ifJson(document.toString('utf8'))
  if (typeof content !== 'object' || content === null) return undefined
  if (type === IN_TOTO_TYPE) return 'predicateType' in content ? (content as Statement) : undefined
  const statement = {
    _type: STATEMENT_TYPE,
    subject: [{ digest: { sha256: digest.replace('sha256:', '') } }],
    predicateType: CYCLONEDX_PREDICATE,
    predicate: content,
  }
  return statement
}

/** Signs a document of an image with an elliptic-curve key (PEM). Undefined where the document is none of its kind. Throws SignatureFault. */
export function signedDocument(
  document: AttachedDocument,
  digest: string,
  privateKey: string,
  passphrase?: string,
): Attachment | undefined {
  const statement = statementOf(document, digest)
  if (statement === undefined) return undefined
  return {
    type: SIGNATURE_TYPE,
    document: Buffer.from(signStatement(statement, privateKey, passphrase)),
    annotations: bundleAnnotations(statement.predicateType),
  }
}

/**
 * Whether the key (PEM) has signed a document as it is: `changed` where it has signed another one of the kind for this image, `not signed` where it
 * has signed none.
 */
export function stateOf(
  document: AttachedDocument,
  digest: string,
  { bundles, pem }: { readonly bundles: readonly Buffer[]; readonly pem: string },
): 'as signed' | 'changed' | 'not signed' {
  const own = statementOf(document, digest)
  const signed = bundles
    .flatMap((bundle) => payloadOf(bundle, pem))
    .filter((one) => isOfImage(one, digest) && (own === undefined || one.predicateType === own.predicateType))
  if (signed.some((one) => isDeepStrictEqual(one, own))) return 'as signed'
  return signed.length > 0 ? 'changed' : 'not signed'
}

/** The statement of a bundle that the key has signed; none of another one. */
function payloadOf(bundle: Buffer, pem: string): Statement[] {
  try {
    return [JSON.parse(verifyPayload(bundle.toString('utf8'), [pem]).payload.toString('utf8')) as Statement]
  } catch (error) {
    if (error instanceof SignatureFault) return []
    throw error
  }
}

function isOfImage(statement: Statement, digest: string): boolean {
  const { subject } = statement as { readonly subject?: unknown }
  return JSON.stringify(subject ?? null).includes(digest.replace('sha256:', ''))
}
