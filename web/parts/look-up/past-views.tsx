/** The views of a look-up at a moment: which row was seen, when it became known, and from which snapshot it was read. */
import { duration, eventTime, plural } from '../../../src/contract/text/format.ts'
import type { BothView } from '../../data/features/past.ts'
import { ViewLink } from '../features/links.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { DataTable } from '../table/data-table.tsx'

export function PastViews({ project, both }: { project: string | undefined; both: readonly BothView[] }) {
  return (
    <DataTable headings={['View', 'Row at the moment', 'Read from']} className="past-views">
      {both.map((group) =>
        group.view === null ? null : (
          <tr key={group.view.name} data-row>
            <td className="break">
              <ViewLink project={project} name={group.view.view} version={group.view.version} />
              {group.view.name !== group.view.view && <div className="muted small">as {group.view.name}</div>}
            </td>
            <td>
              <SeenRow {...group} />
            </td>
            <td className="break small">
              <Snapshots {...group} />
            </td>
          </tr>
        ),
      )}
    </DataTable>
  )
}

function SeenRow({ view, event }: BothView) {
  if (view?.history === false) return <span className="muted">not kept</span>
  if (event === null) return <span className="muted">none</span>
  return (
    <>
      {duration(event.age_ms)} old
      <div className="muted small nowrap">happened {eventTime(event.at)}</div>
      {event.known_at !== event.at && <div className="muted small nowrap">known since {eventTime(event.known_at)}</div>}
    </>
  )
}

function Snapshots({ view }: BothView) {
  if (view === null) return null
  if (!view.history) return <span className="muted">Its rows are pushed; no history of them is kept.</span>
  return (
    <>
      {view.sources.map(({ name, place, rows, digest, read_at, unchanged }) => (
        <div key={name} title={`${name}, ${digest}`}>
          {place}
          <div className="muted">
            {rows === null ? '' : `${plural(rows, 'row')}, `}
            {unchanged ? 'unchanged, looked at ' : 'read '}
            <RelativeTime at={read_at} />
          </div>
        </div>
      ))}
      {view.pushed && <div className="muted">without rows that were pushed</div>}
    </>
  )
}
