/** The latency of an endpoint: what its note says of failures, how far back it looks, and what stands where nothing was asked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { component, drawn, textOf } from '../../../test/web/components.ts'

const SERIES = { role: 'stable', version: '1', p50_ms: [1], p95_ms: [2], p99_ms: [3], requests: [100], errors: [0] }
const LATENCY = {
  until: '2026-05-03T10:00:00.000Z',
  window_s: 30,
  windows: ['2026-05-03T10:00:00.000Z'],
  series: [SERIES],
}

async function panel(seconds: number, latency: object, search = ''): Promise<string> {
  return drawn(
    await component('parts/endpoint/latency.tsx', 'LatencyPanel'),
    { name: 'e' },
    {
      at: `/endpoints/e${search}`,
      route: '/endpoints/$name',
      data: [[['predictions', 'e', 'latency', seconds], latency]],
    },
  )
}

const NOTES: readonly (readonly [errors: readonly (readonly number[])[], says: string])[] = [
  [[[0, 0]], 'no request failed'],
  [[[0, 1]], '1 request failed'],
  [
    [
      [2, 1],
      [0, 1200],
    ],
    '1,203 requests failed',
  ],
]

test('failures of all variants and windows are counted in words', async () => {
  for (const [errors, says] of NOTES) {
    const series = errors.map((one) => ({ ...SERIES, errors: one }))
    assert.match(
      textOf(await panel(3600, { ...LATENCY, series })),
      new RegExp(`up to 2026-05-03 10:00 UTC, windows of 30 s, ${says} last`),
    )
  }
})

const SPANS: readonly (readonly [search: string, seconds: number, chosen: string])[] = [
  ['', 3600, '1 hour'],
  ['?span=15m', 900, '15 minutes'],
  ['?span=6h', 21_600, '6 hours'],
  ['?span=24h', 86_400, '24 hours'],
  ['?span=7d', 604_800, '7 days'],
]

test('it is read as far back as the address asks for', async () => {
  for (const [search, seconds, chosen] of SPANS) {
    const html = await panel(seconds, LATENCY, search)
    assert.equal(/<option[^>]* selected=""[^>]*>(.*?)<\/option>/.exec(html)?.[1], chosen)
    assert.doesNotMatch(html, /Loading/, 'what it asks for is what was answered')
  }
})

test('where nothing was asked yet it says how to begin', async () => {
  assert.match(textOf(await panel(3600, { ...LATENCY, series: [] })), /No requests yet ?slipway predict e @rows\.json/)
})
