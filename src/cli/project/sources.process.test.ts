/** Declared sources by the commands of a real server: run, plan, a proof of what was read then, and a folder that its operator did not name. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { until } from '../../../test/until.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import { output } from '../invocation/output.ts'
import { connect } from '../invocation/server.ts'
import { slipway } from '../program.fixture.ts'
import { follow, type PipelineRun } from './follow.ts'

const MAIN = join(import.meta.dirname, '../main.ts')
const root = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-cli-sources-')))
const [data, project, source] = [join(root, 'data'), join(root, 'project'), join(root, 'open/flights.csv')]
const env = { SLIPWAY_DATA: data, SLIPWAY_SOURCE_FOLDERS: join(root, 'open') }
let server: ReturnType<typeof spawn> | undefined

const write = (file: string): void =>
  writeFileSync(
    join(project, 'slipway.yaml'),
    `project: flights
sources: {flights: {file: ${file}, table: csv, fresh: 1 hour}}
pipeline: {steps: {count: {run: "steps:count", inputs: {flights: sources.flights}, outputs: [out]}}}
`,
  )

/** Proves a run, as `slipway reproduce` does for the run behind a version. */
async function proofOf(run: string): Promise<PipelineRun> {
  const { client } = await connect({ args: [], flags: { data }, out: output(false) })
  const { run: started } = await client.call(pipelinesApi.reproducePipelineRun, { params: { id: run }, body: {} })
  return follow(client, started?.id ?? '', output(true))
}

before(async () => {
  for (const folder of [project, join(root, 'open')]) mkdirSync(folder)
  writeFileSync(
    join(project, 'steps.py'),
    'def count(flights, out):\n    out.write_text(flights.read_text())\n    return {"lines": flights.read_text().count("\\n")}\n',
  )
  writeFileSync(source, 'x\n1\n2\n')
  write(source)
  server = spawn(process.execPath, [MAIN, 'serve', '--port', '0', '--gateway-port', '0', '--gateways', '0'], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  })
  await until('the server to say where it is', () => existsSync(join(data, 'server.json')))
})
after(() => {
  server?.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true, maxRetries: 5 })
})

test('a run says what it read; a plan hits until the source changes; a proof has what was read then', async () => {
  const first = await slipway(env, 'run', project)
  assert.equal(first.code, 0, first.text)
  assert.match(first.text, /source flights: 2 rows, 6 bytes, sha256:[0-9a-f]{12}/)
  const [, run = ''] = /Run (pr_\w+): succeeded/.exec(first.text) ?? []
  writeFileSync(source, 'x\n1\n2\n3\n')
  const plan = await slipway(env, 'plan', project)
  assert.match(plan.text, /count: decided at run time.*source "flights" is read when the run begins/)
  const proof = await proofOf(run)
  assert.deepEqual([proof.reproduction?.grade, proof.sources?.[0]?.rows], ['A', 2], JSON.stringify(proof.reproduction))
  const again = await slipway(env, 'run', project)
  assert.match(again.text, /source flights: 3 rows, 8 bytes.*\n.*count succeeded.*flights/)
})

test('a source that may not be read ends the run with code 1 and names folder and setting', async () => {
  write('/etc/hostname')
  const { code, text } = await slipway(env, 'run', project)
  assert.equal(code, 1, text)
  assert.match(text, /user: source "flights": \/etc\/hostname is not below a folder .*SLIPWAY_SOURCE_FOLDERS/)
})
