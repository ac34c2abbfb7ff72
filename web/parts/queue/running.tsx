/** Steps that hold places: where each runs, since when, and its share of the machine. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { bytes, count, NONE, percent } from '../../../src/contract/text/format.ts'
import { runningSteps } from '../../data/pipelines/queue.ts'
import type { RunningStep } from '../../data/pipelines/queue.ts'
import * as read from '../../data/queries.ts'
import { LoadingPanel } from '../page/loading-panel.tsx'
import { Empty } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'
import { FilterablePanel } from '../table/filterable-panel.tsx'
import { TimeCell } from '../table/time-cell.tsx'
import { StepCell } from './step-link.tsx'

const TITLE = 'Running'

export function RunningPanel() {
  const query = useQuery(runningSteps)
  if (query.data === undefined)
    return <LoadingPanel title={TITLE} query={query} what="The running steps" height={160} />
  const { items, left_out } = query.data
  return (
    <FilterablePanel
      title={TITLE}
      note={
        left_out === 0 ? 'the longest first' : `the longest ${count(items.length)} of ${count(items.length + left_out)}`
      }
      items={items}
      textOf={({ project, run, step, pool, driver }) => [project, run, step, pool ?? '', driver].join(' ')}
      flush
    >
      {(found) =>
        items.length === 0 ? <Empty title="Nothing runs">No step holds a place.</Empty> : <RunningTable items={found} />
      }
    </FilterablePanel>
  )
}

function RunningTable({ items }: { items: readonly RunningStep[] }) {
  const machine = useQuery(read.stepQueue).data
  return (
    <DataTable
      headings={[
        'State',
        'Step',
        'Where',
        'Pool',
        ['Priority', 'num'],
        ['Cores', 'num'],
        ['Memory', 'num'],
        ['Since', 'num'],
      ]}
    >
      {items.map((one) => (
        <tr key={`${one.run} ${one.step}`} data-row>
          <td>
            <Status word={one.state} />
            {one.attempt > 1 && <div className="small muted nowrap">attempt {one.attempt}</div>}
          </td>
          <StepCell {...one} />
          <td>{one.driver === 'local' ? 'this machine' : one.driver}</td>
          <td>{one.pool !== null && <Link to="/pools">{one.pool}</Link>}</td>
          <td className="num">{one.priority}</td>
          <Share taken={one.cpus} total={machine?.cpus.total} text={count(one.cpus)} />
          <Share taken={one.memory_bytes} total={machine?.memory_bytes.total} text={bytes(one.memory_bytes)} />
          <TimeCell at={one.since} />
        </tr>
      ))}
    </DataTable>
  )
}

/** What it takes of the machine of the server, and which part of all that is; nothing where it runs elsewhere. */
function Share({ taken, total, text }: { taken: number; total: number | undefined; text: string }) {
  if (taken === 0) return <td className="num">{NONE}</td>
  return (
    <td className="num">
      {text}
      {total !== undefined && total > 0 && <div className="small muted">{percent(taken / total, 0)}</div>}
    </td>
  )
}
