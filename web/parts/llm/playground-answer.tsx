/** An answer of the playground: what came, how fast, what it cost, or who refused it. */
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { PlaygroundEnd } from '../../../src/contract/llm/playground.ts'
import { count, duration, figure, NONE } from '../../../src/contract/text/format.ts'
import { describe } from '../../data/api.ts'
import { nanoMoney } from '../../data/llm/amounts.ts'
import { speedOf } from '../../data/llm/playground.ts'
import type { Answer } from '../../data/llm/playground.ts'
import { Figures } from '../page/page.tsx'
import { Status, Tag } from '../page/status.tsx'

export function PlaygroundAnswer({ answer, label }: { answer: Answer; label: string }) {
  return (
    <div className="stack playground-answer">
      <div role="status" className="row">
        <State answer={answer} />
      </div>
      {answer.state !== 'none' && answer.text !== '' && (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard
        <pre className="log said" tabIndex={0} aria-label={`Answer of ${label}`}>
          {answer.text}
        </pre>
      )}
      {answer.state === 'failed' && <Failed error={answer.error} />}
      {answer.state === 'ended' && <Ended end={answer.end} />}
    </div>
  )
}

function State({ answer }: { answer: Answer }) {
  if (answer.state === 'none') return <span className="muted">Nothing has been asked yet.</span>
  if (answer.state === 'failed') return <Status word="failed" />
  if (answer.state === 'ended') return <EndState end={answer.end} />
  const { begin, first_ms } = answer
  const first = first_ms === null ? '' : `first token after ${duration(first_ms)}`
  return (
    <>
      <Status
        word={answer.state === 'coming' ? 'running' : 'canceled'}
        label={answer.state === 'stopped' ? 'stopped' : begin === null ? 'asking' : 'answering'}
      />
      {begin?.model !== undefined && begin.model !== null && <code>{begin.model}</code>}
      <span className="muted">{answer.state === 'stopped' ? 'what came is charged' : first}</span>
    </>
  )
}

function EndState({ end }: { end: PlaygroundEnd }) {
  const { refusal, model, finish, cache } = end
  return (
    <>
      {refusal === null ? (
        <Status word="ok" label="answered" />
      ) : (
        <Status word="failed" label={REFUSED[refusal.kind][0]} />
      )}
      {model !== null && <code>{model}</code>}
      {cache === 'hit' && <Tag>from the cache</Tag>}
      {finish === 'length' && <span className="warn-text">cut at the most tokens of an answer</span>}
      {finish !== null && finish !== 'stop' && finish !== 'length' && <span className="muted">ended by {finish}</span>}
    </>
  )
}

/** Of each kind of refusal its word, its sentence, and where to look. */
const REFUSED: Readonly<
  Record<NonNullable<PlaygroundEnd['refusal']>['kind'], readonly [word: string, sentence: string, more: ReactNode]>
> = {
  budget: [
    'refused by a budget',
    'A budget has no room for this call',
    <Link key="b" to="/llm/keys">
      Keys and budgets
    </Link>,
  ],
  limit: ['refused by a limit', 'There were too many calls or tokens', null],
  guardrail: ['refused by a guardrail', 'A guardrail does not let this through', null],
  provider: [
    'the provider failed',
    'The provider did not answer, or broke off',
    <Link key="p" to="/llm/providers">
      Providers and prices
    </Link>,
  ],
  request: ['refused', 'This call cannot be answered', null],
}

function Ended({ end }: { end: PlaygroundEnd }) {
  const { refusal, call, lost, tokens, cost_status } = end
  const speed = speedOf(end)
  return (
    <>
      {refusal !== null && (
        <div className="failure panel">
          <strong>{REFUSED[refusal.kind][1]}</strong>
          <span className="break">{refusal.message}</span>
          {REFUSED[refusal.kind][2]}
        </div>
      )}
      {(refusal === null || end.first_ms !== null) && (
        <Figures
          items={[
            ['First token', duration(end.first_ms)],
            ['Whole answer', duration(end.ms)],
            ['Tokens in / out', tokens === null ? NONE : `${count(tokens.input)} / ${count(tokens.output)}`],
            ['Tokens/s', speed === null ? NONE : figure(speed, 3)],
            ['Cost', nanoMoney(end.cost_nanodollars), costNote(cost_status)],
          ]}
        />
      )}
      {lost.length > 0 && (
        <p className="muted break">
          Dropped or approximated in translation: <code>{lost.join(', ')}</code>
        </p>
      )}
      {call !== null && (
        <p>
          <Link to="/llm/calls/$id" params={{ id: call }}>
            Show this call
          </Link>
        </p>
      )}
    </>
  )
}

function costNote(status: string | null): string {
  if (status === 'estimated') return 'estimated'
  return status === 'unknown_price' ? 'no price' : ''
}

function Failed({ error }: { error: Error }) {
  const { message, help } = describe(error)
  return (
    <div className="failure panel" role="alert">
      <strong>This was not asked, or its answer broke off</strong>
      <span className="break">{message}</span>
      {help !== '' && <span className="muted">{help}</span>}
    </div>
  )
}
