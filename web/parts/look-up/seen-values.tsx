/** What a model sees of an entity: each value with its status, by view, and why one is missing. */
import type { FeatureView } from '../../../src/contract/features/catalogue.ts'
import { duration, plural } from '../../../src/contract/text/format.ts'
import { STATUSES } from '../../data/features/statuses.ts'
import type { SeenColumn, SeenView } from '../../data/features/entity-row.ts'
import { whyOf } from '../../data/features/why.ts'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'
import { ViewLink } from '../features/links.tsx'

const HEADINGS = ['Feature', 'Value', 'Status', 'Why'] as const

export interface SeenValuesProps {
  readonly project: string | undefined
  readonly seen: readonly SeenView[]
  /** The views of the project in their newest versions. */
  readonly views: readonly FeatureView[]
}

export function SeenValues({ project, seen, views }: SeenValuesProps) {
  return (
    <DataTable headings={HEADINGS} className="seen">
      {seen
        .filter(({ columns }) => columns.length > 0)
        .map((group) => (
          <Group
            key={group.view?.name ?? ''}
            project={project}
            group={group}
            definition={views.find(({ name }) => name === group.view?.view)}
          />
        ))}
    </DataTable>
  )
}

interface GroupProps {
  readonly project: string | undefined
  readonly group: SeenView
  readonly definition: FeatureView | undefined
}

function Group({ project, group, definition }: GroupProps) {
  const { view, event, columns } = group
  return (
    <>
      <tr className="group linked">
        <th colSpan={HEADINGS.length} scope="colgroup">
          {view === null ? (
            'On demand'
          ) : (
            <>
              <ViewLink project={project} name={view.view} version={view.version} />
              {view.name !== view.view && ` as ${view.name}`}
              {event !== null && ` · its row is ${duration(event.age_ms)} old`}
              {event === null && ` · ${view.stored ? 'no row is seen' : 'never stored'}`}
            </>
          )}
        </th>
      </tr>
      {columns.map((column) => (
        <ValueRow key={column.name} column={column} group={group} definition={definition} />
      ))}
    </>
  )
}

function ValueRow({ column, group, definition }: Omit<GroupProps, 'project'> & { column: SeenColumn }) {
  const why = whyOf(column, group, definition)
  const { word, tone } = STATUSES[column.status]
  return (
    <tr data-row>
      <td className="key mono">{column.name}</td>
      <td className="break mono" title={column.type}>
        {column.value ?? <span className="null">null</span>}
      </td>
      <td>
        <Status word={word} tone={tone} />
      </td>
      <td className="break">
        {why !== undefined && (
          <>
            <b>{why.lead}</b> <span className="muted">{why.rest}</span>
          </>
        )}
      </td>
    </tr>
  )
}

/** Views of which nothing was ever stored: all of them is missing for everybody. */
export function NeverStored({ project, seen }: Pick<SeenValuesProps, 'project' | 'seen'>) {
  const never = seen.flatMap(({ view }) => (view === null || view.stored ? [] : [view]))
  if (never.length === 0) return null
  return (
    <div className="notice" role="status">
      <p>
        {plural(never.length, 'view')} that it reads {never.length === 1 ? 'was' : 'were'} never materialised and got no
        push, so that every value of {never.length === 1 ? 'it' : 'them'} is missing for every entity:{' '}
        {never.map(({ name, view, version }, i) => (
          <span key={name}>
            {i > 0 && ', '}
            <ViewLink project={project} name={view} version={version} />
          </span>
        ))}
        .
      </p>
    </div>
  )
}
