/** The limits of time of a step that has not ended, and what is left of each. */
import { duration, fullSentence } from '../../../src/contract/text/format.ts'
import type { Step } from '../../data/queries.ts'
import { Facts, Panel } from '../page/page.tsx'

type Limits = NonNullable<Step['limits']>

const WORDS: readonly (readonly [limit: keyof Limits, words: string])[] = [
  ['queued', 'Wait for a place'],
  ['starting', 'Start of an attempt'],
  ['running', 'Run of an attempt'],
  ['silent', 'Silence'],
]

/** Nothing for a step that waits for nothing and has none. */
export function WaitPanel({ step: { waits, limits = {} } }: { step: Step }) {
  const named = WORDS.flatMap(([name, words]) => {
    const limit = limits[name]
    if (limit === undefined) return []
    const left = limit.left_ms === null ? '' : `, ${duration(limit.left_ms)} left`
    return [[words, `at most ${duration(limit.limit_ms)}${left}`] as const]
  })
  if (waits === undefined && named.length === 0) return null
  return (
    <Panel title={waits === undefined ? 'Limits of time' : 'Why it waits'}>
      {waits !== undefined && <p className="warn-text break">{fullSentence(waits)}</p>}
      {named.length > 0 && <Facts items={named} />}
    </Panel>
  )
}
