/** Data sources of a Feast repository as declared sources of a project file. */
import { Source } from '../../pipelines/spec/external/source.ts'
import { nameFault, type Keyed, type Leave } from './carry.ts'
import type { FeastSource } from './repository.ts'

/** A source that can be declared here, or why it cannot. `note`: what it needs besides. */
type Declared = { readonly declared: Keyed; readonly note?: string } | { readonly fault: string }

export function declaredSource(source: FeastSource): Declared {
  const fault = nameFault(source.name)
  if (fault !== undefined) return { fault }
  if (source.kind === 'FileSource') return declaredFile(source)
  if (source.kind === 'PostgreSQLSource' && source.query !== null)
    return {
      declared: { sql: { database: 'FEAST_DATABASE', query: source.query } },
      note: 'declare the secret FEAST_DATABASE with the address of its database, postgresql://…',
    }
  return {
    fault: `it is a ${source.kind}, and sources here are files, S3, http, queries of PostgreSQL and data sets: write its rows as Parquet`,
  }
}

function declaredFile({ path, format, endpoint }: FeastSource): Declared {
  if (path === null) return { fault: 'it names no path' }
  if (format !== null && format !== 'ParquetFormat')
    return { fault: `its format is ${format}, and Parquet and CSV are read here` }
  if (/[*?[\]]/.test(path)) return { fault: `its path ${path} is a pattern: name the folder instead` }
  const table = /\.csv$/i.test(path) ? 'csv' : 'parquet'
  const scheme = /^([a-z0-9+.-]+):\/\//i.exec(path)?.[1]
  if (scheme === undefined) return checked({ file: path, table })
  if (scheme !== 's3') return { fault: `it lies in ${scheme}://, which is not reached from here` }
  const s3 = {
    url: path,
    ...(endpoint !== null && { endpoint }),
    access_key: 'S3_ACCESS_KEY',
    secret_key: 'S3_SECRET_KEY',
  }
  const note = 'declare the secrets S3_ACCESS_KEY and S3_SECRET_KEY, and `region` where it is not us-east-1'
  return checked({ s3, table }, note)
}

/** What the project file would refuse is told here, by its own words. */
function checked(declared: Keyed, note?: string): Declared {
  const { error } = Source.safeParse(declared)
  if (error === undefined) return { declared, ...(note !== undefined && { note }) }
  return { fault: error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ') }
}

/** Sources that views can read, with what is declared of each, and why the others cannot be. */
export function declaredSources(
  sources: readonly FeastSource[],
  used: ReadonlySet<string>,
  leave: Leave,
): Map<string, Keyed> {
  const declared = new Map<string, Keyed>()
  for (const source of sources) {
    const what = `source ${source.name}`
    // those of pushes and requests are told with the views that they belong to
    if (['PushSource', 'RequestSource', 'KafkaSource', 'KinesisSource'].includes(source.kind)) continue
    const found = declaredSource(source)
    if ('fault' in found) leave(what, found.fault)
    else if (!used.has(source.name)) leave(what, 'no view that was carried over reads it')
    else {
      declared.set(source.name, found.declared)
      if (found.note !== undefined) leave(what, found.note)
      const said = ['description', 'owner'].filter((of) => source[of as 'owner'] !== '')
      if (Object.keys(source.tags).length > 0) said.push('tags')
      if (said.length > 0) leave(what, `its ${said.join(', ')}: sources here have none`)
    }
  }
  return declared
}
