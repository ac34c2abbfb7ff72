/** Definitions that somebody asks for by name. */
import { problem } from '../../contract/errors.ts'
import type { Reader } from '../../store/db.ts'
import { findVersion, type Kind, type Version } from './catalogue.ts'
import type { Service } from './definitions.ts'

/** A version, or the newest. Throws `not_found`, which names it. */
export async function requireVersion<K extends Kind>(
  { db }: { readonly db: Reader },
  of: { readonly project: string; readonly kind: K; readonly name: string; readonly version?: number | undefined },
): Promise<Version<K>> {
  const found = await findVersion(db, of)
  if (found !== undefined) return found
  const what = `feature ${of.kind === 'on_demand' ? 'on demand' : of.kind}`
  throw problem('not_found', { what, id: of.version === undefined ? of.name : `${of.name}@${of.version}` })
}

/** Views by the names that they have in a service. */
export type ViewVersions = Readonly<Record<string, Version<'view'>>>

/** The views of a service in the versions that it takes, by the name that each has there. Throws `not_found`. */
export async function requireViews(
  context: { readonly db: Reader },
  project: string,
  { views }: Pick<Service, 'views'>,
): Promise<ViewVersions> {
  const found: Record<string, Version<'view'>> = {}
  for (const { name, view, version } of views)
    found[name] = await requireVersion(context, { project, kind: 'view', name: view, version })
  return found
}
