/** A run: what happened here? */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { imageSeries } from '../artifacts.ts'
import { duration, figure } from '../format.ts'
import { ArtifactBrowser } from '../parts/artifact-browser.tsx'
import { Empty, Loaded } from '../parts/failure.tsx'
import { Media } from '../parts/media.tsx'
import { Facts, Page, Panel } from '../parts/page.tsx'
import { RunCharts } from '../parts/run-charts.tsx'
import { Status } from '../parts/status.tsx'
import { RunRecord } from '../parts/run-record.tsx'
import { StepOfRun } from '../parts/step-of-run.tsx'
import { When } from '../parts/when.tsx'
import * as read from '../queries.ts'
import type { Run } from '../queries.ts'
import type { RunSearch } from '../search.ts'

export function RunPage() {
  const { id } = useParams({ from: '/runs/$id' })
  const run = useQuery(read.run(id))
  const { data } = run
  return (
    <Page
      title={data === undefined ? 'Run' : data.name || data.id}
      crumbs={<Link to="/runs">Runs</Link>}
      {...(data && { lead: <Story run={data} />, beside: <Status word={data.status} /> })}
    >
      <Loaded query={run} what="The run" height={520}>
        {(one) => <Body run={one} />}
      </Loaded>
    </Page>
  )
}

function Story({ run }: { run: Run }) {
  const experiments = useQuery(read.experiments)
  const experiment = experiments.data?.items.find((one) => one.id === run.experiment_id)
  const took = run.ended_at === null ? null : Date.parse(run.ended_at) - Date.parse(run.started_at)
  return (
    <>
      Started <When at={run.started_at} /> by {run.user || 'unknown'}
      {took === null ? (
        <>
          , last sign of life <When at={run.alive_at} />
        </>
      ) : (
        `, took ${duration(took)}`
      )}
      , in{' '}
      <Link to="/runs" search={{ experiment: run.experiment_id }}>
        {experiment?.name ?? `experiment ${run.experiment_id}`}
      </Link>
      . <code>{run.id}</code>
    </>
  )
}

function Body({ run }: { run: Run }) {
  const search = useSearch({ from: '/runs/$id' })
  const navigate = useNavigate({ from: '/runs/$id' })
  const set = (change: (before: RunSearch) => RunSearch): void =>
    void navigate({ params: { id: run.id }, search: change, replace: true, resetScroll: false })
  const runs = useMemo(() => [{ id: run.id, label: run.name }], [run.id, run.name])
  const series = useMemo(() => imageSeries(run.artifacts), [run.artifacts])
  const address = (path: string): string =>
    `/get-artifact?run_id=${encodeURIComponent(run.id)}&path=${encodeURIComponent(path)}`
  return (
    <>
      <RunCharts
        runs={runs}
        metrics={run.metrics.map((metric) => metric.key)}
        smooth={search.smooth ?? 0}
        log={search.log ?? false}
        axis={search.axis ?? 'step'}
        onChange={({ smooth, log, axis }) =>
          set(({ file }) => ({
            ...(file !== undefined && { file }),
            ...(smooth > 0 && { smooth }),
            ...(log && { log }),
            ...(axis === 'time' && { axis }),
          }))
        }
      />
      <div className="two">
        <Panel title="Metrics" note="last values" flush>
          <Metrics run={run} />
        </Panel>
        <div className="stack">
          <Panel title="Params">
            {Object.keys(run.params).length === 0 ? (
              <p className="muted">None was logged.</p>
            ) : (
              <Facts items={Object.entries(run.params).map(([key, value]) => [key, <Long key={key} text={value} />])} />
            )}
          </Panel>
          <Panel title="Inputs and models">
            <Inputs run={run} />
          </Panel>
        </div>
      </div>
      <RunRecord tags={run.tags} />
      <StepOfRun run={run} />
      <Media series={series} address={address} />
      <ArtifactBrowser
        files={run.artifacts}
        address={address}
        chosen={search.file}
        onChoose={(file) => set((before) => ({ ...before, file }))}
      />
      <Panel title="Tags">
        <Facts
          items={Object.entries(run.tags)
            .filter(([key]) => !key.startsWith('mlflow.log-model') && !key.startsWith('slipway.record.'))
            .map(([key, value]) => [key, <Long key={key} text={value} />])}
        />
      </Panel>
    </>
  )
}

const SHORT = 120

/** A value whose rest is folded away where it is long. */
function Long({ text }: { text: string }) {
  if (text.length <= SHORT) return text
  return (
    <details>
      <summary>{text.slice(0, SHORT)}…</summary>
      {text}
    </details>
  )
}

function Metrics({ run }: { run: Run }) {
  if (run.metrics.length === 0) return <Empty title="No metric was logged" />
  return (
    <table>
      <thead>
        <tr>
          <th>Metric</th>
          <th className="num">Value</th>
          <th className="num">Step</th>
        </tr>
      </thead>
      <tbody>
        {run.metrics.map((metric) => (
          <tr key={metric.key}>
            <td className="break">{metric.key}</td>
            <td className="num">{figure(metric.value, 6)}</td>
            <td className="num">{metric.step}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Inputs({ run }: { run: Run }) {
  const items = [
    ...run.datasets.map((one) => [`Dataset ${one.name}`, `${one.context ?? 'data'}, digest ${one.digest}`] as const),
    ...run.models_read.map((id) => ['Read model', id] as const),
    ...run.models_made.map((one) => ['Made model', `${one.model_id} at step ${one.step}`] as const),
    ...Object.entries(run.tags)
      .filter(([key]) => key === 'mlflow.source.git.commit' || key === 'mlflow.source.name')
      .map(
        ([key, value]) => [key === 'mlflow.source.name' ? 'Code' : 'Commit', <code key={key}>{value}</code>] as const,
      ),
  ]
  return items.length === 0 ? <p className="muted">No dataset, model or code was named.</p> : <Facts items={items} />
}
