/** A pipeline run: what is it doing, why did a step run or not? */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import type { pipelinesApi } from '../../../src/contract/pipelines.ts'
import { call } from '../../data/api.ts'
import { Graph } from '../../charts/graph.tsx'
import { duration, figure, fullSentence, money } from '../../../src/contract/text/format.ts'
import { Confirm } from '../../parts/form/confirm.tsx'
import { OnePage } from '../../parts/page/one-page.tsx'
import { Facts, Figures, Panel } from '../../parts/page/page.tsx'
import { ReproductionPanel } from '../../parts/pipeline-run/reproduction.tsx'
import { FilterablePanel } from '../../parts/table/filterable-panel.tsx'
import { Status } from '../../parts/page/status.tsx'
import { SourcesPanel } from '../../parts/pipeline-run/sources.tsx'
import { RunWithParams } from '../../parts/pipeline-run/start.tsx'
import { TimelinePanel } from '../../parts/pipeline-run/timeline.tsx'
import { StepPanels } from '../../parts/pipeline-run/step.tsx'
import { useNow, RelativeTime } from '../../parts/page/relative-time.tsx'
import * as read from '../../data/queries.ts'
import type { PipelineRun, Step } from '../../data/queries.ts'
import { endedOf } from '../../data/pipelines/items.ts'
import { chosenStep, criticalEdges } from '../../data/pipelines/run-graph.ts'
import { DataTable } from '../../parts/table/data-table.tsx'

export function PipelineRunPage() {
  const { id } = useParams({ from: '/pipelines/$id' })
  return (
    <OnePage
      title="Pipeline run"
      crumbs={<Link to="/pipelines">Pipelines</Link>}
      query={useQuery(read.pipelineRun(id))}
      head={headOf}
    >
      {(run) => <Body run={run} />}
    </OnePage>
  )
}

function headOf(run: PipelineRun) {
  return {
    title: `${run.project} run ${run.id.slice(-6)}`,
    lead: <Lead run={run} />,
    beside: <Status word={run.outcome ?? run.state} />,
    actions: <Actions run={run} />,
  }
}

function Lead({ run }: { run: PipelineRun }) {
  return (
    <>
      {fullSentence(run.message)} Started <RelativeTime at={run.started_at ?? run.created_at} /> by {run.created_by} (
      {run.trigger}
      ).
      {run.registered !== null && (
        <>
          {' '}
          <Link
            to="/models/$name/versions/$version"
            params={{ name: run.registered.model, version: run.registered.version }}
          >
            {run.registered.model} version {run.registered.version}
          </Link>{' '}
          {run.registered.verdict}: {run.registered.detail}
        </>
      )}
      {(run.not_granted ?? []).map((one) => (
        <Status key={one} word="kept" tone="warn" label={`Not taken over: ${one}`} />
      ))}
    </>
  )
}

const WRITE = { verb: 'write', resource: 'pipelines' } as const

function Actions({ run }: { run: PipelineRun }) {
  if (run.finished_at === null) {
    return (
      <Confirm
        label="Cancel the run"
        needs={WRITE}
        tone="danger"
        preview={<p>Running steps are asked to stop, then killed. Results of finished steps stay in the cache.</p>}
        act={() =>
          call<typeof pipelinesApi.cancelPipelineRun>('POST', '/v1/pipeline-runs/:id/cancel', {
            params: { id: run.id },
          })
        }
      />
    )
  }
  return (
    <>
      <Link to="/pipelines/$id/report" params={{ id: run.id }} className="button">
        What it changed
      </Link>
      <RunWithParams run={run} />
      <RunAgain run={run} />
    </>
  )
}

function RunAgain({ run }: { run: PipelineRun }) {
  const navigate = useNavigate()
  return (
    <Confirm
      label="Run again"
      needs={WRITE}
      preview={
        <p>
          Starts a new run of the same code and params.{' '}
          {run.state === 'succeeded'
            ? 'Steps for which nothing changed come from the cache.'
            : 'It takes over the steps that succeeded; only the others run.'}
        </p>
      }
      act={async () => {
        const next = await call<typeof pipelinesApi.retryPipelineRun>('POST', '/v1/pipeline-runs/:id/retry', {
          params: { id: run.id },
        })
        await navigate({ to: '/pipelines/$id', params: { id: next.id } })
      }}
    />
  )
}

