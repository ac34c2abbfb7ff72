/** The report of a change: did the model get better? The same document that a pull request is told. */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams, useSearch } from '@tanstack/react-router'
import type { Baseline, ChangeReport } from '../../../src/contract/changes/report.ts'
import { fullSentence } from '../../../src/contract/text/format.ts'
import { VERDICTS } from '../../data/models/changes.ts'
import * as read from '../../data/queries.ts'
import { ChangeCalibration, ChangeCosts } from '../../parts/change/change-costs.tsx'
import { ChangedData, ChangedPackages, ChangeSteps } from '../../parts/change/change-causes.tsx'
import { ChangeGates, ChangeMetrics, WorseSlices } from '../../parts/change/change-gates.tsx'
import { Command } from '../../parts/page/command.tsx'
import { OnePage } from '../../parts/page/one-page.tsx'
import { Facts, Panel } from '../../parts/page/page.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import { Status } from '../../parts/page/status.tsx'

export function ReportPage() {
  const { id } = useParams({ from: '/pipelines/$id/report' })
  const { base } = useSearch({ from: '/pipelines/$id/report' })
  return (
    <OnePage
      title="Report of a change"
      crumbs={
        <>
          <Link to="/pipelines">Pipelines</Link> /{' '}
          <Link to="/pipelines/$id" params={{ id }}>
            run {id.slice(-6)}
          </Link>
        </>
      }
      query={useQuery(read.changeReport(id, base))}
      what="The report of this run"
      head={(report) => ({
        title: `${report.model?.name ?? report.project}: report of a change`,
        beside: <Verdict report={report} />,
        lead: fullSentence(report.reason),
      })}
    >
      {(report) => <Body report={report} />}
    </OnePage>
  )
}

function Verdict({ report: { verdict } }: { report: ChangeReport }) {
  const [word, tone] = VERDICTS[verdict]
  return <Status word={word} tone={tone} />
}

function Body({ report }: { report: ChangeReport }) {
  return (
    <>
      <ChangeGates report={report} />
      <WorseSlices report={report} />
      <div className="two">
        <div className="stack">
          <Compared report={report} />
          <ChangeCosts report={report} />
        </div>
        <div className="stack">
          <ChangeCalibration calibration={report.calibration} />
          <ChangedPackages report={report} />
        </div>
      </div>
      <ChangeMetrics report={report} />
      {report.data.map((one) => (
        <ChangedData key={one.name} data={one} />
      ))}
      <ChangeSteps steps={report.steps} />
      {report.reproduce !== null && (
        <Panel title="Make it again" note="from raw data">
          <Command text={report.reproduce} />
        </Panel>
      )}
    </>
  )
}

function Compared({ report }: { report: ChangeReport }) {
  const { model, run, baselines } = report
  return (
    <Panel title="What is compared">
      <Facts
        items={[
          ['This change', <Candidate key="c" model={model} />],
          ['Commit', <Commit key="k" run={run} />],
          ['Run', <RelativeTime key="r" at={run.created_at} />],
          ['Production', <Against key="p" model={model} baseline={baselines.production} />],
          ['Merge base', <Against key="m" model={model} baseline={baselines.merge_base} />],
        ]}
      />
    </Panel>
  )
}

function Candidate({ model }: { model: ChangeReport['model'] }) {
  if (model === null) return <>no version was made</>
  return (
    <Link to="/models/$name/versions/$version" params={{ name: model.name, version: model.version }}>
      {model.name} version {model.version}
    </Link>
  )
}

function Commit({ run: { commit, clean } }: { run: ChangeReport['run'] }) {
  if (commit === null) return <>none: the run was made of a folder without git</>
  return (
    <span>
      <code title={commit}>{commit.slice(0, 12)}</code>
      {!clean && ', and its folder differed from it'}
    </span>
  )
}

function Against({ model, baseline }: { model: ChangeReport['model']; baseline: Baseline }) {
  const { version, commit, note } = baseline
  if (version === null || model === null) return <>none: {note}</>
  return (
    <span className="row">
      <Link to="/models/$name/versions/$version" params={{ name: model.name, version }}>
        version {version}
      </Link>{' '}
      {commit !== null && (
        <span>
          of <code title={commit}>{commit.slice(0, 12)}</code>
        </span>
      )}
      {note !== '' && <span>{note}</span>}
    </span>
  )
}
