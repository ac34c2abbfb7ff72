/** What a model saw of an entity at a moment beside what it sees now: each value with its status, what differs and why. */
import { duration, eventTime } from '../../../src/contract/text/format.ts'
import type { FeatureView } from '../../../src/contract/features/catalogue.ts'
import { pastWord, whyBoth } from '../../data/features/past.ts'
import type { BothColumn, BothView } from '../../data/features/past.ts'
import { STATUSES } from '../../data/features/statuses.ts'
import type { Tone } from '../../data/tones.ts'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'
import { ViewLink } from '../features/links.tsx'

export interface BothValuesProps {
  /** The moment. */
  readonly at: string
  readonly project: string | undefined
  readonly both: readonly BothView[]
  /** The views of the project in their newest versions. */
  readonly views: readonly FeatureView[]
}

export function BothValues({ at, project, both, views }: BothValuesProps) {
  return (
    <DataTable headings={['Feature', 'Now', `At ${eventTime(at)}`, 'Why']} className="seen both">
      {both
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
  readonly group: BothView
  readonly definition: FeatureView | undefined
}

function Group({ project, group, definition }: GroupProps) {
  const { view, columns } = group
  return (
    <>
      <tr className="group linked">
        <th colSpan={4} scope="colgroup">
          {view === null ? (
            'On demand'
          ) : (
            <>
              <ViewLink project={project} name={view.view} version={view.version} />
              {view.name !== view.view && ` as ${view.name}`} · {rowText(group)}
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

/** Of which rows the values are. */
function rowText({ view, event, now }: BothView): string {
  const seen = now?.event == null ? '' : `now ${duration(now.event.age_ms)} old`
  const then =
    view?.history === false
      ? 'no history: rows are pushed'
      : event === null
        ? 'no row then'
        : `its row was ${duration(event.age_ms)} old`
  return [then, ...(seen === '' ? [] : [seen])].join(', ')
}

function ValueRow({ column, group, definition }: Omit<GroupProps, 'project'> & { column: BothColumn }) {
  const { name, type, past, now, differs } = column
  return (
    <tr data-row className={differs ? 'differs' : undefined}>
      <td className="key mono">{name}</td>
      <td className="break" title={type}>
        {now === undefined ? (
          <span className="muted">not read</span>
        ) : (
          <Value value={now.value} {...STATUSES[now.status]} isPresent={now.status === 'present'} />
        )}
      </td>
      <td className="break then" title={type}>
        <Value value={past.value} {...pastWord(past.status)} isPresent={past.status === 'present'} />
      </td>
      <td className="break why">
        {whyBoth(column, group, definition).map(({ lead, rest }) => (
          <div key={lead}>
            <b>{lead}</b> <span className="muted">{rest}</span>
          </div>
        ))}
      </td>
    </tr>
  )
}

interface ValueProps {
  readonly value: string | null
  readonly word: string
  readonly tone: Tone
  readonly isPresent: boolean
}

/** A status is told where it is not that of a value that is there. */
function Value({ value, word, tone, isPresent }: ValueProps) {
  return (
    <>
      {value !== null && <span className="mono">{value}</span>}
      {!isPresent && (
        <div className="nowrap">
          <Status word={word} tone={tone} />
        </div>
      )}
    </>
  )
}
