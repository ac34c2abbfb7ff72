/** The same signature of an image in the form that cosign verifies: a Sigstore bundle whose statement names the image's digest. */
import { signStatement } from '../../registry/attestation/bundle.ts'
import { SIGNATURE_TYPE } from './artifact.ts'
import type { Attachment } from './artifact.ts'
import type { Descriptor } from '../oci/documents.ts'

const PREDICATE = 'https://sigstore.dev/cosign/sign/v1'
/** How a bundle says in a list what it holds. */
const HOLDS = 'dev.sigstore.bundle.predicateType'

/** Signs a digest with an elliptic-curve key (PEM); cosign itself takes P-256. Throws SignatureFault. */
export function cosignSignature(digest: string, privateKey: string, passphrase?: string): Attachment {
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ digest: { sha256: digest.replace('sha256:', '') } }],
    predicateType: PREDICATE,
    predicate: {},
  }
  return {
    type: SIGNATURE_TYPE,
    document: Buffer.from(signStatement(statement, privateKey, passphrase)),
    annotations: bundleAnnotations(PREDICATE),
  }
}

/** How a bundle with a statement of this type is told in lists. */
export function bundleAnnotations(predicateType: string): Record<string, string> {
  return { 'dev.sigstore.bundle.content': 'dsse-envelope', [HOLDS]: predicateType }
}

/** True of a bundle with a statement: a signature for cosign, or a document that is signed. Those of model signing do not say what they hold. */
export function isStatement({ annotations }: Descriptor): boolean {
  return annotations?.[HOLDS] !== undefined
}
