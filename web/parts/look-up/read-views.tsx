/** The views of a look-up: up to when each was read from its source, and how old the row is that is seen. */
import { duration, eventTime } from '../../../src/contract/text/format.ts'
import type { SeenView } from '../../data/features/entity-row.ts'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'
import { ViewLink } from '../features/links.tsx'

export function ReadViews({ project, seen }: { project: string | undefined; seen: readonly SeenView[] }) {
  return (
    <DataTable headings={['View', 'Stored until', 'Row that is seen']}>
      {seen.map(({ view, event }) =>
        view === null ? null : (
          <tr key={view.name} data-row>
            <td className="break">
              <ViewLink project={project} name={view.view} version={view.version} />
              {view.name !== view.view && <div className="muted small">as {view.name}</div>}
            </td>
            <td>
              {!view.stored ? (
                <Status word="never" tone="bad" />
              ) : view.horizon === null ? (
                'by pushes'
              ) : (
                <RelativeTime at={view.horizon} />
              )}
            </td>
            <td>
              {event === null ? (
                <span className="muted">none</span>
              ) : (
                <>
                  {duration(event.age_ms)} old
                  <div className="muted small">{eventTime(event.at)}</div>
                </>
              )}
            </td>
          </tr>
        ),
      )}
    </DataTable>
  )
}
