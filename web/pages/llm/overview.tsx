/** Language models: what is called, by whom, how well it goes, and what it costs. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import '../../css/llm.css'
import { count, exact, plural } from '../../../src/contract/text/format.ts'
import type { LlmGroup, LlmRange, LlmSearch } from '../../data/address.ts'
import { OUTCOMES } from '../../data/llm/outcomes.ts'
import * as read from '../../data/llm/queries.ts'
import type { LlmOutcome, LlmOverview } from '../../data/llm/queries.ts'
import { RANGE_WORDS } from '../../data/llm/ranges.ts'
import { CallTable } from '../../parts/llm/call-table.tsx'
import { GROUP_WORDS, GroupTable } from '../../parts/llm/group-table.tsx'
import { KeyFigures } from '../../parts/llm/key-figures.tsx'
import { LlmTabs } from '../../parts/llm/llm-tabs.tsx'
import { OverviewCharts } from '../../parts/llm/overview-charts.tsx'
import { ProviderLines } from '../../parts/llm/provider-health.tsx'
import { Faults, SetUp, StateStrip, useSetUp } from '../../parts/llm/set-up.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { Empty, Loaded, Loading } from '../../parts/page/placeholders.tsx'
import { PagedList, rowsOf } from '../../parts/table/paged-list.tsx'

const FROM = '/llm'

/** Sets some of the address, and keeps the rest. */
function useSet(): (next: LlmSearch) => void {
  const navigate = useNavigate({ from: FROM })
  return (next) => void navigate({ search: (at) => ({ ...at, ...next }), replace: true, resetScroll: false })
}

export function OverviewPage() {
  const search: LlmSearch = useSearch({ from: FROM })
  const by = search.by ?? 'endpoint'
  const overview = useQuery(read.llmOverview(by, read.timesOf(search)))
  const setUp = useSetUp()
  return (
    <Page
      title="Language models"
      lead="What programs call through the gateway, how well it goes, and what it costs."
      actions={<Times />}
    >
      <LlmTabs />
      <StateStrip />
      <Loaded query={overview} what="The calls of language models" height={640}>
        {(data) =>
          setUp === undefined ? (
            <Loading height={640} />
          ) : (
            <>
              <Faults faults={setUp.faults} />
              {data.total.requests === 0 ? <SetUp range={rangeText(search)} /> : <Body overview={data} by={by} />}
            </>
          )
        }
      </Loaded>
    </Page>
  )
}

function rangeText({ range = '24h', since, until }: LlmSearch): string {
  return since !== undefined && until !== undefined ? 'this part of time' : `the last ${RANGE_WORDS[range]}`
}

function Times() {
  const { range = '24h', since, until }: LlmSearch = useSearch({ from: FROM })
  const set = useSet()
  return (
    <>
      {since !== undefined && until !== undefined && (
        <button type="button" className="button" onClick={() => set({ since: undefined, until: undefined })}>
          Back to the last {RANGE_WORDS[range]}
        </button>
      )}
      <label className="row">
        Last
        <select
          value={range}
          onChange={(event) => set({ range: event.target.value as LlmRange, since: undefined, until: undefined })}
        >
          {Object.entries(RANGE_WORDS).map(([key, word]) => (
            <option key={key} value={key}>
              {word}
            </option>
          ))}
        </select>
      </label>
    </>
  )
}

function Body({ overview, by }: { overview: LlmOverview; by: LlmGroup }) {
  const search: LlmSearch = useSearch({ from: FROM })
  const set = useSet()
  const names = useKeyNames()
  const health = useQuery(read.llmHealth)
  return (
    <>
      <div className="panel band">
        <KeyFigures overview={overview} />
      </div>
      <OverviewCharts overview={overview} onZoom={(since, until) => set({ since, until })} />
      <Panel title="Providers" note="24 hours in half hours, to now" flush>
        <Loaded query={health} what="The health of the providers" height={140}>
          {(data) => <ProviderLines health={data} />}
        </Loaded>
      </Panel>
      <Panel
        title={`By ${GROUP_WORDS[overview.by][0].toLowerCase()}`}
        note={groupNote(overview)}
        flush
        tools={
          <label className="row">
            By
            <select value={by} onChange={(event) => set({ by: event.target.value as LlmGroup })}>
              {Object.entries(GROUP_WORDS).map(([key, [word]]) => (
                <option key={key} value={key}>
                  {word.toLowerCase()}
                </option>
              ))}
            </select>
          </label>
        }
      >
        <GroupTable overview={overview} names={names} search={search} />
      </Panel>
      <Calls names={names} />
    </>
  )
}

function groupNote({ since, until, cut, measured }: LlmOverview): string {
  const times = `${exact(since)} to ${exact(until)}`
  return cut ? `${times}; times are those of the newest ${count(measured)} calls` : times
}

/** Names of keys by their ids; empty until they are read. */
function useKeyNames(): ReadonlyMap<string, string> {
  const keys = useQuery(read.llmKeys)
  return new Map(keys.data?.items.map(({ id, name }) => [id, name]))
}

const WHOLE = { project: undefined, endpoint: undefined, key: undefined, outcome: undefined } as const

function Calls({ names }: { names: ReadonlyMap<string, string> }) {
  const search: LlmSearch = useSearch({ from: FROM })
  const { project, endpoint, key, outcome } = search
  const list = useInfiniteQuery(read.llmCalls({ times: read.timesOf(search), project, endpoint, key, outcome }))
  const rows = rowsOf(list)
  const isNarrowed = project !== undefined || endpoint !== undefined || key !== undefined || outcome !== undefined
  return (
    <Panel
      title={isNarrowed ? 'These calls' : 'Newest calls'}
      note={list.hasNextPage ? `${count(rows.length)} loaded so far` : plural(rows.length, 'call')}
      flush
      tools={<Narrowing names={names} />}
    >
      <PagedList list={list} what="The calls" height={400}>
        {(calls) =>
          calls.length === 0 ? (
            <Empty title="No calls match">
              <Link to="/llm" search={{ ...search, ...WHOLE }}>
                Show all calls of this time
              </Link>
            </Empty>
          ) : (
            <CallTable calls={calls} names={names} />
          )
        }
      </PagedList>
    </Panel>
  )
}

/** What narrows the calls down, each with a way back. */
function Narrowing({ names }: { names: ReadonlyMap<string, string> }) {
  const { project, endpoint, key, outcome }: LlmSearch = useSearch({ from: FROM })
  const set = useSet()
  return (
    <>
      {project !== undefined && <Narrowed label={`project ${project}`} onClear={() => set({ project: undefined })} />}
      {endpoint !== undefined && (
        <Narrowed label={`endpoint ${endpoint}`} onClear={() => set({ endpoint: undefined })} />
      )}
      {key !== undefined && <Narrowed label={`key ${names.get(key) ?? key}`} onClear={() => set({ key: undefined })} />}
      <label className="row">
        Outcome
        <select
          data-filter
          value={outcome ?? ''}
          onChange={(event) =>
            set({ outcome: event.target.value === '' ? undefined : (event.target.value as LlmOutcome) })
          }
        >
          <option value="">all</option>
          {Object.entries(OUTCOMES).map(([word, [label]]) => (
            <option key={word} value={word}>
              {label}
            </option>
          ))}
        </select>
      </label>
    </>
  )
}

function Narrowed({ label, onClear }: { label: string; onClear: () => void }) {
  return (
    <button type="button" className="button" onClick={onClear} title={`Show calls beside those of ${label}`}>
      {label} <span aria-hidden="true">×</span>
      <span className="sr">, show all</span>
    </button>
  )
}
