/** The record of a pipeline's step, written by the server on its tracking run: through `slipway run` in a git folder, and `slipway diff`. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { z } from 'zod'
import { retentionApi } from '../../src/contract/tracking/retention.ts'
import { trackingApi } from '../../src/contract/tracking.ts'
import type { Run } from '../../src/contract/tracking.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')

const FILES: Record<string, string> = {
  'slipway.yaml': `project: weather
pipeline:
  steps:
    fetch: {run: weather.fetch:main, outputs: [table]}
    train: {run: weather.train:main, inputs: {table: fetch.table}, params: {rate: 0.5}, outputs: [model], seed: 11}
`,
  'weather/__init__.py': '',
  'weather/fetch.py': 'def main(table):\n    table.write_text("1\\n2\\n3\\n")\n',
  'weather/train.py': `def main(table, model, rate):
    model.mkdir()
    (model / "weights.txt").write_text(str(sum(map(int, table.read_text().split())) * rate))
    return {"loss": 0.25}
`,
}

const folder = mkdtempSync(join(tmpdir(), 'slipway-step-record-'))
const project = join(folder, 'project')
let server: TestServer

function git(...args: string[]): string {
  const names = ['-c', 'user.name=t', '-c', 'user.email=t@example.org']
  return execFileSync('git', [...names, ...args], { cwd: project, encoding: 'utf8' })
}

async function slipway(...args: string[]): Promise<string> {
  const env = { ...process.env, SLIPWAY_TOKEN: server.token }
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args, '--url', server.url], { env })
  return stdout
}

/** The newest tracking run of a step. */
async function runOf(step: string): Promise<z.output<typeof Run>> {
  const query = { filter: `tags.\`slipway.step\` = '${step}'`, order_by: ['attributes.start_time DESC'], limit: 1 }
  const [run] = (await server.client.call(trackingApi.listRuns, { query })).items
  return server.client.call(trackingApi.getRun, { params: { id: run?.id ?? '' } })
}

async function artifact(run: string, path: string): Promise<string> {
  const headers = { authorization: `Bearer ${server.token}` }
  return (await fetch(`${server.url}/get-artifact?run_uuid=${run}&path=${path}`, { headers })).text()
}

describe('the record of a step', () => {
  before(async () => {
    for (const [name, text] of Object.entries(FILES)) {
      mkdirSync(dirname(join(project, name)), { recursive: true })
      writeFileSync(join(project, name), text)
    }
    git('init', '-q', '-b', 'trunk')
    git('add', '.')
    git('commit', '-q', '-m', 'first')
    server = await startTestServer({ env: { SLIPWAY_CACHE: join(folder, 'cache') } })
  })

  after(async () => {
    await server?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('names commit, environment, data, seed and command, and a patch where the folder is not clean', async () => {
    await slipway('run', project)
    const clean = await runOf('train')
    const fetched = await runOf('fetch')
    assert.equal(clean.tags['slipway.record.commit'], git('rev-parse', 'HEAD').trim())
    assert.equal(clean.tags['slipway.record.branch'], 'trunk')
    assert.equal(clean.tags['slipway.record.patch'], undefined)
    assert.equal(clean.tags['slipway.record.seed'], '11')
    assert.equal(clean.tags['slipway.record.argv'], '["weather.train:main"]')
    assert.match(clean.tags['slipway.record.environment'] ?? '', /^sha256:[0-9a-f]{64}$/)
    assert.match(clean.tags['slipway.record.data'] ?? '', /^\{"table":"sha256:[0-9a-f]{64}"\}$/)
    assert.equal(fetched.tags['slipway.record.data'], '{}')
    assert.deepEqual(
      clean.artifacts.map(({ path }) => path),
      ['slipway/record.json'],
    )
    const record = JSON.parse(await artifact(clean.id, 'slipway/record.json')) as { code: Record<string, string> }
    const hash = createHash('sha256')
      .update(readFileSync(join(project, 'weather/train.py')))
      .digest('hex')
    assert.equal(record.code['weather/train.py'], `sha256:${hash}`)

    writeFileSync(join(project, 'weather/train.py'), `${FILES['weather/train.py'] ?? ''}# größer\n`)
    await slipway('run', project, '--param', 'train.rate=0.75')
    const dirty = await runOf('train')
    assert.notEqual(dirty.id, clean.id)
    const patch = git('diff', '--binary', 'HEAD')
    assert.equal(await artifact(dirty.id, 'slipway/patch.diff'), patch)
    const digest = `sha256:${createHash('sha256').update(patch).digest('hex')}`
    assert.equal(dirty.tags['slipway.record.patch'], digest)

    const { parts } = await server.client.call(retentionApi.diff, { params: { id: clean.id, other: dirty.id } })
    assert.deepEqual(Object.fromEntries(parts.map(({ part, state }) => [part, state])), {
      code: 'changed',
      patch: 'changed',
      environment: 'same',
      data: 'same',
      params: 'changed',
      seed: 'same',
      arguments: 'same',
      hardware: 'same',
      metrics: 'same',
    })
    const changes = (part: string): unknown => parts.find((one) => one.part === part)?.changes
    assert.deepEqual(changes('params'), [{ key: 'rate', left: '0.5', right: '0.75' }])
    assert.deepEqual(changes('patch'), [{ key: 'patch', left: 'none', right: digest }])
    const said = await slipway('diff', clean.id, dirty.id)
    assert.match(said, /code: changed/)
    assert.match(said, /weather\/train\.py/)
    assert.match(said, /seed: same/)
  })

  it('outside of a repository the digests of the code still tell two runs apart', async () => {
    rmSync(join(project, '.git'), { recursive: true })
    const before = await runOf('train')
    writeFileSync(join(project, 'weather/train.py'), `${FILES['weather/train.py'] ?? ''}SMALLER = True\n`)
    await slipway('run', project)
    const now = await runOf('train')
    assert.notEqual(now.id, before.id)
    assert.equal(now.tags['slipway.record.commit'], undefined)
    const { parts } = await server.client.call(retentionApi.diff, { params: { id: before.id, other: now.id } })
    const code = parts.find((one) => one.part === 'code')
    assert.deepEqual(
      code?.changes.map(({ key }) => key),
      ['commit', 'weather/train.py'],
    )
  })
})
