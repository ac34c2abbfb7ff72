/** A stage that failed is told of with the end of its report, so that the reason stands where a long log is read: at its end. */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { createProgress } from './progress.ts'
import { runStages } from './stage.ts'
import type { Outcome } from './stage.ts'

async function told(outcome: Outcome): Promise<{ printed: string; failed: [string, string][] }> {
  const out = new PassThrough()
  const failed: [string, string][] = []
  const stage = { name: 'tests', run: async () => outcome }
  await runStages([stage], {
    filters: [],
    progress: createProgress(out),
    failed: (name, report) => void failed.push([name, report]),
  })
  return { printed: String(out.read()), failed }
}

test('only the last sixty lines of a failed report are told again; all of it is printed where it failed', async () => {
  const lines = Array.from({ length: 100 }, (_, i) => `line ${i + 1}`)
  const { printed, failed } = await told({ ok: false, report: `${lines.join('\n')}\n\n` })
  assert.match(printed, /^line 1$/m)
  assert.deepEqual(failed, [['tests', lines.slice(40).join('\n')]])
})

test('a short report is told whole, none as an empty text, and a stage that passed or was skipped is not told of', async () => {
  assert.deepEqual((await told({ ok: false, report: 'one\ntwo\n' })).failed, [['tests', 'one\ntwo']])
  assert.deepEqual((await told({ ok: false })).failed, [['tests', '']])
  assert.deepEqual((await told({ ok: false, report: 'long', reasons: 'why' })).failed, [['tests', 'why']])
  assert.deepEqual((await told({ ok: true, report: 'noise' })).failed, [])
  assert.deepEqual((await told({ ok: true, skipped: 'no server' })).failed, [])
})

test('what a later stage needs is brought while those before it run, and it waits for that', async () => {
  const events: string[] = []
  const brought = Promise.withResolvers<void>()
  const first = {
    name: 'first',
    async run(): Promise<Outcome> {
      events.push('first runs')
      return { ok: true }
    },
  }
  const second = {
    name: 'second',
    async prepare() {
      events.push('bringing')
      await brought.promise
      events.push('brought')
    },
    async run(): Promise<Outcome> {
      events.push('second runs')
      return { ok: false }
    },
  }
  const running = runStages([first, second], { filters: [], progress: createProgress(new PassThrough()) })
  setImmediate(() => brought.resolve())
  const { passed, failed } = await running
  assert.deepEqual(events, ['bringing', 'first runs', 'brought', 'second runs'])
  assert.deepEqual([passed, failed], [1, 1])
})

test('a stage beside another runs at the same time, and the one behind them waits for both', async () => {
  const events: string[] = []
  const stage = (name: string, beside: boolean, turns: number) => ({
    name,
    beside,
    async run(): Promise<Outcome> {
      events.push(`${name} begins`)
      for (let i = 0; i < turns; i++) await new Promise((done) => setImmediate(done))
      events.push(`${name} ends`)
      return { ok: true }
    },
  })
  const stages = [stage('first', false, 2), stage('long', true, 9), stage('last', false, 0)]
  const { passed } = await runStages(stages, { filters: [], progress: createProgress(new PassThrough()) })
  assert.deepEqual(events, ['first begins', 'long begins', 'first ends', 'long ends', 'last begins', 'last ends'])
  assert.equal(passed, 3)
})

test('the CPU seconds of each stage are told, those of stages at the same time together', async () => {
  const out = new PassThrough()
  const stage = (name: string, beside: boolean) => ({ name, beside, run: async (): Promise<Outcome> => ({ ok: true }) })
  const stages = [stage('lint', false), stage('tests', false), stage('python', true), stage('docs', false)]
  await runStages(stages, { filters: [], progress: createProgress(out) })
  const said = /^seconds of CPU: lint N, tests and python N, docs N$/m
  assert.match(String(out.read()).replace(/\d+\.\d/g, 'N'), said)
})
