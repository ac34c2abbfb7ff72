/** Definitions that somebody asks for by name. */
import { problem } from '../../contract/errors.ts'
import type { Db } from '../../store/db.ts'
import { findVersion, type Kind, type Version } from './catalogue.ts'

/** A version, or the newest. Throws `not_found`, which names it. */
export async function requireVersion<K extends Kind>(
  { db }: { readonly db: Db },
  of: { readonly project: string; readonly kind: K; readonly name: string; readonly version?: number | undefined },
): Promise<Version<K>> {
  const found = await findVersion(db, of)
  if (found !== undefined) return found
  const what = `feature ${of.kind === 'on_demand' ? 'on demand' : of.kind}`
  throw problem('not_found', { what, id: of.version === undefined ? of.name : `${of.name}@${of.version}` })
}
