/** Whose schedule it is, over HTTP and by the command line: a contributor neither changes nor ends what a maintainer decided. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { slipway } from '../../src/cli/program.fixture.ts'
import { authApi } from '../../src/contract/auth.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { startTestServer } from '../server.ts'

test('a contributor’s file keeps the schedule of a maintainer, and is told so everywhere', async (t) => {
  const server = await startTestServer()
  const folder = mkdtempSync(join(tmpdir(), 'slipway-schedules-'))
  t.after(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const tokenOf = async (name: string, role: 'contributor' | 'maintainer'): Promise<string> =>
    (await server.client.call(authApi.createToken, { body: { name, role } })).token
  const tokens = { mia: await tokenOf('mia', 'maintainer'), cora: await tokenOf('cora', 'contributor') }
  writeFileSync(join(folder, 'job.py'), 'def main():\n    pass\n')
  const run = async (who: keyof typeof tokens, schedule: string) => {
    const text = `project: timed\npipeline:\n  ${schedule}\n  steps: {a: {run: job:main}}\n`
    writeFileSync(join(folder, 'slipway.yaml'), text)
    return slipway({ SLIPWAY_URL: server.url, SLIPWAY_TOKEN: tokens[who] }, 'run', folder)
  }
  // that of a day which hardly comes while this runs
  const first = await run('mia', 'schedule: {cron: "0 4 29 2 *"}')
  assert.equal(first.code, 0, first.text)
  assert.doesNotMatch(first.text, /Not taken over/)
  const stayed = 'the schedule of the project stayed: cora, as contributor, may not change it'
  for (const schedule of ['schedule: {cron: "* * * * *"}', 'salt: none']) {
    const { code, text } = await run('cora', schedule)
    assert.equal(code, 0, text)
    assert.ok(text.includes(`Not taken over: ${stayed}.`), text)
  }
  const { items } = await server.client.call(pipelinesApi.listPipelineRuns, { query: {} })
  const one = await server.client.call(pipelinesApi.getPipelineRun, { params: { id: items[0]?.id ?? '' } })
  assert.deepEqual(one.not_granted, [stayed])
  const { items: trail } = await server.client.call(authApi.listAudit, { query: { limit: 50 } })
  const told = trail.filter(({ resource_id, detail }) => resource_id === 'timed' && 'schedule' in detail)
  assert.deepEqual(
    told.map(({ actor, detail }) => [actor, 'not_taken_over' in detail]),
    [
      ['cora', true],
      ['cora', true],
      ['mia', false],
    ],
  )
})
