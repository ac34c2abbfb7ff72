/** A study: how good is the best so far, which params matter, and what became of each trial? */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { studiesApi } from '../../../src/contract/pipelines/studies.ts'
import { LineChart } from '../../charts/line-chart.tsx'
import { Parallel } from '../../charts/parallel.tsx'
import { call } from '../../data/api.ts'
import { figure, fullSentence, percent } from '../../../src/contract/text/format.ts'
import { bestSoFar, choicesSaid, parallelOf } from '../../data/pipelines/study-figures.ts'
import * as read from '../../data/queries.ts'
import type { Study } from '../../data/queries.ts'
import { Confirm } from '../../parts/form/confirm.tsx'
import { OnePage } from '../../parts/page/one-page.tsx'
import { Facts, Figures, Panel } from '../../parts/page/page.tsx'
import { PipelineRunLink } from '../../parts/page/pipeline-run-link.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import { Status } from '../../parts/page/status.tsx'
import { DataTable } from '../../parts/table/data-table.tsx'
import { FilterablePanel } from '../../parts/table/filterable-panel.tsx'

export function StudyPage() {
  const { id } = useParams({ from: '/studies/$id' })
  return (
    <OnePage
      title="Study"
      crumbs={<Link to="/studies">Searches</Link>}
      query={useQuery(read.study(id))}
      head={(study) => ({
        title: `${study.project} study ${study.id.slice(-6)}`,
        lead: <Lead study={study} />,
        beside: <Status word={study.state} />,
        actions: <Actions study={study} />,
      })}
    >
      {(study) => <Body study={study} />}
    </OnePage>
  )
}

function Lead({ study }: { study: Study }) {
  const { objective, direction, method } = study.plan
  return (
    <>
      {study.reason === '' ? '' : `${fullSentence(study.reason)} `}
      {direction === 'maximize' ? 'Maximizes' : 'Minimizes'} {objective.metric} of step {objective.step} by {method}.
      Started <RelativeTime at={study.created_at} /> by {study.created_by}.
    </>
  )
}

const WRITE = { verb: 'write', resource: 'pipelines' } as const

function Actions({ study }: { study: Study }) {
  const params = { id: study.id }
  if (study.finished_at === null)
    return (
      <Confirm
        label="Stop the search"
        needs={WRITE}
        tone="danger"
        preview={<p>No trial begins any more, and those under way are cancelled. It can be resumed.</p>}
        act={() => call<typeof studiesApi.stopStudy>('POST', '/v1/studies/:id/stop', { params })}
      />
    )
  return (
    <Confirm
      label="Resume the search"
      needs={WRITE}
      preview={<p>Trials that failed or were cancelled run again with the same params, and then what is left.</p>}
      act={() => call<typeof studiesApi.resumeStudy>('POST', '/v1/studies/:id/resume', { params, body: {} })}
    />
  )
}

function Body({ study }: { study: Study }) {
  const { best, counts, plan } = study
  const drawn = bestSoFar(study)
  const objective = plan.objective.metric
  return (
    <>
      {study.trouble !== null && (
        <p className="notice break" role="status">
          It cannot be moved on now, and is tried again. {fullSentence(study.trouble)}
        </p>
      )}
      <Panel title="Best so far" note={`of ${objective}, over trials that went to their end`}>
        <Figures
          items={[
            best === null ? ['Best', 'none yet'] : ['Best', figure(best.value), `trial ${best.number}`],
            ['Trials', study.trials.length - counts.running - counts.waiting, `of ${plan.trials}`],
            ['Under way', counts.running + counts.waiting, `at most ${plan.at_once}`],
            ['Pruned', counts.pruned],
            ['Failed', counts.failed],
          ]}
        />
        {drawn.x.length > 1 && (
          <LineChart
            label={`${objective} of each trial, and the best so far`}
            x={drawn.x}
            xLabel="trial"
            lines={[
              { label: objective, colour: 'var(--c3)', values: drawn.values, pale: true },
              { label: 'best so far', colour: 'var(--c1)', values: drawn.best },
            ]}
          />
        )}
      </Panel>
      {best !== null && <Best study={study} />}
      <Relations study={study} />
      <Trials study={study} />
    </>
  )
}

/** The best params, how far they may be luck, and how they did when they ran once more. */
function Best({ study: { best, winner, chance } }: { study: Study }) {
  if (best === null) return null
  return (
    <Panel title="The best params">
      <Facts
        items={[
          ...Object.entries(best.params).map(
            ([name, value]) => [name, <code key={name}>{JSON.stringify(value)}</code>] as const,
          ),
          ...(winner === null
            ? []
            : ([
                [
                  winner.on_holdout ? 'On the hold-out' : 'Run once more',
                  <Link key="winner" to="/pipelines/$id" params={{ id: winner.run }}>
                    {winner.value === null ? winner.state : figure(winner.value)}
                  </Link>,
                ],
                ...(winner.verdict === null ? [] : [['Gates', winner.verdict] as const]),
              ] as const)),
          ...(chance === null ? [] : [['Chosen of many', fullSentence(chance.detail)] as const]),
        ]}
      />
    </Panel>
  )
}

function Relations({ study }: { study: Study }) {
  const { axes, lines } = parallelOf(study)
  if (lines.length < 2) return null
  const choices = choicesSaid(study)
  return (
    <>
      {study.importance !== null && (
        <Panel
          title="Which params matter"
          note="share of the variance that each explains by itself, over the whole space"
        >
          <DataTable headings={['Param', ['Share', 'num'], ['As a bar', 'sr']]}>
            {study.importance.map(({ param, share }) => (
              <tr key={param}>
                <td>{param}</td>
                <td className="num">{percent(share)}</td>
                <td style={{ width: '60%' }} aria-label={`${percent(share)} as a bar`}>
                  <div style={{ width: `${100 * share}%`, minWidth: 1, height: 10, background: 'var(--c1)' }} />
                </td>
              </tr>
            ))}
          </DataTable>
        </Panel>
      )}
      <Panel title="Parallel axes" note="a line for each trial; the better, the stronger">
        <Parallel
          axes={axes}
          lines={lines.map(({ number, share, values }) => ({
            label: `trial ${number}`,
            colour: `color-mix(in srgb, var(--c1) ${Math.round(100 - 80 * share)}%, var(--line-strong))`,
            values,
          }))}
        />
        {choices.length > 0 && <p className="note">{choices.join('; ')}</p>}
      </Panel>
    </>
  )
}

function Trials({ study: { trials, plan } }: { study: Study }) {
  const names = Object.keys(plan.space)
  return (
    <FilterablePanel
      title="Trials"
      note="the newest first"
      items={trials.toReversed()}
      textOf={({ number, state, message, params }) => `${number} ${state} ${message} ${JSON.stringify(params)}`}
      flush
    >
      {(found) => (
        <DataTable headings={[['Trial', 'num'], 'State', [plan.objective.metric, 'num'], ...names, 'Why', 'Run']}>
          {found.map((trial) => (
            <tr key={trial.number} data-row>
              <td className="num">{trial.number}</td>
              <td>
                <Status word={trial.state} />
              </td>
              <td className="num">{trial.value === null ? '' : figure(trial.value)}</td>
              {names.map((name) => (
                <td key={name}>{shown(trial.params[name])}</td>
              ))}
              <td className="break">{trial.message}</td>
              <td>{trial.run !== null && <PipelineRunLink id={trial.run} of={`trial ${trial.number}`} />}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </FilterablePanel>
  )
}

function shown(value: unknown): string {
  return typeof value === 'number' ? figure(value) : String(value)
}
