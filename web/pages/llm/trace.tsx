/** A trace: what happened inside this request, how long did each part take, and what was said about it? */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { Waterfall } from '../../parts/trace/waterfall.tsx'
import { count, duration, plural } from '../../../src/contract/text/format.ts'
import { Assessments } from '../../parts/trace/assessments.tsx'
import { Empty } from '../../parts/page/placeholders.tsx'
import { OnePage } from '../../parts/page/one-page.tsx'
import { Facts, Panel } from '../../parts/page/page.tsx'
import { NewAssessment } from '../../parts/trace/new-assessment.tsx'
import { SpanDetail } from '../../parts/trace/span-detail.tsx'
import { Status } from '../../parts/page/status.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import { RunLink } from '../../parts/page/run-link.tsx'
import { traceDuration, parents, visibleSpans } from '../../data/traces/spans.ts'
import { trace as read } from '../../data/traces/queries.ts'
import type { Trace } from '../../data/traces/queries.ts'

export function TracePage() {
  const { id } = useParams({ from: '/traces/$id' })
  return (
    <OnePage title="Trace" crumbs={<Link to="/traces">Traces</Link>} query={useQuery(read(id))} head={headOf}>
      {(one) => <Body trace={one} />}
    </OnePage>
  )
}

function headOf(one: Trace) {
  return {
    title: one.name ?? 'Trace',
    lead: <Story trace={one} />,
    beside: <State trace={one} />,
  }
}

function State({ trace }: { trace: Trace }) {
  const failed = trace.state === 'ERROR'
  const word = failed ? 'failed' : trace.state === 'IN_PROGRESS' ? 'running' : 'succeeded'
  return <Status word={word} label={trace.state.toLowerCase().replace('_', ' ')} />
}

function Story({ trace }: { trace: Trace }) {
  const tokens = trace.tokens?.['total_tokens']
  return (
    <>
      Started <RelativeTime at={trace.started_at} />, took {duration(trace.duration_ms)}, {plural(trace.spans, 'span')}
      {tokens !== undefined && `, ${count(tokens)} tokens`}
      {trace.run_id !== null && (
        <>
          , in <RunLink id={trace.run_id} />
        </>
      )}
      . <code>{trace.id}</code>
    </>
  )
}

function Body({ trace }: { trace: Trace }) {
  const search = useSearch({ from: '/traces/$id' })
  const navigate = useNavigate({ from: '/traces/$id' })
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set())
  const { tree } = trace
  const span = tree.find((one) => one.id === search.span) ?? tree.find((one) => one.status === 'ERROR') ?? tree[0]
  const above = parents(tree)
  const fold = (id: string): void =>
    setFolded((before) =>
      before.has(id) ? new Set([...before].filter((one) => one !== id)) : new Set([...before, id]),
    )
  return (
    <>
      <Panel title="Spans" note="select one to see its inputs and outputs" flush>
        {tree.length === 0 ? (
          <Empty title="The spans of this trace are not stored" />
        ) : (
          <Waterfall
            rows={visibleSpans(tree, folded).map((one) => ({
              id: one.id,
              name: one.name,
              type: one.type.toLowerCase(),
              depth: one.depth,
              failed: one.status === 'ERROR',
              offset: one.offset_us,
              length: one.duration_us,
              hasChildren: above.has(one.id),
              folded: folded.has(one.id),
            }))}
            total={traceDuration(tree)}
            chosen={span?.id}
            onChoose={(chosen) =>
              void navigate({ params: { id: trace.id }, search: { span: chosen }, replace: true, resetScroll: false })
            }
            onFold={fold}
          />
        )}
      </Panel>
      <div className="two">
        {span !== undefined && <SpanDetail span={span} />}
        <div className="stack">
          <Panel title="Assessments" flush>
            <Assessments assessments={trace.assessments} />
            <NewAssessment trace={trace.id} />
          </Panel>
          <Panel title="Tags and metadata">
            <Facts
              items={Object.entries({ ...trace.tags, ...trace.metadata }).filter(
                ([key, value]) => value !== '' && !FOLDED.test(key),
              )}
            />
          </Panel>
        </div>
      </div>
    </>
  )
}

/** What is shown elsewhere on the page, or long and of no use to people. */
const FOLDED =
  /^mlflow\.(?:traceInputs|traceOutputs|trace\.sizeStats|trace_schema\.version|artifactLocation|traceName)$/
