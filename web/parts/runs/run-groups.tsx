/** Runs in groups: how many each has and how its metrics spread; an opened group shows its best or newest runs. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { narrowedFilter } from '../../data/runs/completion.ts'
import { count, figure } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import { titleOf } from '../../data/runs/columns.ts'
import { runGroups } from '../../data/runs/queries.ts'
import type { RunGroup } from '../../data/runs/queries.ts'
import { Empty, Loaded } from '../page/placeholders.tsx'
import { Panel } from '../page/page.tsx'
import { RunCells } from '../table/run-cells.tsx'
import { TimeCell } from '../table/time-cell.tsx'
import { DataTable } from '../table/data-table.tsx'

export interface RunGroupsProps {
  readonly by: string
  readonly filter: string
  readonly order: string
  readonly experiment: string
  readonly columns: readonly string[]
  readonly stage: 'deleted' | undefined
}

const MOST_METRICS = 4
const INSIDE = 20

export function RunGroups(props: RunGroupsProps) {
  const metrics = props.columns
    .filter((column) => column.startsWith('metrics.'))
    .slice(0, MOST_METRICS)
    .map(titleOf)
  // the groups alone are read sooner than the spread of their metrics
  const { by, filter, experiment, stage } = props
  const bare = useQuery(runGroups({ by, filter, experiment, stage, metrics: [] }))
  const whole = useQuery(runGroups({ by, filter, experiment, stage, metrics }))
  const groups = whole.data === undefined && whole.error === null ? bare : whole
  const items = groups.data?.items ?? []
  return (
    <Panel
      title={`Runs by ${titleOf(props.by)}`}
      note={
        groups.data &&
        `${count(items.length)} groups${groups.data.more ? ' (the largest)' : ''}; mean, minimum and maximum of the last values`
      }
      flush
    >
      <Loaded query={groups} what="The groups" height={320}>
        {(data) =>
          data.items.length === 0 ? (
            <Empty title="No runs match">Clear the filter, or choose another experiment.</Empty>
          ) : (
            <DataTable
              headings={[
                titleOf(props.by),
                ['Runs', 'num'],
                ...metrics.map((metric) => [metric, 'num'] as const),
                ['Newest', 'num'],
              ]}
            >
              {data.items.map((group) => (
                <Group key={group.value ?? ''} group={group} metrics={metrics} asked={props} />
              ))}
            </DataTable>
          )
        }
      </Loaded>
    </Panel>
  )
}

function Group({ group, metrics, asked }: { group: RunGroup; metrics: readonly string[]; asked: RunGroupsProps }) {
  const [open, setOpen] = useState(false)
  const inside = narrowedFilter(asked.filter, asked.by, group.value)
  return (
    <>
      <tr data-row>
        <td className="break">
          <button
            type="button"
            className="button quiet"
            aria-expanded={open}
            disabled={inside === undefined}
            onClick={() => setOpen(!open)}
          >
            {open ? '▾' : '▸'} {group.value ?? 'not set'}
          </button>
        </td>
        <td className="num">{count(group.runs)}</td>
        {metrics.map((metric) => (
          <Spread key={metric} of={group.metrics[metric]} />
        ))}
        <TimeCell at={group.newest_at} />
      </tr>
      {open && inside !== undefined && (
        <tr>
          <td colSpan={metrics.length + 3} className="inside">
            <Inside filter={inside} metrics={metrics} asked={asked} runs={group.runs} />
          </td>
        </tr>
      )}
    </>
  )
}

function Spread({ of }: { of: RunGroup['metrics'][string] | undefined }) {
  if (of === undefined) return <td className="num">–</td>
  return (
    <td className="num" title={`of ${count(of.runs)} runs`}>
      {figure(of.mean)}
      <div className="muted small">
        {figure(of.least, 3)} to {figure(of.greatest, 3)}
      </div>
    </td>
  )
}

interface InsideProps {
  readonly filter: string
  readonly metrics: readonly string[]
  readonly asked: RunGroupsProps
  readonly runs: number
}

function Inside({ filter, metrics, asked, runs }: InsideProps) {
  const columns = metrics.map((metric) => `metrics.${metric}`)
  const { order, experiment, stage } = asked
  const first = useQuery(read.firstRuns({ filter, order, experiment, columns, stage }, INSIDE))
  return (
    <Loaded query={first} what="The runs of the group" height={120}>
      {({ items }) => (
        <>
          <table>
            <tbody>
              {items.map((run) => (
                <tr key={run.id} data-row>
                  <RunCells run={run} />
                  {metrics.map((metric) => (
                    <td key={metric} className="num">
                      <span className="sr">{metric} </span>
                      {figure(run.metrics[metric])}
                    </td>
                  ))}
                  <TimeCell at={run.started_at} />
                </tr>
              ))}
            </tbody>
          </table>
          <p className="row">
            <Link
              to="/runs"
              search={(before) => ({ ...before, filter, group: undefined as never })}
              className="button quiet"
            >
              {runs > items.length ? `All ${count(runs)} runs of the group` : 'Only this group'}
            </Link>
            <Link to="/runs/compare" search={{ ids: items.map((run) => run.id) }} className="button quiet">
              Compare these {items.length}
            </Link>
          </p>
        </>
      )}
    </Loaded>
  )
}
