/** What every driver must do with checkpoints: keep the last good ones of an attempt that ends, and hand them to the next. */
import assert from 'node:assert/strict'
import type { AttemptSpec, Driver } from './driver.ts'
import { logOf } from './logs.fixture.ts'
import { ended, sees, type Add, type Suite } from './suite.fixture.ts'

/** The steps of these cases. */
export const CHECKPOINTS_CODE: Readonly<Record<string, string>> = {
  'steps/kept.py': `
import pathlib, time
from slipway import checkpoint, resume, stopping
def works(rounds, fails):
    last = resume()
    state, first = (last.state, last.step + 1) if last else ({"sum": 0.1}, 0)
    for step in range(first, rounds):
        state["sum"] = state["sum"] * 1.1 + step
        checkpoint(state, step=step)
    print("ended with", first, repr(state["sum"]))
    if fails: raise ValueError("as asked")
def files(fails):
    last = resume()
    if last: print("found", sorted(p.name for p in last.state.iterdir()), (last.state / "b").read_text())
    made = pathlib.Path("made"); made.mkdir()
    (made / "a").write_bytes(bytes(range(256)) * 4000); (made / "b").write_text("b")
    checkpoint(made, step=1)
    if fails: raise ValueError("as asked")
def stops():
    resume()
    print("ready", flush=True)
    while not stopping(): time.sleep(0.02)
    checkpoint("the last word", step=7)
`,
}

/** As an attempt is told of checkpoints that is the next after one that made these. */
const told = (resume: NonNullable<AttemptSpec['checkpoints']>['resume']): Pick<AttemptSpec, 'checkpoints'> => ({
  checkpoints: { keep: 2, largest_bytes: 100_000_000, every_ms: null, between_ms: 3_600_000, resume },
})

export function checkpointCases({ driver, spec, finish }: Suite, add: Add): void {
  const stored = (made: AttemptSpec): ReturnType<Driver['storeCheckpoints']> => driver.storeCheckpoints(made.attempt)

  add('an attempt goes on from the last checkpoint of the one before, whatever ended that', async () => {
    const first = await spec('steps.kept:works', { params: { rounds: 4, fails: true }, ...told([]) })
    assert.equal((await finish(first)).exit.class, 'user')
    const kept = await stored(first)
    assert.deepEqual([kept[0]?.number, kept[0]?.step], [4, 3])
    assert.equal((await driver.checkpoints(first.attempt))?.made, 4)
    // all that is said of checkpoints is sent before the word of an end that is not well; before any other where there is time
    const next = await spec('steps.kept:works', { params: { rounds: 9, fails: true }, ...told(kept) })
    const whole = await spec('steps.kept:works', { params: { rounds: 9, fails: false }, ...told([]) })
    const [there, expected] = [await finish(next), await finish(whole)]
    assert.equal(there.exit.message, 'ValueError: as asked')
    assert.equal(expected.exit.class, 'ok', `${expected.exit.message}\n${expected.log}`)
    assert.equal(/ended with 4 (.*)/.exec(there.log)?.[1], /ended with 0 (.*)/.exec(expected.log)?.[1], expected.log)
    assert.deepEqual(
      [(await driver.checkpoints(next.attempt))?.resumed?.step, (await driver.checkpoints(next.attempt))?.made],
      [3, 5],
    )
  })

  add('a checkpoint that is a folder comes back as it was', async () => {
    const first = await spec('steps.kept:files', { params: { fails: true }, ...told([]) })
    await finish(first)
    const next = await spec('steps.kept:files', { params: { fails: false }, ...told(await stored(first)) })
    assert.match((await finish(next)).log, /found \['a', 'b'\] b/)
  })

  add('an attempt that is asked to end has time for a checkpoint, which is kept', async () => {
    const made = await spec('steps.kept:stops', { ...told([]), grace_ms: 600_000 })
    await driver.submit(made)
    await sees(driver, made, async () => (await logOf(driver, made.attempt)).includes('ready'))
    await driver.cancel(made.attempt)
    assert.equal((await ended(driver, made)).class, 'cancelled')
    assert.deepEqual(
      (await stored(made)).map(({ step }) => step),
      [7],
    )
  })

  add('a checkpoint that is gone from the store leaves the one before, and says so', async () => {
    const first = await spec('steps.kept:works', { params: { rounds: 2, fails: true }, ...told([]) })
    await finish(first)
    const gone = { number: 9, tree: `sha256:${'0'.repeat(64)}` }
    const next = await spec('steps.kept:works', {
      params: { rounds: 3, fails: false },
      ...told([gone, ...(await stored(first))]),
    })
    const { exit, log } = await finish(next)
    assert.equal(exit.class, 'ok')
    assert.match(log, /damaged and not used[\s\S]*ended with 2 /)
  })
}
