/** A run: what happened here? */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { imageSeries } from '../../data/runs/artifacts.ts'
import { searchOfSettings, settingsOf } from '../../data/runs/chart-settings.ts'
import { duration } from '../../../src/contract/text/format.ts'
import { send } from '../../data/mlflow.ts'
import { ArtifactBrowser } from '../../parts/run/artifact-browser.tsx'
import { Media } from '../../parts/run/media.tsx'
import { OnePage } from '../../parts/page/one-page.tsx'
import { Facts, Panel } from '../../parts/page/page.tsx'
import { RunActions, WRITE_RUNS } from '../../parts/run/run-actions.tsx'
import { RunCharts } from '../../parts/run/run-charts.tsx'
import { Status } from '../../parts/page/status.tsx'
import { NestedRuns, PARENT } from '../../parts/run/nested-runs.tsx'
import { RunNote } from '../../parts/run/run-note.tsx'
import { RunRecord } from '../../parts/run/run-record.tsx'
import { useContents, VersionLinks } from '../../parts/data/version-link.tsx'
import { MetricsPanel, ParamsPanel } from '../../parts/run/run-values.tsx'
import { PipelineStepPanel } from '../../parts/run/pipeline-step.tsx'
import { TagsPanel } from '../../parts/form/tags.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import { RunLink } from '../../parts/page/run-link.tsx'
import * as read from '../../data/queries.ts'
import type { Run } from '../../data/queries.ts'
import type { RunSearch } from '../../data/address.ts'

export function RunPage() {
  const { id } = useParams({ from: '/runs/$id' })
  return (
    <OnePage title="Run" crumbs={<Link to="/runs">Runs</Link>} query={useQuery(read.run(id))} head={headOf}>
      {(run) => <Body run={run} />}
    </OnePage>
  )
}

function headOf(run: Run) {
  return {
    title: run.name || run.id,
    lead: <Story run={run} />,
    beside: <State run={run} />,
    actions: <RunActions run={run} />,
  }
}

function State({ run }: { run: Run }) {
  return (
    <>
      <Status word={run.status} />
      {run.stage === 'deleted' && <Status word="deleted" tone="idle" label="in the bin" />}
    </>
  )
}

function Story({ run }: { run: Run }) {
  const experiments = useQuery(read.experiments)
  const experiment = experiments.data?.items.find((one) => one.id === run.experiment_id)
  const parent = run.tags[PARENT]
  const took = run.ended_at === null ? null : Date.parse(run.ended_at) - Date.parse(run.started_at)
  return (
    <>
      Started <RelativeTime at={run.started_at} /> by {run.user || 'unknown'}
      {took === null ? (
        <>
          , last heartbeat <RelativeTime at={run.alive_at} />
        </>
      ) : (
        `, took ${duration(took)}`
      )}
      , in{' '}
      <Link to="/runs" search={{ experiment: run.experiment_id }}>
        {experiment?.name ?? `experiment ${run.experiment_id}`}
      </Link>
      {parent !== undefined && (
        <>
          , inside <RunLink id={parent} />
        </>
      )}
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
  const charted = useMemo(() => curvesFirst(run.metrics), [run.metrics])
  const address = (path: string): string =>
    `/get-artifact?run_id=${encodeURIComponent(run.id)}&path=${encodeURIComponent(path)}`
  return (
    <>
      <RunNote run={run} />
      <RunCharts
        {...settingsOf(search)}
        runs={runs}
        metrics={charted}
        onChange={(settings) =>
          set(({ file }) => ({ ...(file !== undefined && { file }), ...searchOfSettings(settings) }))
        }
      />
      <div className="two">
        <MetricsPanel metrics={run.metrics} />
        <div className="stack">
          <ParamsPanel params={run.params} />
          <Panel title="Inputs and models">
            <Inputs run={run} />
          </Panel>
        </div>
      </div>
      <NestedRuns run={run} />
      <RunRecord tags={run.tags} />
      <PipelineStepPanel run={run} />
      <Media series={series} address={address} />
      <ArtifactBrowser
        files={run.artifacts}
        address={address}
        chosen={search.file}
        onChoose={(file) => set((before) => ({ ...before, file }))}
      />
      <TagsPanel
        tags={Object.entries(run.tags).filter(([key]) => !SHOWN_ELSEWHERE.test(key))}
        needs={WRITE_RUNS}
        set={(key, value) =>
          value === null
            ? send('runs/delete-tag', { run_id: run.id, key })
            : send('runs/set-tag', { run_id: run.id, key, value })
        }
      />
    </>
  )
}

const SHOWN_ELSEWHERE = /^mlflow\.(?:log-model|note\.content$|runName$|parentRunId$)|^slipway\.record\./

/** Metrics that have steps before those that are one number, what the machine measured last. */
function curvesFirst(metrics: Run['metrics']): string[] {
  return metrics.toSorted((a, b) => rank(a) - rank(b)).map((metric) => metric.key)
}

function rank({ key, step }: Run['metrics'][number]): number {
  return (key.startsWith('system/') ? 2 : 0) + (step === 0 ? 1 : 0)
}

function Inputs({ run }: { run: Run }) {
  const contents = useContents(run.datasets.map(({ digest }) => digest))
  const items = [
    ...run.datasets.map(
      (one) =>
        [
          `Dataset ${one.name}`,
          <span key={`${one.name} ${one.digest}`}>
            {one.context ?? 'data'}, digest <code>{one.digest}</code>
            {sourceOf(one.source) !== '' && (
              <>
                , from <code>{sourceOf(one.source)}</code>
              </>
            )}
            <VersionLinks found={contents.get(one.digest)} />
          </span>,
        ] as const,
    ),
    ...run.models_read.map((id) => ['Input model', id] as const),
    ...run.models_made.map((one) => ['Output model', `${one.model_id} at step ${one.step}`] as const),
    ...Object.entries(run.tags)
      .filter(([key]) => key === 'mlflow.source.git.commit' || key === 'mlflow.source.name')
      .map(
        ([key, value]) => [key === 'mlflow.source.name' ? 'Code' : 'Commit', <code key={key}>{value}</code>] as const,
      ),
  ]
  return items.length === 0 ? (
    <p className="muted">No dataset, model or source code was logged.</p>
  ) : (
    <Facts items={items} />
  )
}

/** The place that a client's description of a source names; empty where it names none. */
function sourceOf(source: string): string {
  try {
    const { uri, url, path } = JSON.parse(source) as Record<string, unknown>
    return [uri, url, path].find((place) => typeof place === 'string') ?? ''
  } catch {
    return source
  }
}
