/** The playground: one conversation, asked of two endpoints of language models side by side. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useId, useRef, useState } from 'react'
import '../../css/llm.css'
import '../../css/playground.css'
import { callOf, playgroundOf } from '../../data/llm/playground.ts'
import type { Playground, Side } from '../../data/llm/playground.ts'
import { llmEndpoints } from '../../data/llm/queries.ts'
import type { LlmEndpoint } from '../../data/llm/queries.ts'
import * as read from '../../data/queries.ts'
import { usePermission } from '../../parts/form/permissions.ts'
import { LlmTabs } from '../../parts/llm/llm-tabs.tsx'
import { useSideRun } from '../../parts/llm/playground-run.ts'
import { PlaygroundSide } from '../../parts/llm/playground-side.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'

export function PlaygroundPage() {
  const endpoints = useQuery(llmEndpoints)
  return (
    <Page
      title="Playground"
      crumbs={<Link to="/llm">Language models</Link>}
      lead="One question, asked of two endpoints through the gateway: under the same budgets and guardrails as any call, in your name."
    >
      <LlmTabs />
      <Loaded query={endpoints} what="The endpoints of language models" height={480}>
        {({ items }) => <Found endpoints={items} />}
      </Loaded>
    </Page>
  )
}

function Found({ endpoints }: { endpoints: readonly LlmEndpoint[] }) {
  const answered = endpoints.filter(({ fault }) => fault === null)
  const [first, second = first] = answered
  if (first === undefined || second === undefined)
    return (
      <div className="panel">
        <Empty
          title={endpoints.length === 0 ? 'No endpoints of language models yet' : 'No endpoint is answered'}
          commands={
            endpoints.length === 0
              ? [
                  'slipway llm providers add openai --key-env OPENAI_API_KEY',
                  'slipway llm endpoints add chat --model openai/gpt-4o-mini',
                ]
              : []
          }
        >
          The playground asks endpoints. <Link to="/llm/providers">Providers and prices</Link> shows what there is, and
          what is off.
        </Empty>
      </div>
    )
  return <Sides endpoints={endpoints} proposed={[first, second]} />
}

/** Kept for this tab of the browser alone: what is asked may be private, so that it is in no address. */
const KEPT = 'slipway.playground'

function useKept(): readonly [Playground, (change: (before: Playground) => Playground) => void] {
  const store = typeof sessionStorage === 'undefined' ? undefined : sessionStorage
  const [playground, setPlayground] = useState(() => playgroundOf(store?.getItem(KEPT) ?? null))
  useEffect(() => store?.setItem(KEPT, JSON.stringify(playground)), [store, playground])
  return [playground, setPlayground]
}

const LABELS = ['Side A', 'Side B'] as const

interface SidesProps {
  readonly endpoints: readonly LlmEndpoint[]
  /** For sides for which none was chosen, or one that is gone. */
  readonly proposed: readonly [LlmEndpoint, LlmEndpoint]
}

function Sides({ endpoints, proposed }: SidesProps) {
  const [playground, change] = useKept()
  const runs = [useSideRun(), useSideRun()] as const
  const allowed = usePermission({ verb: 'predict', resource: 'endpoints' })
  const gateway = useQuery(read.server).data?.gateway_url ?? ''
  const sideAt = (at: 0 | 1) => {
    const side = playground.sides[at]
    const endpoint = endpoints.find(({ id }) => id === side.endpoint) ?? proposed[at]
    return { side, endpoint, run: runs[at], call: callOf(playground, at, endpoint) }
  }
  const sides = [sideAt(0), sideAt(1)] as const
  const isReady = allowed && sides.every(({ call }) => call !== undefined)
  const runBoth = (): void => {
    if (isReady) for (const { call, run } of sides) if (call !== undefined) run.ask(call)
  }
  useRunKey(runBoth)
  return (
    <>
      <Conversation playground={playground} change={change} isReady={isReady} allowed={allowed} runBoth={runBoth} />
      <div className="two">
        {([0, 1] as const).map((at) => (
          <PlaygroundSide
            key={LABELS[at]}
            label={LABELS[at]}
            {...sides[at]}
            endpoints={endpoints}
            allowed={allowed}
            gateway={gateway}
            onChange={(side) => change((before) => ({ ...before, sides: replaced(before.sides, at, side) }))}
          />
        ))}
      </div>
    </>
  )
}

function replaced([a, b]: Playground['sides'], at: 0 | 1, side: Side): Playground['sides'] {
  return at === 0 ? [side, b] : [a, side]
}

/** Ctrl or Cmd with Enter runs, wherever on the page. */
function useRunKey(run: () => void): void {
  const newest = useRef(run)
  useEffect(() => {
    newest.current = run
  })
  useEffect(() => {
    const hear = (event: KeyboardEvent): void => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.repeat) return
      event.preventDefault()
      newest.current()
    }
    document.addEventListener('keydown', hear)
    return () => document.removeEventListener('keydown', hear)
  }, [])
}

interface ConversationProps {
  readonly playground: Playground
  readonly change: (change: (before: Playground) => Playground) => void
  readonly isReady: boolean
  readonly allowed: boolean
  readonly runBoth: () => void
}

function Conversation({ playground, change, isReady, allowed, runBoth }: ConversationProps) {
  return (
    <Panel title="Conversation" note="kept in this tab of the browser alone">
      <div className="playground-texts">
        <Text
          label="System"
          text={playground.system}
          onChange={(system) => change((before) => ({ ...before, system }))}
        />
        <Text label="User" text={playground.user} onChange={(user) => change((before) => ({ ...before, user }))} />
      </div>
      <div className="row">
        {allowed && (
          <button type="button" className="button primary" disabled={!isReady} onClick={runBoth}>
            Run both
          </button>
        )}
        <span className="muted small">
          {allowed ? (
            <>
              <kbd>Ctrl</kbd> or <kbd>⌘</kbd> with <kbd>Enter</kbd> runs both. Calls are charged, logged and traced like
              any other, with the tag playground.
            </>
          ) : (
            'Your role may not ask; a contributor may.'
          )}
        </span>
      </div>
    </Panel>
  )
}

interface TextProps {
  readonly label: string
  readonly text: string
  readonly onChange: (text: string) => void
}

function Text({ label, text, onChange }: TextProps) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea id={id} value={text} rows={5} maxLength={500_000} onChange={(event) => onChange(event.target.value)} />
    </div>
  )
}
