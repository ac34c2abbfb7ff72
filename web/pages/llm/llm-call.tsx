/** One call of a language model: what happened, whom it was sent to, what it cost, and what is kept of it. */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import '../../css/llm.css'
import { exact } from '../../../src/contract/text/format.ts'
import { microDuration, nanoMoney, shortCount } from '../../data/llm/amounts.ts'
import { OUTCOMES } from '../../data/llm/outcomes.ts'
import * as read from '../../data/llm/queries.ts'
import type { LlmCallDetail } from '../../data/llm/queries.ts'
import { GuardTable } from '../../parts/llm/guard-table.tsx'
import { AttemptTable } from '../../parts/llm/attempt-table.tsx'
import { CallCost } from '../../parts/llm/call-cost.tsx'
import { OutcomeStatus } from '../../parts/llm/call-table.tsx'
import { OnePage } from '../../parts/page/one-page.tsx'
import { Facts, Figures, Panel } from '../../parts/page/page.tsx'
import { Empty } from '../../parts/page/placeholders.tsx'
import { Tags } from '../../parts/page/status.tsx'

export function LlmCallPage() {
  const { id } = useParams({ from: '/llm/calls/$id' })
  return (
    <OnePage
      title="Call"
      crumbs={<Link to="/llm">Language models</Link>}
      query={useQuery(read.llmCall(id))}
      head={(call) => ({
        title: `Call of ${call.endpoint}`,
        lead: `${exact(call.started)}. ${OUTCOMES[call.outcome][2]}`,
        beside: <OutcomeStatus call={call} />,
        actions: call.trace !== null && (
          <Link to="/traces/$id" params={{ id: call.trace }} className="button">
            Show its trace
          </Link>
        ),
      })}
    >
      {(call) => <Body call={call} />}
    </OnePage>
  )
}

function Body({ call }: { call: LlmCallDetail }) {
  const [keys, endpoints] = [useQuery(read.llmKeys), useQuery(read.llmEndpoints)]
  const [budgets, prices] = [useQuery(read.llmBudgets), useQuery(read.llmPrices)]
  const names = new Map(keys.data?.items.map(({ id, name }) => [id, name]))
  const models = new Map(
    endpoints.data?.items.flatMap((one) =>
      one.models.map(({ definition, provider, model }) => [definition, `${provider ?? '?'}/${model}`] as const),
    ),
  )
  return (
    <>
      {call.error !== null && (
        <div className="failure panel" role="note">
          <strong>What the client was told</strong>
          <span className="break">{call.error}</span>
        </div>
      )}
      <div className="panel band">
        <Figures
          items={[
            ['Length', microDuration(call.us)],
            ['First byte', microDuration(call.first_us), call.stream ? 'of a stream' : ''],
            ['In Slipway before it was sent', microDuration(call.own_us)],
            ['Tokens in / out', `${shortCount(call.tokens.input)} / ${shortCount(call.tokens.output)}`],
            ['Cost', nanoMoney(call.cost_nanodollars)],
          ]}
        />
      </div>
      <Panel title="Attempts" note="one after another, within the length of the call" flush>
        <AttemptTable call={call} models={models} />
      </Panel>
      <div className="two">
        <Panel title="The call">
          <CallFacts call={call} names={names} />
        </Panel>
        <div className="stack">
          <Panel title="Tokens and cost">
            <CallCost call={call} names={names} budgets={budgets.data?.items ?? []} prices={prices.data?.items ?? []} />
          </Panel>
          {call.guards.length > 0 && (
            <Panel title="Guardrails" flush>
              <GuardTable guards={call.guards} />
            </Panel>
          )}
          <Panel title="Lost in translation" note={`spoken to in ${call.dialect}`}>
            <Lost fields={call.lost} />
          </Panel>
        </div>
      </div>
      <Content call={call} />
    </>
  )
}

function CallFacts({ call, names }: { call: LlmCallDetail; names: ReadonlyMap<string, string> }) {
  const none = <span className="muted">none</span>
  return (
    <Facts
      items={[
        [
          'Endpoint',
          <Link key="e" to="/llm" search={{ endpoint: call.endpoint }}>
            {call.endpoint}
          </Link>,
        ],
        ['Asked last', call.model === null ? 'nobody' : `${call.provider ?? '?'}/${call.model}`],
        ['Project', call.project],
        [
          'Key',
          call.key === null ? (
            none
          ) : (
            <Link key="k" to="/llm" search={{ key: call.key }}>
              {names.get(call.key) ?? call.key}
            </Link>
          ),
        ],
        ['User', call.user ?? none],
        ['Team', call.team ?? none],
        ['Tags', call.tags.length === 0 ? none : <Tags key="t" words={call.tags} />],
        ['Dialect of the client', call.dialect],
        ['Cache', cacheWords(call)],
        ['Ended because', call.finish ?? <span className="muted">not told</span>],
        ['Status', String(call.status)],
        ['Trace', call.trace === null ? none : <code key="tr">{call.trace}</code>],
        ['Traceparent', call.traceparent === null ? none : <code key="tp">{call.traceparent}</code>],
        ['Request, SHA-256', <code key="r">{call.digest.request}</code>],
        ['Answer, SHA-256', call.digest.answer === null ? none : <code key="a">{call.digest.answer}</code>],
        ['Id', <code key="i">{call.id}</code>],
      ]}
    />
  )
}

function cacheWords({ cache, saved_nanodollars }: LlmCallDetail): string {
  if (cache === 'hit') return `answered from it; ${nanoMoney(saved_nanodollars)} saved`
  return cache === 'miss' ? 'looked for, and not there' : 'not used'
}

function Lost({ fields }: { fields: readonly string[] }) {
  if (fields.length === 0) return <p className="muted">Nothing was dropped or approximated.</p>
  return (
    <>
      <p>The provider speaks another format, which has no place for these fields; they were dropped or approximated.</p>
      <ul className="stack" style={{ gap: 4 }}>
        {fields.map((field) => (
          <li key={field}>
            <code>{field}</code>
          </li>
        ))}
      </ul>
    </>
  )
}

function Content({ call }: { call: LlmCallDetail }) {
  if (call.content === null)
    return (
      <Panel title="Request and answer" flush>
        <Empty title="Not kept">
          Of this call only digests are kept: its key or the server keeps no content, or the days for which content is
          kept are over.
        </Empty>
      </Panel>
    )
  return (
    <div className="two">
      <Text title="Request" text={call.content.request} />
      <Text title="Answer" text={call.content.answer} />
    </div>
  )
}

/** More letters are not kept. */
const KEPT = 65_536

function Text({ title, text }: { title: string; text: string }) {
  return (
    <Panel title={title} note={text.length >= KEPT ? 'its first 64 KiB' : ''} flush>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard */}
      <pre className="log content" tabIndex={0} aria-label={title}>
        {text === '' ? 'empty' : text}
      </pre>
    </Panel>
  )
}
