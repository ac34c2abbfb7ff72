/** Statements about reproductions: what one says of the files of a version, and whether it is about that version. */
import { REPRODUCTION_TYPE, ReproductionPredicate } from '../../contract/pipelines/attestations.ts'
import { bundlePayload, SignatureFault, STATEMENT_TYPE } from './bundle.ts'

/** A version as statements name it; `tree` is the digest of its files. */
export interface Subject {
  readonly version: string
  readonly tree: string
}

/** The in-toto statement, with the files of the version as its subject. */
export function reproductionStatement(tree: string, predicate: ReproductionPredicate): object {
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name: `${predicate.model}/${predicate.version}`, digest: { sha256: tree.replace('sha256:', '') } }],
    predicateType: REPRODUCTION_TYPE,
    predicate,
  }
}

/** What a payload says that was signed. Throws SignatureFault for what is no statement about a reproduction, or about other files. */
export function readReproduction(payload: Buffer, { version, tree }: Subject): ReproductionPredicate {
  const { subject, predicate } = parsed(payload)
  const digest = tree.replace('sha256:', '')
  if (subject.length !== 1 || subject[0] !== digest)
    throw new SignatureFault(
      `it is about files of the digest ${subject.join(', ')}, and those of this version have ${digest}`,
    )
  if (predicate.version !== version)
    throw new SignatureFault(`it is about version ${predicate.version}, and this is version ${version}`)
  return predicate
}

/** What stands in a bundle, whoever signed it and whatever it is about; null where that cannot be read. */
export function saidOf(bundle: string): ReproductionPredicate | null {
  try {
    return parsed(bundlePayload(bundle)).predicate
  } catch (error) {
    if (error instanceof SignatureFault) return null
    throw error
  }
}

interface Statement {
  readonly _type?: unknown
  readonly predicateType?: unknown
  readonly predicate?: unknown
  readonly subject?: unknown
}

function parsed(payload: Buffer): { subject: string[]; predicate: ReproductionPredicate } {
  const { _type, predicateType, predicate, subject } = statementOf(payload)
  const found = ReproductionPredicate.safeParse(predicate)
  if (_type !== STATEMENT_TYPE || predicateType !== REPRODUCTION_TYPE || !found.success)
    throw new SignatureFault('the statement is not about a reproduction')
  const subjects = Array.isArray(subject) ? (subject as ({ digest?: { sha256?: unknown } } | null)[]) : []
  return { subject: subjects.map((one) => String(one?.digest?.sha256)), predicate: found.data }
}

function statementOf(payload: Buffer): Statement {
  try {
    return (JSON.parse(payload.toString('utf8')) as Statement | null) ?? {}
  } catch {
    throw new SignatureFault('the statement is no JSON')
  }
}
