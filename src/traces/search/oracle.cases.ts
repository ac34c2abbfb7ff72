/** Cases: random filters of traces find what the same filter finds when plain JavaScript judges each trace by itself. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { stream } from '../../tracking/bench.cases.ts'
import { createAssessment } from '../assessments/assessments.ts'
import { readAssessment } from '../assessments/wire.ts'
import { newTrace, span } from '../bench.cases.ts'
import type { TraceBench } from '../bench.cases.ts'
import { setTraceTag } from '../tags.ts'
import { searchTraces } from './search.ts'

interface PlainSpan {
  readonly name: string
  readonly model: string | undefined
}

interface PlainTrace {
  readonly at: number
  readonly failed: boolean
  readonly tag: string | undefined
  readonly score: number | undefined
  readonly spans: readonly PlainSpan[]
}

type Judge = (trace: PlainTrace) => boolean

/** A filter as text and as the judgement that it means. */
interface Clause {
  readonly text: string
  readonly fits: Judge
  /** Set for one about a span: such clauses that AND joins are about one span. */
  readonly ofSpan?: (span: PlainSpan) => boolean
}

const NAMES = ['load', 'call', 'Call model', 'parse'] as const
const MODELS = ['gpt', 'claude', undefined] as const
const TAGS = ['dev', 'prod', 'Prod-eu', undefined] as const
const BASE = 1_700_000_000_000

