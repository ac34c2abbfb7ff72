/** Searches: every study over the params of a pipeline, newest first. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { figure } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import type { StudyRow } from '../../data/queries.ts'
import { ListPage } from '../../parts/page/list-page.tsx'
import { Empty } from '../../parts/page/placeholders.tsx'
import { Status } from '../../parts/page/status.tsx'
import { DataTable } from '../../parts/table/data-table.tsx'
import { TimeCell } from '../../parts/table/time-cell.tsx'

export function StudiesPage() {
  return (
    <ListPage
      title="Searches"
      lead="Every search over the params of a pipeline: what it looks for, and the best that it has found."
      panel="Studies"
      note="the newest first"
      query={useQuery(read.studies)}
      empty={
        <Empty title="No searches yet" commands={['slipway search my-project']}>
          A search tries params of pipeline.params, each trial a run of the pipeline, as the section “search” of
          slipway.yaml says.
        </Empty>
      }
    >
      {(items) => (
        <DataTable
          headings={['State', 'Study', 'Objective', ['Trials', 'num'], ['Best', 'num'], 'Why', ['Started', 'num']]}
        >
          {items.map((study) => (
            <Row key={study.id} study={study} />
          ))}
        </DataTable>
      )}
    </ListPage>
  )
}

function Row({ study }: { study: StudyRow }) {
  const { plan, counts } = study
  const ended = counts.succeeded + counts.pruned + counts.failed + counts.cancelled
  return (
    <tr data-row>
      <td>
        <Status word={study.state} />
      </td>
      <td>
        <Link to="/studies/$id" params={{ id: study.id }} className="strong">
          {study.project}
        </Link>{' '}
        <code>{study.id.slice(-6)}</code>
      </td>
      <td>
        {plan.direction} {plan.objective.step}.{plan.objective.metric}
      </td>
      <td className="num">
        {ended} of {plan.trials}
      </td>
      <td className="num">{study.best === null ? '' : figure(study.best.value)}</td>
      <td className="break">{study.reason}</td>
      <TimeCell at={study.created_at} />
    </tr>
  )
}
