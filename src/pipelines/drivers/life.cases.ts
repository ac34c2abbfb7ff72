/** What every driver must do over the life of an attempt: tell how it goes, end it when asked, and believe no wrong word. */
import assert from 'node:assert/strict'
import { until } from '../../../test/until.ts'
import type { Exit } from './driver.ts'
import { logOf } from './logs.fixture.ts'
import { ended, gate, sees, type Add, type Suite } from './suite.fixture.ts'

/** The steps of these cases. */
export const LIFE_CODE: Readonly<Record<string, string>> = {
  'steps/life.py': `
import os, signal, sys, time
def tidy():
    def end(*_):
        print("tidied", flush=True)
        sys.exit(0)
    signal.signal(signal.SIGTERM, end)
    print("ready", flush=True)
    time.sleep(600)
def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready", flush=True)
    time.sleep(600)
def quiet():
    print("ready", flush=True)
    while not os.path.exists(os.environ["GO"]): time.sleep(0.02)
def works():
    kept = bytearray(40_000_000)
    while not os.path.exists(os.environ["GO"]): sum(range(100_000))
def short(): print("done")
`,
}

export function lifeCases({ driver, spec, finish, again }: Suite, add: Add): void {
  const ready = async (made: { readonly attempt: string; readonly fence: string }): Promise<void> => {
    // its line comes in two pieces, and the signal may come between them
    await until('its line', async () => (await logOf(driver, made.attempt)).includes('\n'))
  }

  add('a step that is cancelled has its grace time to tidy up', async () => {
    const made = await spec('steps.life:tidy', { grace_ms: 600_000 })
    await driver.submit(made)
    await ready(made)
    await driver.cancel(made.attempt)
    assert.equal((await ended(driver, made)).class, 'cancelled')
    assert.match(await logOf(driver, made.attempt), /^ready\ntidied\n/)
  })

  add('a step that does not end when it is cancelled is ended by force after its grace time', async () => {
    const made = await spec('steps.life:stubborn', { grace_ms: 500 })
    await driver.submit(made)
    await ready(made)
    await driver.cancel(made.attempt)
    const exit = await ended(driver, made)
    assert.deepEqual([exit.class, exit.signal], ['cancelled', 9])
  })

  add('while it runs, a driver tells for how long the step has put out nothing', async () => {
    const { env, go } = gate()
    const made = await spec('steps.life:quiet', { env })
    await driver.submit(made)
    await sees(
      driver,
      made,
      (status) => status.state === 'running' && status.quiet_ms > 1000 && status.silent_ms < 10_000,
    )
    go()
    assert.equal((await ended(driver, made)).class, 'ok')
  })

  add('while it runs, a driver tells what the attempt has used', async () => {
    const { env, go } = gate()
    const made = await spec('steps.life:works', { env })
    await driver.submit(made)
    // its interpreter has worked before its memory is asked for
    await sees(driver, made, async () => {
      const { cpu_seconds = 0, max_rss_bytes = 0 } = (await driver.usage(made.attempt)) ?? {}
      return cpu_seconds > 0.2 && max_rss_bytes > 40_000_000
    })
    const usage = await driver.usage(made.attempt)
    go()
    const exit = await ended(driver, made)
    assert.ok(exit.cpu_seconds >= (usage?.cpu_seconds ?? Infinity))
  })

  add('what has ended stays as it ended, whatever is asked of it after', async () => {
    const made = await spec('steps.life:short')
    const { exit } = await finish(made)
    await driver.cancel(made.attempt)
    await driver.kill(made.attempt)
    await driver.submit(made)
    const kept = await driver.get(made.attempt, made.fence)
    const { started_at: _from, finished_at: _to, ...same } = exit
    assert.ok(kept.state === 'finished')
    assert.deepEqual({ ...kept.exit, ...same }, kept.exit)
    assert.equal((await again().get(made.attempt, made.fence)).state, 'finished')
  })

  add('an attempt that nobody knows is absent, and may be cancelled, killed and deleted', async () => {
    const id = 'att_000000000000'
    await driver.cancel(id)
    await driver.kill(id)
    await driver.delete(id)
    assert.deepEqual(await driver.get(id, 'f'), { state: 'absent' })
    assert.equal((await driver.logs(id, 0, 10)).length, 0)
    assert.equal(await driver.storeLog(id), undefined)
    assert.equal(await driver.usage(id), undefined)
    assert.ok(!(await driver.list()).includes(id))
    await assert.rejects(driver.collect(id, 'out'), { code: 'not_found' })
  })

  add('an attempt with another fence is never finished', async () => {
    const made = await spec('steps.life:short')
    await finish(made)
    await sees(driver, { ...made, fence: 'older' }, (status) => {
      assert.notEqual(status.state, 'finished')
      return status.state === 'absent'
    })
  })

  add('several attempts at once end each with its own log', async () => {
    const all = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (text) => {
        const made = await spec(['python3', '-c', `print(${JSON.stringify(text)} * 3)`])
        return (await finish(made)).log
      }),
    )
    assert.deepEqual(all, ['aaa\n', 'bbb\n', 'ccc\n', 'ddd\n'])
  })

  add('times of an exit lie between its start here and now', async () => {
    const before = Date.now()
    const { exit } = await finish(await spec('steps.life:short'))
    const [after, slack] = [Date.now(), 2000]
    const within = ({ started_at, finished_at }: Exit): boolean =>
      started_at > before - slack && finished_at >= started_at && finished_at < after + slack
    assert.ok(within(exit), `${exit.started_at - before} to ${exit.finished_at - before}`)
  })
}
