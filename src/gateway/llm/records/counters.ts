/** What a gateway counts of calls of language models since its start, for Prometheus. */
import type { Family, Sample } from '../../../http/prometheus-text.ts'
import type { LlmCallRecord } from './record.ts'

/** Upper bounds of the time to the first byte, seconds. */
const BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const

interface Count {
  readonly labels: Readonly<Record<string, string>>
  readonly outcomes: Map<string, number>
  input: number
  output: number
  nano: number
  unpriced: number
  hits: number
  misses: number
  /** Nanodollars. */
  saved: number
  /** Calls by the first bound that was not passed; the last one passed all. */
  readonly first: number[]
  firstUs: number
}

/** Most series; what comes beyond is counted as `other`. Calls that nobody was asked for have no endpoint, for anybody may make up names. */
const MOST = 1000
const OTHER = { project: 'other', endpoint: 'other', provider: 'other', model: 'other' }

export class Counters {
  readonly #counts = new Map<string, Count>()

  add(record: LlmCallRecord): void {
    const count = this.#of(record)
    count.outcomes.set(record.outcome, (count.outcomes.get(record.outcome) ?? 0) + 1)
    count.input += record.usage?.input ?? 0
    count.output += record.usage?.output ?? 0
    count.nano += record.cost ?? 0
    if (record.cost === null) count.unpriced++
    if (record.cache === 'miss') count.misses++
    if (record.cache === 'hit') {
      count.hits++
      count.saved += record.saved
    }
    // how fast a provider answers is not told by what the cache gave
    if (record.first_us === null || record.cache === 'hit') return
    const seconds = record.first_us / 1e6
    const at = BOUNDS.findIndex((bound) => seconds <= bound)
    const slot = at < 0 ? BOUNDS.length : at
    count.first[slot] = (count.first[slot] ?? 0) + 1
    count.firstUs += record.first_us
  }

  families(): Family[] {
    const counts = [...this.#counts.values()]
    const cached = counts.filter(({ hits, misses }) => hits + misses > 0)
    const each = (value: (count: Count) => number): Sample[] =>
      counts.map((count) => ({ labels: count.labels, value: value(count) }))
    return [
      {
        name: 'slipway_llm_calls_total',
        type: 'counter',
        help: 'Calls of language models by how they ended.',
        samples: counts.flatMap(({ labels, outcomes }) =>
          [...outcomes].map(([outcome, value]) => ({ labels: { ...labels, outcome }, value })),
        ),
      },
      {
        name: 'slipway_llm_tokens_total',
        type: 'counter',
        help: 'Tokens of language models.',
        samples: counts.flatMap(({ labels, input, output }) => [
          { labels: { ...labels, kind: 'input' }, value: input },
          { labels: { ...labels, kind: 'output' }, value: output },
        ]),
      },
      {
        name: 'slipway_llm_dollars_total',
        type: 'counter',
        help: 'Cost of calls whose price is known.',
        samples: each(({ nano }) => nano / 1e9),
      },
      {
        name: 'slipway_llm_unpriced_total',
        type: 'counter',
        help: 'Calls whose price is not known.',
        samples: each(({ unpriced }) => unpriced),
      },
      {
        name: 'slipway_llm_cache_total',
        type: 'counter',
        help: 'Calls that were looked for in a cache.',
        samples: cached.flatMap(({ labels, hits, misses }) => [
          { labels: { ...labels, result: 'hit' }, value: hits },
          { labels: { ...labels, result: 'miss' }, value: misses },
        ]),
      },
      {
        name: 'slipway_llm_cache_saved_dollars_total',
        type: 'counter',
        help: 'What answers from a cache had cost when they were made.',
        samples: cached.map(({ labels, saved }) => ({ labels, value: saved / 1e9 })),
      },
      {
        name: 'slipway_llm_first_byte_seconds',
        type: 'histogram',
        help: 'Time to the first byte of an answer that no cache gave.',
        samples: counts.flatMap(histogram),
      },
    ]
  }

  #of({ project, endpoint, provider, model }: LlmCallRecord): Count {
    if (provider === null) return this.#labelled({ project, endpoint: '', provider: '', model: '' })
    return this.#labelled({ project, endpoint, provider, model: model ?? '' })
  }

  #labelled(labels: Count['labels']): Count {
    const key = JSON.stringify(labels)
    const known = this.#counts.get(key)
    if (known !== undefined) return known
    if (this.#counts.size >= MOST && labels !== OTHER) return this.#labelled(OTHER)
    const count: Count = {
      labels,
      outcomes: new Map(),
      input: 0,
      output: 0,
      nano: 0,
      unpriced: 0,
      hits: 0,
      misses: 0,
      saved: 0,
      first: [],
      firstUs: 0,
    }
    this.#counts.set(key, count)
    return count
  }
}

function histogram({ labels, first, firstUs }: Count): Sample[] {
  let sum = 0
  const buckets = [...BOUNDS, Infinity].map((bound, at): Sample => {
    sum += first[at] ?? 0
    const le = bound === Infinity ? '+Inf' : String(bound)
    return { labels: { ...labels, le }, value: sum, suffix: '_bucket' }
  })
  return [...buckets, { labels, value: firstUs / 1e6, suffix: '_sum' }, { labels, value: sum, suffix: '_count' }]
}
