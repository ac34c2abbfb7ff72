/** A loop with checkpoints whose node is killed at random points goes on, on the next, from what had arrived: the result is that of the undisturbed loop. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../../test/until.ts'
import type { AttemptSpec, Driver } from '../drivers/driver.ts'
import { logOf } from '../drivers/logs.fixture.ts'
import { attemptOf, overAs } from '../drivers/remote/attempts.fixture.ts'
import { openRig, type Rig } from '../drivers/remote/rig.fixture.ts'
import { dice, kill, ROUNDS, TRAIN } from './train.fixture.ts'

describe('killed at random on another machine', () => {
  let rig: Rig
  let driver: Driver
  before(async () => {
    rig = await openRig({ leaseMs: 400 })
    driver = rig.driver()
  })
  after(() => rig.close())

  const program = `${TRAIN}\nprint("came to", train(5, ${ROUNDS}, 0))`
  /** Does not end by itself. */
  const endless = `${TRAIN}\ntrain(5, ${ROUNDS}, 0.5)\nwhile True: time.sleep(1)`
  const given = (resume: Awaited<ReturnType<Driver['storeCheckpoints']>>): Pick<AttemptSpec, 'checkpoints'> => ({
    checkpoints: { keep: 2, largest_bytes: 10_000_000, every_ms: null, between_ms: 60_000, resume },
  })
  const cameTo = async (attempt: string): Promise<string | undefined> =>
    /came to (.*)/.exec(await logOf(driver, attempt))?.[1]
  const over = async (attempt: string): Promise<string> => (await overAs(driver, attempt)).state

  test('twelve times by its node, it goes on from what had arrived', async () => {
    const roll = dice(13)
    await driver.submit(await attemptOf(rig, 'att_whole', program, given([])))
    assert.equal(await over('att_whole'), 'finished')
    const whole = await cameTo('att_whole')
    assert.match(whole ?? '', /^\[-?\d/)
    let kept: Awaited<ReturnType<Driver['storeCheckpoints']>> = []
    const steps: number[] = []
    for (let i = 0; i < 12; i++) {
      const attempt = `att_${i}`
      await driver.submit(await attemptOf(rig, attempt, endless, given(kept)))
      const begins = kept[0]?.step ?? -1
      await until(
        `a checkpoint of ${attempt}, which begins after round ${begins}`,
        async () =>
          (await driver.storeCheckpoints(attempt)).length > 0 ||
          (begins === ROUNDS - 1 && (await driver.usage(attempt)) !== undefined) ||
          (await driver.get(attempt, 'f')).state !== 'running',
      )
      // by the clock: it dies at another point each time, and does not end before
      await sleep(roll() * 600)
      const { child } = rig.launcher.jobs.get(attempt) ?? {}
      assert.ok(kill(child?.pid === undefined ? undefined : -child.pid), `${attempt} was killed while it ran`)
      assert.equal(await over(attempt), 'absent')
      const stored = await driver.storeCheckpoints(attempt)
      kept = stored.length > 0 ? stored : kept
      steps.push(kept[0]?.step ?? -1)
      await driver.kill(attempt)
    }
    assert.deepEqual(
      steps,
      steps.toSorted((a, b) => a - b),
      'it never falls back',
    )
    await driver.submit(await attemptOf(rig, 'att_last', program, given(kept)))
    assert.equal(await over('att_last'), 'finished')
    assert.equal(await cameTo('att_last'), whole)
    assert.ok(((await driver.checkpoints('att_last'))?.resumed?.step ?? 0) > 5, `it had come far: ${steps.join(' ')}`)
  })
})
