/** The pipeline version that a caller means. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { Reader } from '../../store/db.ts'
import { newestVersion, refuseForeign, requireVersion, type VersionRow } from '../spec/versions.ts'

/** Throws `not_found`, also for a version of a project that the caller does not see. */
export async function visibleVersion(reader: Reader, who: Principal, id: string): Promise<VersionRow> {
  const row = await requireVersion(reader, id)
  refuseForeign(who, row.project)
  return row
}

/** The version that is named, else the newest of the project. Throws `not_found`, and `invalid_field` where neither is named. */
export async function wantedVersion(
  reader: Reader,
  who: Principal,
  body: { readonly pipeline_version?: string | undefined; readonly project?: string | undefined },
): Promise<VersionRow> {
  if (body.pipeline_version !== undefined) return visibleVersion(reader, who, body.pipeline_version)
  if (body.project === undefined) {
    throw problem('invalid_field', {
      field: 'body.pipeline_version',
      value: undefined,
      expected: 'a version, or "project"',
    })
  }
  refuseForeign(who, body.project)
  return newestVersion(reader, body.project)
}
