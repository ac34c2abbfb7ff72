/** The feature views of a project: where each comes from, how long it counts, who reads it, when it was materialised. */
import type { FeatureService, FeatureView } from '../../../src/contract/features/catalogue.ts'
import type { FeatureJob } from '../../../src/contract/features/jobs.ts'
import { count, NONE } from '../../../src/contract/text/format.ts'
import { lifeOf, readersOf, sourcesOf } from '../../data/features/feature-words.ts'
import { standingOf } from '../../data/features/job-standing.ts'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'
import { Described } from './about.tsx'
import { ServiceLink, ViewLink } from './links.tsx'

export interface ViewListProps {
  readonly project: string | undefined
  readonly views: readonly FeatureView[]
  readonly services: readonly FeatureService[]
  /** Materialisations, newest first; undefined while they are not known. */
  readonly jobs: readonly FeatureJob[] | undefined
  /** Features of a view that the search has found. */
  readonly matchesOf: (view: FeatureView) => readonly string[]
}

export function ViewList({ project, views, services, jobs, matchesOf }: ViewListProps) {
  return (
    <DataTable
      headings={[
        'View',
        'Entities',
        ['Features', 'num'],
        'Source',
        'Time to live',
        ['Version', 'num'],
        'Owner',
        'Read by',
        'Materialised',
      ]}
    >
      {views.map((view) => (
        <tr key={view.name} data-row>
          <td className="key name">
            <ViewLink project={project} name={view.name} className="strong" />
            <Described description={view.description} matches={matchesOf(view)} />
          </td>
          <td>{view.entities.length === 0 ? NONE : view.entities.join(', ')}</td>
          <td className="num">{count(view.features.length)}</td>
          <td className="break">
            {sourcesOf(view).map(({ kind, place }) => (
              <div key={place} className="clamp" title={place}>
                <span className="muted">{kind}</span> {place}
              </div>
            ))}
          </td>
          <td className="nowrap">{lifeOf(view.ttl_ms)}</td>
          <td className="num">{view.version}</td>
          <td>{view.owner === '' ? NONE : view.owner}</td>
          <td>
            <Readers project={project} view={view} services={services} />
          </td>
          <td>{jobs === undefined ? NONE : <Materialised view={view} jobs={jobs} />}</td>
        </tr>
      ))}
    </DataTable>
  )
}

function Readers({ project, view, services }: Pick<ViewListProps, 'project' | 'services'> & { view: FeatureView }) {
  const readers = readersOf(services, view.name)
  if (readers.length === 0) return <span className="muted">nobody</span>
  return readers.map(({ name, version }) => (
    <div key={`${name} ${version}`} className={version < view.version ? 'linked' : undefined}>
      <ServiceLink project={project} name={name} />
      {version < view.version && <span className="warn-text small"> version {version}</span>}
    </div>
  ))
}

/** When the view was last materialised, and what became of the newest try where it did not end well. */
function Materialised({ view, jobs }: { view: FeatureView; jobs: readonly FeatureJob[] }) {
  const { newest, done } = standingOf(view.name, jobs)
  if (newest === undefined)
    return <span className="muted">{view.sources.length === 0 ? 'by its pushes alone' : 'never'}</span>
  return (
    <>
      {newest !== done && <Status word={newest.state} />}
      {done !== undefined && (
        <div className="nowrap">
          {newest !== done && <span className="muted small">last done </span>}
          <RelativeTime at={done.ended_at ?? done.created_at} />
          {done.version < view.version && <span className="warn-text small"> version {done.version}</span>}
        </div>
      )}
      {done === undefined && newest.state === 'failed' && <div className="muted small">never before</div>}
    </>
  )
}
