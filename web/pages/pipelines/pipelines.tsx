/** Pipelines: what runs and ran, newest first. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { duration } from '../../../src/contract/text/format.ts'
import { Empty } from '../../parts/page/placeholders.tsx'
import { ListPage } from '../../parts/page/list-page.tsx'
import { Status } from '../../parts/page/status.tsx'
import { StepQueuePanel } from '../../parts/pipeline-run/step-queue.tsx'
import { TimeCell } from '../../parts/table/time-cell.tsx'
import * as read from '../../data/queries.ts'
import type { PipelineRow } from '../../data/queries.ts'
import { toneOf } from '../../data/tones.ts'
import { DataTable } from '../../parts/table/data-table.tsx'

export function PipelinesPage() {
  return (
    <ListPage
      title="Pipelines"
      lead="Every run of every pipeline: what it did, and why it ended that way."
      panel="Runs"
      note="the newest first"
      query={useQuery(read.pipelineRuns())}
      what="The pipeline runs"
      height={300}
      above={<StepQueuePanel />}
      empty={
        <Empty title="No pipeline runs yet" commands={['slipway init my-project', 'cd my-project && slipway run']}>
          A pipeline runs the steps of slipway.yaml: plain Python in a locked environment, cached so that no step runs
          twice for the same inputs.
        </Empty>
      }
    >
      {(items) => <List items={items} />}
    </ListPage>
  )
}

function List({ items }: { items: readonly PipelineRow[] }) {
  return (
    <DataTable headings={['State', 'Run', 'Steps', 'Result', 'Trigger', ['Duration', 'num'], ['Started', 'num']]}>
      {items.map((run) => (
        <tr key={run.id} data-row>
          <td>
            <Status word={run.outcome ?? run.state} />
          </td>
          <td>
            <Link to="/pipelines/$id" params={{ id: run.id }} className="strong">
              {run.project}
            </Link>{' '}
            <code>{run.id.slice(-6)}</code>
          </td>
          <td>
            <Steps steps={run.steps} />
          </td>
          <td className="break" style={{ minWidth: 200 }}>
            {run.message}
            {run.registered !== null && (
              <div>
                <Link
                  to="/models/$name/versions/$version"
                  params={{ name: run.registered.model, version: run.registered.version }}
                >
                  {run.registered.model} version {run.registered.version}, {run.registered.verdict}
                </Link>
              </div>
            )}
          </td>
          <td className="key">
            {run.trigger} · {run.created_by}
          </td>
          <td className="num">{duration(run.duration_ms)}</td>
          <TimeCell at={run.started_at ?? run.created_at} />
        </tr>
      ))}
    </DataTable>
  )
}

const DID_NOT_RUN = new Set(['cached', 'skipped', 'cancelled', 'waiting', 'ready'])

/** A mark for each step in its tone; names and states in the text of the whole. */
function Steps({ steps }: { steps: Readonly<Record<string, string>> }) {
  const said = Object.entries(steps)
    .map(([name, state]) => `${name} ${state}`)
    .join(', ')
  return (
    <span role="img" aria-label={said} title={said} style={{ display: 'flex', gap: 3, paddingTop: 4 }}>
      {Object.entries(steps).map(([name, state]) => (
        <span
          key={name}
          className={`tone-${toneOf(state)}`}
          style={{
            width: 14,
            height: 10,
            borderRadius: 2,
            // what did not run is hollow
            background: DID_NOT_RUN.has(state) ? 'transparent' : 'currentColor',
            border: '1.5px solid currentColor',
          }}
        />
      ))}
    </span>
  )
}