/** LIKE by hand: % is any text, the rest is itself. */
function like(value: string, pattern: string, ignoreCase: boolean): boolean {
  const [text, parts] = ignoreCase
    ? [value.toLowerCase(), pattern.toLowerCase().split('%')]
    : [value, pattern.split('%')]
  let at = 0
  for (const [index, part] of parts.entries()) {
    const found = index === 0 ? (text.startsWith(part) ? 0 : -1) : text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return parts.at(-1) === '' || text.endsWith(parts.at(-1) ?? '')
}

export function traceOracleCases(bench: TraceBench): void {
  describe('search of traces against an oracle', () => {
    it('property: random filters with AND, OR, NOT and parentheses find the same traces', async () => {
      const { room, root } = bench
      const random = stream(77)
      const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
      const experiment = await bench.experiment()
      const traces = new Map<string, PlainTrace>()
      for (let i = 0; i < 24; i++) {
        const trace = newTrace()
        const plain: PlainTrace = {
          at: i * 100,
          failed: random() < 0.3,
          tag: pick(TAGS),
          score: random() < 0.3 ? undefined : Math.round(random() * 4) / 4,
          spans: Array.from({ length: 1 + Math.floor(random() * 2) }, () => ({
            name: pick(NAMES),
            model: pick(MODELS),
          })),
        }
        const [id = ''] = await bench.send(
          experiment,
          plain.spans.map((one, at) =>
            span(trace, `0${at + 1}`.repeat(8), {
              name: one.name,
              status: at === 0 && plain.failed ? 2 : 1,
              at: plain.at,
              ...(at > 0 && { parent: '01'.repeat(8) }),
              ...(one.model !== undefined && { attributes: { model: one.model } }),
            }),
          ),
        )
        if (plain.tag !== undefined) await setTraceTag(room, root, id, { key: 'env', value: plain.tag })
        if (plain.score !== undefined) {
          const given = { assessment_name: 'score', source: { source_type: 'CODE' }, feedback: { value: plain.score } }
          await createAssessment(room, root, id, readAssessment(given))
        }
        traces.set(id, plain)
      }

      const text = (field: string, value: (of: never) => string | undefined, words: readonly string[]) => {
        const word = pick(words)
        const [operator, test] = pick<readonly [string, (value: string) => boolean]>([
          [`= '${word}'`, (one) => one === word],
          [`!= '${word}'`, (one) => one !== word],
          [`IN ('${word}', 'none')`, (one) => one === word],
          [`NOT IN ('${word}')`, (one) => one !== word],
          [`LIKE '${word.slice(0, 2)}%'`, (one) => like(one, `${word.slice(0, 2)}%`, false)],
          [`LIKE '%${word.slice(-2)}'`, (one) => like(one, `%${word.slice(-2)}`, false)],
          [`ILIKE '%${word.slice(1, 3).toUpperCase()}%'`, (one) => like(one, `%${word.slice(1, 3)}%`, true)],
          [`REGEXP '^${word.charAt(0)}'`, (one) => one.startsWith(word.charAt(0))],
        ])
        return {
          text: `${field} ${operator}`,
          fits: (of: unknown): boolean => {
            const found = value(of as never)
            return found !== undefined && test(found)
          },
        }
      }
      const ofSpan = (clause: { text: string; fits: (of: unknown) => boolean }): Clause => ({
        text: clause.text,
        fits: (trace) => trace.spans.some((one) => clause.fits(one)),
        ofSpan: clause.fits,
      })
      const clause = (): Clause => {
        const bound = Math.floor(random() * 24) * 100
        const score = Math.round(random() * 4) / 4
        const comparisons = [
          ['<', (a: number, b: number) => a < b],
          ['<=', (a: number, b: number) => a <= b],
          ['>', (a: number, b: number) => a > b],
          ['>=', (a: number, b: number) => a >= b],
          ['=', (a: number, b: number) => a === b],
        ] as const
        const [sign, holds] = pick(comparisons)
        return pick<() => Clause>([
          () => ({ text: `timestamp_ms ${sign} ${BASE + bound}`, fits: (one) => holds(one.at, bound) }),
          () => ({
            text: `feedback.score ${sign} ${score}`,
            fits: (one) => one.score !== undefined && holds(one.score, score),
          }),
          () => ({ text: "status = 'ERROR'", fits: (one) => one.failed }),
          () => ({ text: 'tags.env IS NULL', fits: (one) => one.tag === undefined }),
          () => ({ text: 'feedback.score IS NOT NULL', fits: (one) => one.score !== undefined }),
          () => text('tags.env', (one: PlainTrace) => one.tag, ['dev', 'prod', 'Prod-eu']),
          () => text('name', (one: PlainTrace) => one.spans[0]?.name, NAMES),
          () => ofSpan(text('span.name', (one: PlainSpan) => one.name, NAMES)),
          () => ofSpan(text('span.attributes.model', (one: PlainSpan) => one.model, ['gpt', 'claude'])),
        ])()
      }
      /** Clauses about spans that stand side by side in an AND must hold of one span. */
      const both = (parts: readonly Clause[]): Clause => {
        const spans = parts.flatMap((part) => part.ofSpan ?? [])
        const others = parts.filter((part) => part.ofSpan === undefined)
        return {
          text: parts.map((part) => part.text).join(' AND '),
          fits: (trace) =>
            others.every((part) => part.fits(trace)) &&
            (spans.length === 0 || trace.spans.some((one) => spans.every((test) => test(one)))),
        }
      }
      const filter = (depth: number): Clause => {
        const shape = depth === 0 ? 0 : Math.floor(random() * 4)
        if (shape === 0) return clause()
        if (shape === 1) return both(Array.from({ length: 2 + Math.floor(random() * 2) }, () => clause()))
        const [left, right] = [filter(depth - 1), filter(depth - 1)]
        if (shape === 2) {
          return { text: `NOT (${left.text})`, fits: (trace) => !left.fits(trace) }
        }
        return { text: `(${left.text}) OR (${right.text})`, fits: (trace) => left.fits(trace) || right.fits(trace) }
      }
      const found = { none: 0, some: 0 }
      for (let round = 0; round < 150; round++) {
        const { text: asked, fits } = filter(3)
        const page = await searchTraces(room, root, { experiment_ids: [experiment], filter: asked, max_results: 100 })
        const wanted = [...traces].filter(([, trace]) => fits(trace)).map(([id]) => id)
        assert.deepEqual(page.rows.map((row) => row.trace_id).toSorted(), wanted.toSorted(), asked)
        found[wanted.length === 0 ? 'none' : 'some']++
      }
      assert.ok(found.some > 80 && found.none > 5, JSON.stringify(found))
    })
  })
}
