/** `slipway cancel` and `slipway retry`: what they ask for, what they say, and with which code they end. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { problem } from '../../contract/errors.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import { pipelineRun } from '../answers.fixture.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'

let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => server.close())

const GOING = pipelineRun({ state: 'running', outcome: null, finished_at: null, message: 'is being cancelled' })
const CANCELLED = pipelineRun({ state: 'cancelled', outcome: 'cancelled', message: 'was cancelled' })
const FAILED = pipelineRun({ state: 'failed', outcome: 'failed', message: 'no' })

describe('slipway cancel', () => {
  it('asks the run to end, and waits until it has', async () => {
    server.answer(pipelinesApi.getPipelineRun, GOING, GOING, CANCELLED)
    server.answer(pipelinesApi.cancelPipelineRun, GOING)
    const { code, lines, data } = await server.slipway('cancel', 'run_1')
    assert.deepEqual([code, lines.at(-1), data], [0, 'Run run_1: cancelled. was cancelled', [CANCELLED]])
    assert.deepEqual(server.asked(pipelinesApi.cancelPipelineRun)[0]?.params, ['run_1'])
  })
  it('ends with 1 where the run came to another end first', async () => {
    server.answer(pipelinesApi.getPipelineRun, GOING, pipelineRun())
    server.answer(pipelinesApi.cancelPipelineRun, GOING)
    const { code, lines } = await server.slipway('cancel', 'run_1')
    assert.deepEqual([code, lines.at(-1)], [1, 'Run run_1: succeeded. All is done.'])
  })
  for (const [ended, code] of [
    [CANCELLED, 0],
    [pipelineRun(), 1],
    [FAILED, 1],
  ] as const)
    it(`asks for nothing of a run that has ended as ${ended.outcome}`, async () => {
      server.answer(pipelinesApi.getPipelineRun, ended)
      server.answer(pipelinesApi.cancelPipelineRun, ended)
      const said = await server.slipway('cancel', 'run_1')
      assert.deepEqual([said.code, said.data], [code, [ended]])
      assert.match(said.lines[0] ?? '', /^Run run_1 has ended before: /)
      assert.deepEqual(server.asked(pipelinesApi.cancelPipelineRun), [])
    })
  it('needs a run that there is', async () => {
    await assert.rejects(server.slipway('cancel'), usage(/cancel needs a run: slipway cancel RUN/))
    server.answer(pipelinesApi.getPipelineRun, problem('not_found', { what: 'pipeline run', id: 'run_1' }))
    await assert.rejects(server.slipway('cancel', 'run_1'), { code: 'not_found' })
  })
})

describe('slipway retry', () => {
  it('starts the retry and follows it to its end', async () => {
    server.answer(pipelinesApi.getPipelineRun, FAILED, pipelineRun({ id: 'run_2' }))
    server.answer(pipelinesApi.retryPipelineRun, pipelineRun({ id: 'run_2', outcome: null, finished_at: null }))
    const { code, lines } = await server.slipway('retry', 'run_1')
    assert.equal(code, 0)
    assert.equal(lines[0], `Run run_2 of flights retries run_1: ${server.url}/pipelines/run_2`)
    assert.match(lines.at(-1) ?? '', /^Run run_2: succeeded; /)
    assert.deepEqual(server.asked(pipelinesApi.retryPipelineRun)[0]?.params, ['run_1'])
  })
  it('ends as the retry does', async () => {
    server.answer(pipelinesApi.getPipelineRun, CANCELLED, CANCELLED)
    server.answer(pipelinesApi.retryPipelineRun, pipelineRun())
    assert.equal((await server.slipway('retry', 'run_1')).code, 3)
  })
  it('refuses a run that succeeded, and one that goes on', async () => {
    await assert.rejects(server.slipway('retry'), usage(/retry needs a run: slipway retry RUN/))
    server.answer(pipelinesApi.getPipelineRun, pipelineRun())
    server.answer(pipelinesApi.retryPipelineRun, problem('conflict', { detail: 'it has not ended' }))
    await assert.rejects(server.slipway('retry', 'run_1'), usage(/run run_1 succeeded, so there is nothing to retry/))
    assert.deepEqual(server.asked(pipelinesApi.retryPipelineRun), [])
    server.answer(pipelinesApi.getPipelineRun, GOING)
    await assert.rejects(server.slipway('retry', 'run_1'), { code: 'conflict' })
  })
})
