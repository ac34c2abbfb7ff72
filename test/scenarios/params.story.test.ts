/** Params on their way: from slipway.yaml, the command line and the API into the step's process, and back in every reply. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runProgram, type Ended } from '../../src/cli/program.fixture.ts'
import { startTestServer, type TestServer } from '../server.ts'
import { until } from '../until.ts'

const BIG = '9007199254740993'
const folder = mkdtempSync(join(tmpdir(), 'slipway-params-'))
const project = join(folder, 'project')
let server: TestServer

before(async () => {
  server = await startTestServer()
  mkdirSync(project)
  writeFileSync(
    join(project, 'slipway.yaml'),
    `project: params
python: {packages: []}
pipeline:
  steps:
    call: {run: "step:main", params: {big: ${BIG}, one: 1.0, text: "1.0", deep: [1.0, {k: -${BIG}}]}, outputs: [o]}
    command: {run: [python, show.py, "{params.big}", "{params.one}", "{outputs.o}", 1.10], params: {big: ${BIG}, one: 1.0}, env: {V: 1.10}, outputs: [o]}
`,
  )
  writeFileSync(join(project, 'step.py'), 'def main(o, **params):\n    o.write_text(repr(sorted(params.items())))\n')
  writeFileSync(
    join(project, 'show.py'),
    'import os, sys\nopen(sys.argv[3], "w").write(" ".join([*sys.argv[1:3], sys.argv[4], os.environ["V"]]))\n',
  )
})
after(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const slipway = (...words: string[]): Promise<Ended> =>
  runProgram(words, { cwd: folder, env: { SLIPWAY_DATA: server.data } })

/** The body as the server writes it. */
async function text(path: string, body?: string): Promise<string> {
  const reply = await fetch(`${server.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body }),
  })
  return reply.text()
}

async function ran(...more: string[]): Promise<{ id: string; out: string }> {
  const { out, said, code } = await slipway('run', project, '--json', ...more)
  assert.equal(code, 0, said)
  return { id: /"id":\s*"([^"]+)"/.exec(out)?.[1] ?? '', out }
}

const output = (id: string, step: string): Promise<string> =>
  text(`/v1/pipeline-runs/${id}/steps/${step}/outputs/o/file`)

test('the project file: each number comes as it is written, to a function, a command, replies and the record', async () => {
  const { id, out } = await ran()
  assert.equal(
    await output(id, 'call'),
    `[('big', ${BIG}), ('deep', [1.0, {'k': -${BIG}}]), ('one', 1.0), ('text', '1.0')]`,
  )
  assert.equal(await output(id, 'command'), `${BIG} 1.0 1.10 1.10`)
  const params = `"params":{"big":${BIG},"one":1.0,"text":"1.0","deep":[1.0,{"k":-${BIG}}]}`
  assert.ok((await text(`/v1/pipeline-runs/${id}`)).includes(params))
  assert.ok(out.replaceAll(/\s/g, '').includes(params), out)
  const explained = await text(`/v1/pipeline-runs/${id}/steps/call/explain`)
  assert.ok(explained.includes(`\\"big\\":${BIG}`) && explained.includes('\\"one\\":1.0'), explained)
  assert.ok((await text(`/v1/pipeline-runs/${id}/events`)).includes(params))
})

test('the command line, and a second run with the same digits comes from the cache', async () => {
  const flags = ['--param', 'call.big=9007199254740995', '--param', 'call.one=3.0']
  const { id } = await ran(...flags)
  assert.match(await output(id, 'call'), /^\[\('big', 9007199254740995\),.*\('one', 3\.0\)/)
  assert.match((await ran(...flags)).out, /"state":\s*"cached"/)
  const near = await ran('--param', 'call.big=9007199254740996', '--param', 'call.one=3.0')
  assert.match(await output(near.id, 'call'), /9007199254740996/)
})

test('the API, and a retry of that run', async () => {
  const body = `{"project":"params","params":{"call":{"big":-${BIG},"one":7,"deep":[2.0]}}}`
  const started = await text('/v1/pipeline-runs', body)
  const given = `"params":{"call":{"big":-${BIG},"one":7.0,"deep":[2.0]}}`
  assert.ok(started.includes(given), started)
  const { id } = JSON.parse(started) as { id: string }
  const isDone = async (): Promise<boolean> =>
    (await text(`/v1/pipeline-runs/${id}`)).includes('"state":"succeeded","outcome"')
  await until('the success of the run', isDone)
  assert.match(await output(id, 'call'), new RegExp(`'big', -${BIG}\\), \\('deep', \\[2\\.0\\]\\), \\('one', 7\\.0\\)`))
  assert.ok((await text(`/v1/pipeline-runs/${id}/retry`, '{}')).includes(given))
})

test('what cannot be a param is refused in words', async () => {
  const refused = async (param: string): Promise<string> => {
    const { code, said, out } = await slipway('run', project, '--param', param)
    assert.notEqual(code, 0, out)
    return said
  }
  assert.match(await refused('call.one=1e400'), /1e400 is beyond the largest float/)
  assert.match(await refused('call.one=NaN'), /params\.call\.one.*a number, as the project file declares it \(1\.0\)/)
  assert.match(await refused('call.big=1.0'), /a whole number/)
  assert.match(await refused('call.text=1.0'), /a text that looks like something else has quotes: "1\.0"/)
  const reply = await text('/v1/pipeline-runs', '{"project":"params","params":{"call":{"one":1e400}}}')
  assert.match(reply, /"malformed_body".*1e400 is beyond the largest float/)
})