function Body({ run }: { run: PipelineRun }) {
  const search = useSearch({ from: '/pipelines/$id' })
  const navigate = useNavigate({ from: '/pipelines/$id' })
  const chosen = chosenStep(run.steps, search.step)
  const step = run.steps.find((one) => one.name === chosen)
  const now = useNow()
  const spent = useQuery(read.cost('run')).data?.items.find((item) => item.key === run.id)?.micro_dollars
  return (
    <>
      <Panel title="Steps" note="select one for its log and why it ran; the bold path determined the duration">
        <Figures
          items={[
            [
              'Duration',
              duration(run.duration_ms ?? sinceStart(run, now)),
              run.finished_at === null ? 'so far' : 'total',
            ],
            ['Critical path', duration(run.critical_path_ms), run.critical_path.join(' → ')],
            ['CPU time', duration(run.cpu_seconds * 1000)],
            ...(run.limit === undefined
              ? []
              : [['Time left', duration(run.limit.left_ms), `of ${duration(run.limit.limit_ms)}`] as const]),
            ...(spent === undefined ? [] : [['Cost', money(spent)] as const]),
          ]}
        />
        <Graph
          label="Steps of the run"
          nodes={run.steps.map((one) => ({
            id: one.name,
            name: one.name,
            detail: detailOf(one),
            state: one.state,
            href: `?step=${one.name}`,
          }))}
          edges={criticalEdges(run.steps, run.critical_path)}
          chosen={chosen}
          onFollow={(href) =>
            void navigate({ params: { id: run.id }, search: { step: href.slice('?step='.length) }, resetScroll: false })
          }
        />
      </Panel>
      <TimelinePanel run={run} />
      <Troubles steps={run.steps} />
      {run.set !== undefined && <Params set={run.set} />}
      {run.sources !== undefined && <SourcesPanel sources={run.sources} />}
      {step !== undefined && <StepPanels run={run.id} step={step} />}
      {run.reproduction !== null && <ReproductionPanel reproduction={run.reproduction} />}
      <MetricTable steps={run.steps} />
    </>
  )
}

/** Params of the pipeline, as this run has them. */
function Params({ set }: { set: NonNullable<PipelineRun['set']> }) {
  return (
    <Panel title="Params" note="of the whole pipeline">
      <Facts
        items={Object.entries(set).map(([name, value]) => [name, <code key={name}>{JSON.stringify(value)}</code>])}
      />
    </Panel>
  )
}

/** What clusters could not be asked or told of attempts of the run. */
function Troubles({ steps }: { steps: readonly Step[] }) {
  const told = steps.flatMap(({ name, attempts }) =>
    attempts.flatMap(({ id, trouble }) => (trouble === undefined ? [] : [{ id, text: `Step ${name}: ${trouble}` }])),
  )
  return told.map(({ id, text }) => (
    <p key={id} className="notice break" role="status">
      {fullSentence(text)}
    </p>
  ))
}

function sinceStart(run: PipelineRun, now: number): number | null {
  return run.started_at === null ? null : Math.max(0, now - Date.parse(run.started_at))
}

function detailOf(step: Step): string {
  const last = step.attempts.at(-1)
  const tries = step.attempts.length > 1 ? `, attempt ${step.attempts.length}` : ''
  if (step.items !== undefined && step.state === 'running') return `${endedOf(step.items)} of ${step.items.count} items`
  if (step.state === 'running' && last?.silent) return `no heartbeat${tries}`
  return step.duration_ms === null || step.state === 'cached'
    ? `${step.state}${tries}`
    : `${step.state}, ${duration(step.duration_ms)}${tries}`
}

function MetricTable({ steps }: { steps: readonly Step[] }) {
  const rows = steps.flatMap((step) =>
    Object.entries(step.metrics).map(([key, value]) => ({ step: step.name, key, value })),
  )
  return (
    <FilterablePanel title="Metrics of the steps" items={rows} textOf={({ step, key }) => `${step} ${key}`} flush>
      {(found) =>
        found.length === 0 ? (
          <p className="empty">No step has logged metrics.</p>
        ) : (
          <DataTable headings={['Step', 'Metric', ['Value', 'num']]}>
            {found.map(({ step, key, value }) => (
              <tr key={`${step} ${key}`}>
                <td>{step}</td>
                <td className="key">{key}</td>
                <td className="num" title={String(value)}>
                  {figure(value)}
                </td>
              </tr>
            ))}
          </DataTable>
        )
      }
    </FilterablePanel>
  )
}
