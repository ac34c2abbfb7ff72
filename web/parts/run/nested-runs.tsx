/** The runs inside a run, as nested runs of MLflow's clients and sweeps are. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { duration, plural } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import type { Run } from '../../data/queries.ts'
import { Panel } from '../page/page.tsx'
import { RunCells } from '../table/run-cells.tsx'
import { TimeCell } from '../table/time-cell.tsx'
import { DataTable } from '../table/data-table.tsx'

/** Names the run that a run is inside of. */
export const PARENT = 'mlflow.parentRunId'
const FILTER = `tags.\`${PARENT}\``
/** As many as can be compared. */
const SHOWN = 100

export function NestedRuns({ run }: { run: Run }) {
  const filter = `${FILTER} = '${run.id}'`
  const ask = { filter, order: 'attributes.start_time ASC', experiment: run.experiment_id, columns: [] }
  const children = useQuery(read.firstRuns(ask, SHOWN)).data
  if (children === undefined || children.items.length === 0) return null
  const { items } = children
  return (
    <Panel
      title="Nested runs"
      note={`${children.next_page_token === undefined ? '' : 'the first '}${plural(items.length, 'run')}`}
      flush
      long={items.length > 12}
      tools={
        <>
          <Link to="/runs" search={{ filter, experiment: run.experiment_id }} className="button">
            As a table
          </Link>
          {items.length > 1 && (
            <Link to="/runs/compare" search={{ ids: items.map((one) => one.id) }} className="button">
              Compare
            </Link>
          )}
        </>
      }
    >
      <DataTable headings={['Run', 'State', ['Duration', 'num'], ['Started', 'num']]}>
        {items.map((one) => (
          <tr key={one.id} data-row>
            <RunCells run={one} className="key" />
            <td className="num">
              {duration(one.ended_at === null ? null : Date.parse(one.ended_at) - Date.parse(one.started_at))}
            </td>
            <TimeCell at={one.started_at} />
          </tr>
        ))}
      </DataTable>
    </Panel>
  )
}
