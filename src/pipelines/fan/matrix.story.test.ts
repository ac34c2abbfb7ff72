/** Retries × cache × items × cancel: what runs, and how often, against an oracle that knows which attempts were answered well. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ANA } from '../bench.fixture.ts'
import { cancelRun } from '../run/runs.ts'
import { openFanned, project, sorted, type Fanned } from './fan.fixture.ts'

const ALL = [1, 2, 3, 4, 5, 6]
const USER = { class: 'user', message: 'it broke', code: 1 } as const

type Cache = 'auto' | 'always' | 'never'
/** How item 3 fails: not, once with a retry left, or whenever it is tried. */
type Failing = 'never' | 'once' | 'always'

interface Case {
  readonly cache: Cache
  readonly failing: Failing
  readonly isCancelled: boolean
  readonly failures: 'stop' | 'collect'
}

const CASES: Case[] = (['auto', 'always', 'never'] as const).flatMap((cache) =>
  (['never', 'once', 'always'] as const).flatMap((failing) =>
    [false, true].flatMap((isCancelled) =>
      (['stop', 'collect'] as const).map((failures) => ({ cache, failing, isCancelled, failures })),
    ),
  ),
)

/** Answers attempts as a case says; `good` collects the items whose attempts were answered well. */
function answering(fan: Fanned, { failing, isCancelled }: Case, good: Set<unknown>): void {
  let tries = 0
  fan.answer = ({ params: { x } }) => {
    const fails = x === 3 && (failing === 'always' || (failing === 'once' && tries++ === 0))
    if (fails) return USER
    // the last two are still running when the run is cancelled
    if (isCancelled && Number(x) > 4) return undefined
    good.add(x)
    return {}
  }
}

/**
 * Whether nothing runs or may begin but items 5 and 6, which do not end: a cancel beside another one may come before or after its good end.
 * Both places are taken then, or too many items have failed.
 */
async function isInTheMiddle(fan: Fanned, id: string): Promise<boolean> {
  if ((await fan.view(id)).finished_at !== null) return true
  const items = await fan.items(id)
  const running = items.filter(({ state }) => state === 'running').map(({ item }) => Number(item))
  const isFull = running.length === 2 || items.every(({ state }) => state === 'running' || !open(state))
  return running.includes(5) && isFull && running.every((item) => item > 4 && fan.ran.includes(item))
}

async function cancel(fan: Fanned, id: string): Promise<void> {
  await cancelRun(fan.room.context, ANA, id)
  fan.driver.cancel = (attempt) => Promise.resolve(fan.driver.finish(attempt, { class: 'cancelled' }))
  fan.room.wake(id)
}

const open = (state: string): boolean => ['waiting', 'ready', 'running'].includes(state)

describe('every case', { concurrency: 4 }, () => {
  for (const given of CASES) {
    const { cache, failing, isCancelled, failures } = given
    test(`cache ${cache}, item 3 fails ${failing}, ${failures}${isCancelled ? ', cancelled' : ''}`, async (t) => {
      const fan = await openFanned(t)
      const good = new Set<unknown>()
      answering(fan, given, good)
      const files = project(`{range: [1, 6], at_once: 2, failures: ${failures}}`, `cache: ${cache}, retries: {user: 1}`)
      const first = await fan.begin(files)
      if (isCancelled) {
        await fan.until(() => isInTheMiddle(fan, first), 'it is in the middle')
        await cancel(fan, first)
      }
      const one = await fan.end(first)
      const stopped = failing === 'always' && failures === 'stop'
      const wanted = stopped ? ['failed', 'cancelled'] : [isCancelled ? 'cancelled' : 'succeeded']
      assert.ok(wanted.includes(one.outcome ?? ''), `${one.outcome}: ${one.message}`)
      const items = await fan.items(first)
      assert.deepEqual(
        items.filter(({ state }) => open(state)),
        [],
        'nothing stays open',
      )
      assert.deepEqual(
        items.filter(({ state }) => state === 'succeeded').map(({ item }) => item),
        ALL.filter((x) => good.has(x)),
      )

      const before = fan.ran.length
      fan.answer = () => ({})
      const again = one.outcome === 'succeeded' ? await fan.begin(files) : await fan.retry(first)
      const two = await fan.end(again)
      assert.equal(two.outcome, 'succeeded', two.message)
      const takesNothing = one.outcome === 'succeeded' && cache === 'never'
      const left = takesNothing ? ALL : ALL.filter((x) => !good.has(x))
      assert.deepEqual(sorted(fan.ran.slice(before)), left, 'what had succeeded is not run again')

      const fresh = await fan.end(await fan.begin(files))
      assert.deepEqual(sorted(fan.ran.slice(before + left.length)), cache === 'never' ? ALL : [])
      assert.deepEqual(fresh.steps[0]?.outputs, two.steps[0]?.outputs)
      const numbers = (await fan.items(fresh.id)).map(({ number }) => number)
      assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5])
      assert.deepEqual(fan.errors, [])
    })
  }
})
