/** From a content, which runs and models name by its digest, to the versions of data sets that hold it. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { versionsOfContent } from '../../data/data-sets.ts'
import type { FoundVersion } from '../../data/data-sets.ts'

/** Versions by the digest that was asked for. */
export type Contents = ReadonlyMap<string, readonly FoundVersion[]>

const NOTHING: Contents = new Map()

/** Empty until it is known, and where no data set holds any of it. */
export function useContents(digests: readonly string[]): Contents {
  const { data } = useQuery(versionsOfContent(digests))
  return data === undefined ? NOTHING : Map.groupBy(data.items, ({ asked }) => asked)
}

/** The versions as links; nothing where there is none. */
export function VersionLinks({ found = [] }: { found: readonly FoundVersion[] | undefined }) {
  return found.map(({ project, name, version }) => (
    <div key={`${project} ${name} ${version}`} className="small">
      <Link to="/data/$name" params={{ name }} search={{ project, version: String(version) }}>
        data set {name}@{version}
      </Link>
    </div>
  ))
}

/** The address of the page of a version. */
export function versionPath({ project, name, version }: Pick<FoundVersion, 'project' | 'name' | 'version'>): string {
  return `/data/${encodeURIComponent(name)}?project=${encodeURIComponent(project)}&version=${version}`
}
