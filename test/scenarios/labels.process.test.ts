/** Labels over HTTP as callers get them wrong: each is a 400 that names the row and the reason, none is a 500, and nothing of the delivery is taken. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { monitoringApi } from '../../src/contract/monitoring.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
  await server.client.call(servingApi.putEndpoint, {
    params: { name: 'e' },
    body: { project: 'default', model: 'm', threshold: 0.5 },
  })
})
after(() => server.stop())

interface Answer {
  readonly status: number
  readonly error: { readonly code: string; readonly message: string; readonly details: Record<string, unknown> }
  readonly accepted?: number
}

async function post(body: string, type = 'application/json'): Promise<Answer> {
  const reply = await fetch(`${server.url}/v1/endpoints/e/labels`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': type },
    body,
  })
  return { status: reply.status, ...((await reply.json()) as Omit<Answer, 'status'>) }
}

/** A delivery whose second row is `text`, between two that are right. */
const among = (text: string): string =>
  `{"labels": [{"prediction_id": "a", "label": 1}, ${text}, {"prediction_id": "b", "label": 0}]}`
const labelled = (value: string): string => among(`{"prediction_id": "x", "label": ${value}}`)

const BAD: readonly (readonly [what: string, body: string, expected: RegExp])[] = [
  ['"nan"', labelled('"nan"'), /^labels\.1\.label: got nan, expected a finite number/],
  ['"inf"', labelled('"inf"'), /^labels\.1\.label: got inf/],
  ['a number beyond any', labelled('1e999'), /labels\.1\.label/],
  ['null', labelled('null'), /labels\.1\.label/],
  ['a list', labelled('[1]'), /labels\.1\.label/],
  ['an object', labelled('{"y": 1}'), /labels\.1\.label/],
  [
    '10 kB of text',
    labelled(JSON.stringify('z'.repeat(10_240))),
    /^labels\.1\.label: .*at most 256 characters, not 10240/,
  ],
  ['an empty text', labelled('""'), /^labels\.1\.label/],
  ['no label', among('{"prediction_id": "x"}'), /labels\.1\.label/],
  ['no id', among('{"label": 1}'), /labels\.1\.prediction_id/],
  [
    'the year 2050',
    among('{"prediction_id": "x", "label": 1, "at": "2050-01-01T00:00:00Z"}'),
    /^labels\.1\.at: .*not in the future/,
  ],
  ['no date', among('{"prediction_id": "x", "label": 1, "at": "yesterday"}'), /labels\.1\.at/],
  ['a day that is none', among('{"prediction_id": "x", "label": 1, "at": "2026-02-31T00:00:00Z"}'), /labels\.1\.at/],
  ['an unknown field', among('{"prediction_id": "x", "label": 1, "weight": 2}'), /labels\.1/],
]

describe('a delivery of labels', () => {
  for (const [what, body, expected] of BAD)
    it(`with ${what} is refused by row, and nothing of it is taken`, async () => {
      const { status, error } = await post(body)
      assert.equal(status, 400, JSON.stringify(error))
      assert.equal(error.code, 'invalid_field')
      assert.match(error.message, expected)
    })

  it('as CSV or as no JSON is refused with what was expected', async () => {
    const csv = await post('prediction_id,label\nx,nan\n', 'text/csv')
    assert.deepEqual([csv.status, csv.error.code], [415, 'unsupported_media_type'])
    assert.match(csv.error.message, /application\/json/)
    assert.deepEqual((await post('{"labels": [{"prediction_id": "x", "label": NaN}]}')).status, 400)
  })

  it('that looks wrong is taken and flagged: no prediction of that id, twice with different values, neither 0 nor 1', async () => {
    const give = (labels: { prediction_id: string; label: number }[]) =>
      server.client.call(monitoringApi.putLabels, { params: { name: 'e' }, body: { labels } })
    const { accepted, orphans, conflicts, flagged } = await give([
      { prediction_id: 'a', label: 1 },
      { prediction_id: 'a', label: 0 },
      { prediction_id: 'c', label: 2 },
    ])
    // nothing of the refused deliveries is there: "a" is new
    assert.deepEqual([accepted, orphans, conflicts], [2, 2, 1])
    assert.deepEqual(
      flagged.map(({ row, prediction_id, reason }) => `${row} ${prediction_id} ${reason.slice(0, 24)}`),
      [
        '1 a says 0, and another labe',
        '1 a no prediction has this i',
        '2 c is neither 0 nor 1, alth',
        '2 c no prediction has this i',
      ],
    )
  })
})
