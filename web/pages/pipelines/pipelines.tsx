/** Pipelines: what runs and ran, newest first. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { duration } from '../../data/format.ts'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { Status } from '../../parts/page/status.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import * as read from '../../data/queries.ts'
import type { PipelineRow } from '../../data/queries.ts'
import { toneOf } from '../../data/tones.ts'
import { DataTable } from '../../parts/table/data-table.tsx'

export function PipelinesPage() {
  const runs = useQuery(read.pipelineRuns())
  return (
    <Page title="Pipelines" lead="Every run of every pipeline: what it did, and why it ended that way.">
      <Panel title="Runs" note="the newest first" flush>
        <Loaded query={runs} what="The pipeline runs" height={300}>
          {({ items }) => <List items={items} />}
        </Loaded>
      </Panel>
    </Page>
  )
}

function List({ items }: { items: readonly PipelineRow[] }) {
  if (items.length === 0) {
    return (
      <Empty title="No pipeline runs yet" commands={['slipway init my-project', 'cd my-project && slipway run']}>
        A pipeline runs the steps of slipway.yaml: plain Python in a locked environment, cached so that no step runs
        twice for the same inputs.
      </Empty>
    )
  }
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
          <td className="num">
            <RelativeTime at={run.started_at ?? run.created_at} />
          </td>
        </tr>
      ))}
    </DataTable>
  )
}

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
            background: state === 'cached' ? 'transparent' : 'currentColor',
            border: '1.5px solid currentColor',
          }}
        />
      ))}
    </span>
  )
}
