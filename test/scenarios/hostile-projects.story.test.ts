/** Project files and params that nobody writes by accident, over HTTP: refused by field, soon, and the server goes on. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { tar } from '../fixtures/tar.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'

const STEPS = 'project: hostile\npython: {packages: []}\npipeline:\n  steps:\n'
const DECLARED = STEPS.replace(
  '  steps:',
  '  params: {big: {type: int, default: 1}, text: {type: string, default: a}}\n  steps:',
).concat('    a: {run: [python, -c, "print(1)", "{params.t}"], params: {x: "{params.big}", t: "{params.text}"}}\n')
let server: TestServer
let tree = ''
let version = ''

interface Answer {
  readonly status: number
  readonly text: string
  readonly body: Record<string, never>
}

async function ask(method: string, path: string, body?: string | Uint8Array): Promise<Answer> {
  const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' }
  const reply = await fetch(server.url + path, { method, headers, ...(body !== undefined && { body }) })
  const text = await reply.text()
  return { status: reply.status, text, body: JSON.parse(text) as Answer['body'] }
}

const makeVersion = (text: string): Promise<Answer> => ask('POST', '/v1/pipelines', JSON.stringify({ text, tree }))

before(async () => {
  server = await startTestServer()
  const code = 'def main(x):\n    print(len(str(x)))\n'
  tree = (await ask('POST', '/v1/trees', tar([{ path: 'step.py', body: code }]))).body['digest'] ?? ''
  const made = await makeVersion(`${STEPS}    a: {run: "step:main", params: {x: null}}\n`)
  assert.equal(made.status, 200, made.text)
  version = made.body['id'] ?? ''
})
after(() => server.stop())

test('files that nest deep, have very many steps or odd names are refused with their lines', async () => {
  const files = [
    '['.repeat(100_000),
    `${STEPS}    a: {run: "step:main", params: {x: ${'{a: '.repeat(20_000)}`,
    STEPS +
      Array.from({ length: 5000 }, (_, i) => `    s${i}: {run: "step:main", after: [s${Math.max(0, i - 1)}]}`).join(
        '\n',
      ),
    `${STEPS}    __proto__: {run: "step:main"}\n`,
    `${STEPS}    a: {run: "step:main", params: {x: ${'1'.repeat(4301)}}}\n`,
    DECLARED.replace('default: 1', `default: ${'1'.repeat(4301)}`),
  ]
  for (const text of files) {
    const { status, text: said } = await makeVersion(text)
    assert.equal(status, 422, said.slice(0, 300))
    assert.match(said, /slipway\.yaml:\d+: /)
  }
})

test('a run gives no number that Python does not read, no half of a character, nothing that is too deep', async () => {
  const given = [
    ['9'.repeat(4301), 400, /params\.a\.x: got 9{80}…, expected a whole number of at most 4300 digits/],
    [`[[{"k": -${'9'.repeat(4301)}}]]`, 400, /params\.a\.x\.0\.0\.k: got -9{79}…, expected/],
    [`[${'['.repeat(5000)}`, 400, /nest/],
    ['"\\ud800"', 400, /surrogate/],
    ['1e999', 400, /1\.8e308/],
    ['NaN', 400, /JSON/],
  ] as const
  for (const [x, status, says] of given) {
    const said = await ask(
      'POST',
      '/v1/pipeline-runs',
      `{"pipeline_version": "${version}", "params": {"a": {"x": ${x}}}}`,
    )
    assert.equal(said.status, status, said.text.slice(0, 300))
    assert.match(said.text, says)
  }
  const odd = await ask(
    'POST',
    '/v1/pipeline-runs',
    `{"pipeline_version": "${version}", "params": {"a": {"__proto__": 3}}}`,
  )
  assert.equal(odd.status, 400, odd.text)
  assert.match(odd.text, /__proto__/)
})

test('nor does it set one of the pipeline to such a value, or a command to what no program can be given', async () => {
  const made = await makeVersion(DECLARED)
  assert.equal(made.status, 200, made.text)
  const given = [
    [`"set": {"big": ${'9'.repeat(4301)}}`, /set\.big: got 9{80}…, expected a whole number of at most 4300 digits/],
    ['"set": {"text": "a\\u0000b"}', /set\.text: .*zero byte/],
    [`"params": {"a": {"t": "${'x'.repeat(140_000)}"}}`, /params\.a\.t: got x{80}…, expected at most 131071 bytes/],
  ] as const
  for (const [more, says] of given) {
    const said = await ask('POST', '/v1/pipeline-runs', `{"pipeline_version": "${made.body['id']}", ${more}}`)
    assert.equal(said.status, 400, said.text.slice(0, 300))
    assert.match(said.text, says)
  }
})

test('the largest number that is taken is read by the step, and nothing is tried twice', async () => {
  const body = `{"pipeline_version": "${version}", "params": {"a": {"x": ${'9'.repeat(4300)}}}}`
  const made = await ask('POST', '/v1/pipeline-runs', body)
  assert.equal(made.status, 201, made.text.slice(0, 300))
  const id = String(made.body['id'])
  const run = await until('the end of the run', async () => {
    const said = await ask('GET', `/v1/pipeline-runs/${id}`)
    const { finished_at } = said.body as { finished_at?: string | null }
    return finished_at !== null && said
  })
  assert.match(run.text, /"state":"succeeded"/)
  const log = await fetch(`${server.url}/v1/pipeline-runs/${id}/steps/a/logs/text`, {
    headers: { authorization: `Bearer ${server.token}` },
  })
  assert.match(await log.text(), /4300/)
})
