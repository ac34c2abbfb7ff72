/** What a module that reads a model may take: processor time, whoever else keeps the machine busy, and a long time of the clock. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { inEnvironment, LimitReached } from './model-python.ts'
import type { ModelLimits } from './model-python.ts'
import { interpreterOf } from './python.fixture.ts'

/** Runs a shell script in the place of an interpreter; resolves to what it printed. */
function run(t: TestContext, script: string, limits?: ModelLimits): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-limits-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const [python, dir, out] = [join(folder, 'python'), join(folder, 'model'), join(folder, 'out')]
  for (const each of [dir, out]) mkdirSync(each)
  writeFileSync(python, interpreterOf(script))
  chmodSync(python, 0o755)
  const { signal } = new AbortController()
  return inEnvironment({ python, module: 'slipway.lower', dir, out, signal, plan: null, ...(limits && { limits }) })
}

const told = (message: string) => (error: unknown) => {
  assert.ok(error instanceof LimitReached, String(error))
  assert.equal(error.message, message)
  return true
}

test('one that computes for longer than it may is ended by its processor time, whatever the clock says', async (t) => {
  const spins = run(t, 'while :; do :; done', { cpuSeconds: 1, wallMs: 3_600_000 })
  await assert.rejects(spins, told('it took more than 1 s of CPU'))
})

test('one that waits takes no processor time, and is ended by the clock alone, though it minds no signal', async (t) => {
  const waits = `trap '' TERM\nwhile :; do sleep 0.05; done`
  await assert.rejects(run(t, waits, { cpuSeconds: 600, wallMs: 600 }), told('it took longer than 0.01 minutes'))
})

test('one that needs more of the clock than of the processor ends by itself', async (t) => {
  // by the clock: longer than its limit of processor time, of which it takes next to none
  assert.equal(await run(t, 'sleep 1.2; echo done', { cpuSeconds: 1, wallMs: 3_600_000 }), 'done\n')
})

test('without limits of its own it has ten minutes of processor time, half a minute more where it minds the signal, and no core file', async (t) => {
  const printed = await run(t, 'ulimit -S -t; ulimit -H -t; ulimit -S -c; echo "$@"')
  const [soft, hard, core, args] = printed.trim().split('\n')
  assert.deepEqual([soft, hard, core], ['600', '630', '0'])
  assert.match(args ?? '', /^-m slipway\.lower \S+\/model \S+\/out$/)
})
