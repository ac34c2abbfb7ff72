/** Experiments: what runs are kept under; made, renamed, put into the bin and taken back. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import type { trackingApi } from '../../../src/contract/tracking.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { send } from '../../data/mlflow.ts'
import { Confirm } from '../../parts/form/confirm.tsx'
import { Edit } from '../../parts/form/edit-text.tsx'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { Page } from '../../parts/page/page.tsx'
import { WRITE_RUNS } from '../../parts/run/run-actions.tsx'
import { StageSelect } from '../../parts/runs/run-view.tsx'
import { FilterablePanel } from '../../parts/table/filterable-panel.tsx'
import { TimeCell } from '../../parts/table/time-cell.tsx'
import * as read from '../../data/queries.ts'
import { ActionsCell } from '../../parts/table/actions-cell.tsx'
import { DataTable } from '../../parts/table/data-table.tsx'

type Experiment = Reply<typeof trackingApi.listExperiments>['items'][number]

/** The one that takes runs that name none; it cannot be deleted. */
const DEFAULT = '0'

export function ExperimentsPage() {
  const { stage } = useSearch({ from: '/experiments' })
  const navigate = useNavigate({ from: '/experiments' })
  const experiments = useQuery(read.experimentsOf(stage))
  return (
    <Page
      title="Experiments"
      crumbs={<Link to="/runs">Runs</Link>}
      lead="Each groups the runs of one question."
      actions={
        <>
          <StageSelect
            of="experiments"
            value={stage}
            onChange={(next) => void navigate({ search: next === undefined ? {} : { stage: next } })}
          />
          <Edit
            label="New experiment"
            value=""
            needs={WRITE_RUNS}
            save={(name) => send('experiments/create', { name })}
          />
        </>
      }
    >
      <Loaded query={experiments} what="The experiments" height={240}>
        {({ items }) => <List items={items} deleted={stage === 'deleted'} />}
      </Loaded>
    </Page>
  )
}

function List({ items, deleted }: { items: readonly Experiment[]; deleted: boolean }) {
  return (
    <FilterablePanel
      title={deleted ? 'Deleted experiments' : 'Experiments'}
      items={items}
      textOf={(one) => one.name}
      flush
    >
      {(found) =>
        found.length === 0 ? (
          <Empty title="No deleted experiments">
            Deleted experiments stay in the bin until retention removes them.
          </Empty>
        ) : (
          <DataTable
            headings={['Experiment', 'Id', 'Project', ['Updated', 'num'], ['Created', 'num'], ['Actions', 'sr']]}
          >
            {found.map((one) => (
              <Row key={one.id} experiment={one} />
            ))}
          </DataTable>
        )
      }
    </FilterablePanel>
  )
}

function Row({ experiment }: { experiment: Experiment }) {
  const { id, name, project, created_at: made, updated_at: changed } = experiment
  return (
    <tr data-row>
      <td className="key">
        <Link to="/runs" search={{ experiment: id }} className="strong">
          {name}
        </Link>
      </td>
      <td>
        <code>{id}</code>
      </td>
      <td>{project}</td>
      <TimeCell at={changed} />
      <TimeCell at={made} />
      <ActionsCell>
        <Acts experiment={experiment} />
      </ActionsCell>
    </tr>
  )
}

function Acts({ experiment: { id, name, stage } }: { experiment: Experiment }) {
  if (stage === 'deleted') {
    return (
      <Confirm
        label="Restore"
        needs={WRITE_RUNS}
        preview={<p>{name} is restored with its runs.</p>}
        act={() => send('experiments/restore', { experiment_id: id })}
      />
    )
  }
  return (
    <>
      <Edit
        label="Rename"
        value={name}
        needs={WRITE_RUNS}
        save={(text) => send('experiments/update', { experiment_id: id, new_name: text })}
      />
      {id !== DEFAULT && (
        <Confirm
          label="Delete"
          tone="danger"
          needs={WRITE_RUNS}
          preview={<p>{name} moves to the bin with its runs. It can be restored until retention removes it.</p>}
          act={() => send('experiments/delete', { experiment_id: id })}
        />
      )}
    </>
  )
}
