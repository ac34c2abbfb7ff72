/** The matrix of a pipeline: groups of partitions by steps, each of which opens into its partitions. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { failedIn, withMissing } from '../../data/pipelines/partition-states.ts'
import * as read from '../../data/pipelines/partition-queries.ts'
import type { PartitionGroup, PartitionMatrix, PartitionRow } from '../../data/pipelines/partition-queries.ts'
import { Loaded } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'
import { DataTable, type Heading } from '../table/data-table.tsx'
import { RunPartitions } from './run-partitions.tsx'
import { StateBar } from './state-bar.tsx'

/** Groups that are shown at first; older ones are asked for. */
const SHOWN = 24

export function Matrix({ matrix }: { matrix: PartitionMatrix }) {
  const [shown, setShown] = useState(SHOWN)
  const headings: Heading[] = ['Partitions', ['Count', 'num'], 'All', ...matrix.steps, ['Act', 'sr']]
  const left = matrix.groups.length - shown
  return (
    <>
      <DataTable headings={headings} label="Partitions by step">
        {matrix.groups.slice(0, shown).map((group) => (
          <Group key={group.name} matrix={matrix} group={group} />
        ))}
      </DataTable>
      {left > 0 && (
        <p className="empty">
          <button type="button" className="button" onClick={() => setShown(shown + 4 * SHOWN)}>
            Show older ({left} more)
          </button>
        </p>
      )}
    </>
  )
}

function Group({ matrix, group }: { matrix: PartitionMatrix; group: PartitionGroup }) {
  const [open, setOpen] = useState(false)
  const failed = failedIn(group.states)
  return (
    <>
      <tr data-row>
        <td className="key">
          <button type="button" className="button quiet" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? '▾' : '▸'} {group.name}
          </button>
        </td>
        <td className="num">{group.partitions}</td>
        <td>
          <StateBar counts={group.states} wide />
        </td>
        {matrix.steps.map((step) => (
          <td key={step}>
            <StateBar counts={withMissing(group.steps[step], group.partitions)} />
          </td>
        ))}
        <td className="num">
          {failed > 0 && (
            <RunPartitions
              label={`Run ${failed} again`}
              project={matrix.project}
              only="failed"
              range={{ from: group.from, to: group.to }}
              what={`the ${failed} partition${failed === 1 ? '' : 's'} of ${group.name} whose newest run failed or was cancelled`}
            />
          )}
        </td>
      </tr>
      {open && <Members matrix={matrix} group={group} />}
    </>
  )
}

function Members({ matrix, group }: { matrix: PartitionMatrix; group: PartitionGroup }) {
  const query = useQuery(read.partitionRows(matrix.project, group))
  if (query.data === undefined)
    return (
      <tr>
        <td colSpan={matrix.steps.length + 4}>
          <Loaded query={query} what="The partitions" height={80}>
            {() => null}
          </Loaded>
        </td>
      </tr>
    )
  return query.data.items.toReversed().map((row) => <Member key={row.key} steps={matrix.steps} row={row} />)
}

function Member({ steps, row }: { steps: readonly string[]; row: PartitionRow }) {
  return (
    <tr data-row>
      <td className="key" style={{ paddingLeft: 32, whiteSpace: 'nowrap' }}>
        {row.run === null ? (
          row.key
        ) : (
          <Link to="/pipelines/$id" params={{ id: row.run }}>
            {row.key}
          </Link>
        )}
      </td>
      <td>{''}</td>
      <td>
        <Status word={row.state} />
      </td>
      {steps.map((step) => {
        const state = row.steps[step]
        return <td key={step}>{state === undefined ? <span className="note">–</span> : <Status word={state} />}</td>
      })}
      <td>{''}</td>
    </tr>
  )
}
