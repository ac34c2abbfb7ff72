/** Cases: a step that runs for each item, with a cache, retries, a resume and a policy for each, and a join of what they made. */
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { treeFiles } from '../../store/blobs/trees.ts'
import { ANA } from '../bench.fixture.ts'
import { cancelRun } from '../run/runs.ts'
import type { RunView } from '../run/view.ts'
import { openFanned, project, sorted, type Fanned } from './fan.fixture.ts'

/** Few at the same time: each has a database of its own. */
const SOME = { concurrency: 3 }

const USER = { class: 'user', message: 'it broke', code: 1 } as const

function step(run: RunView, name = 'fit'): RunView['steps'][number] {
  return run.steps.find((one) => one.name === name) ?? assert.fail(`no step ${name}`)
}

/** Items by state, as the run shows them. */
function states(run: RunView): unknown {
  return step(run).items?.states
}

async function contents(fan: Fanned, digest: string): Promise<Record<string, string>> {
  const files = await treeFiles(fan.store.blobs, digest)
  const read = files.map(async (file) => [file.path, (await fan.store.blobs.bytes(file.digest)).toString()] as const)
  return Object.fromEntries(await Promise.all(read))
}

/** Runs them on the databases that `where` makes: undefined is SQLite, else the URL of an empty PostgreSQL. */
export function fanCases(what: string, where: (t: TestContext) => Promise<string | undefined>): void {
  const open = async (t: TestContext): Promise<Fanned> => openFanned(t, await where(t))

  describe(`${what}: items`, SOME, () => {
    test('each runs once with its value, and the step after them gets a folder for each and their list', async (t) => {
      const fan = await open(t)
      const after = 'all: {run: "a:all", inputs: {parts: "fit.part[*]"}}'
      const run = await fan.end(await fan.begin(project('{item: ["a", "b", 3, 1.0]}', '', after)))
      assert.equal(run.outcome, 'succeeded', run.message)
      assert.deepEqual(sorted(fan.ran.slice(0, 4).map(String)), ['1.0', '3', 'a', 'b'])
      assert.deepEqual(states(run), { succeeded: 4 })
      const joined = step(run).outputs['part']?.digest ?? ''
      assert.equal(fan.driver.submitted.at(-1)?.inputs['parts'], joined)
      assert.deepEqual(await contents(fan, joined), {
        '0000/part': 'part of "a"',
        '0001/part': 'part of "b"',
        '0002/part': 'part of 3',
        '0003/part': 'part of 1.0',
        'items.json': `${JSON.stringify([
          { number: 0, item: 'a', state: 'succeeded', folder: '0000' },
          { number: 1, item: 'b', state: 'succeeded', folder: '0001' },
          { number: 2, item: 3, state: 'succeeded', folder: '0002' },
        ]).slice(0, -1)},{"number":3,"item":1.0,"state":"succeeded","folder":"0003"}]\n`,
      })
      const items = await fan.items(run.id)
      assert.deepEqual(
        items.map(({ number, name, state, attempts }) => [number, name, state, attempts.length]),
        [0, 1, 2, 3].map((number) => [number, `fit[${number}]`, 'succeeded', 1]),
      )
      assert.deepEqual(
        [...fan.tracked.values()]
          .map(({ name }) => name)
          .toSorted()
          .slice(1, 3),
        ['fit[0]', 'fit[1]'],
      )
    })

    test('again unchanged takes all of them, and a list that grew runs what is new', async (t) => {
      const fan = await open(t)
      const first = await fan.end(await fan.begin(project('{range: [1, 6]}')))
      assert.deepEqual(sorted(fan.ran), [1, 2, 3, 4, 5, 6])
      const again = await fan.end(await fan.begin(project('{range: [1, 6]}')))
      assert.equal(fan.ran.length, 6)
      assert.equal(step(again).state, 'cached')
      assert.equal(step(again).cache?.from_run, first.id)
      assert.match(step(again).cache?.reason ?? '', /results of all 6 items were taken/)
      assert.deepEqual(step(again).outputs, step(first).outputs)
      const grown = await fan.end(await fan.begin(project('{item: [7, 6, 5, 4, 3, 2, 1]}')))
      assert.deepEqual(fan.ran.slice(6), [7])
      assert.deepEqual(states(grown), { cached: 6, succeeded: 1 })
      assert.match(
        step(grown).cache?.reason ?? '',
        /results of 6 of 7 items were taken; the others ran: items 6 .* → 7 /,
      )
      const [seven, six] = await fan.items(grown.id)
      assert.match(seven?.cache?.reason ?? '', /has not run before/)
      assert.equal(six?.cache?.from_run, first.id)
    })

    test('of equal items one runs, and the other takes its result', async (t) => {
      const fan = await open(t)
      const run = await fan.end(await fan.begin(project('{item: [1, 2, 1]}')))
      assert.deepEqual(sorted(fan.ran), [1, 2])
      assert.deepEqual(states(run), { cached: 1, succeeded: 2 })
      const joined = await contents(fan, step(run).outputs['part']?.digest ?? '')
      assert.equal(joined['0000/part'], joined['0002/part'])
    })

    test('many equal items take a result together, and wait for no turn of their own', async (t) => {
      const fan = await open(t)
      const list = JSON.stringify(Array.from({ length: 600 }, (_, i) => (i === 599 ? 2 : 1)))
      const run = await fan.end(await fan.begin(project(`{item: ${list}, at_once: 1}`)))
      assert.deepEqual(fan.ran, [1, 2])
      assert.deepEqual(states(run), { cached: 598, succeeded: 2 })
      const taken = await fan.store.db.get<{ times: number }>(
        "SELECT count(DISTINCT finished_at) AS times FROM pipeline_steps WHERE run_id = ? AND state = 'cached'",
        [run.id],
      )
      assert.ok(Number(taken?.times) <= 5, JSON.stringify(taken))
    })

    test('an empty list is a success over nothing, and what comes after it gets an empty folder', async (t) => {
      const fan = await open(t)
      const after = 'all: {run: "a:all", inputs: {parts: "fit.part[*]"}}'
      const run = await fan.end(await fan.begin(project('{item: []}', '', after)))
      assert.equal(run.outcome, 'succeeded', run.message)
      assert.deepEqual(step(run).items, { count: 0, states: {}, needed: 0 })
      assert.deepEqual(await contents(fan, step(run).outputs['part']?.digest ?? ''), { 'items.json': '[]\n' })
      assert.equal(step(run).state, 'succeeded')
    })

    test('no more run at once than it says, though there are places', async (t) => {
      const fan = await open(t)
      fan.answer = () => undefined
      const id = await fan.begin(project('{range: [1, 9], at_once: 3}'))
      await fan.until(() => fan.ran.length === 3, 'three are submitted')
      const looks = (): number => fan.driver.looks.get(fan.driver.submitted[0]?.attempt ?? '') ?? 0
      const before = looks()
      await fan.until(() => looks() >= before + 3, 'the loop has looked')
      assert.equal(fan.ran.length, 3)
      assert.deepEqual(sorted(fan.ran), [1, 2, 3], 'in the order of the list')
      fan.answer = () => ({})
      fan.release()
      await fan.end(id)
      assert.equal(fan.most(), 3)
      assert.equal(fan.ran.length, 9)
    })

    test('places are held to without at_once, and other steps come to their turn', async (t) => {
      const fan = await openFanned(t, await where(t), { capacity: { cpus: 2, memory_bytes: 2 ** 40 } })
      const id = await fan.begin(project('{range: [1, 12]}'))
      const run = await fan.end(id)
      assert.equal(run.outcome, 'succeeded')
      assert.ok(fan.most() <= 2, `${fan.most()} at once`)
    })
  })

  describe(`${what}: items that fail`, SOME, () => {
    test('one that fails ends the step: those that run end, the rest is skipped, and a retry runs only what is left', async (t) => {
      const fan = await open(t)
      fan.answer = ({ params }) => (params['x'] === 2 ? USER : {})
      const failed = await fan.end(await fan.begin(project('{range: [1, 20], at_once: 1}')))
      assert.equal(failed.outcome, 'failed')
      assert.match(failed.message, /step "fit" failed: item 1 \(2\) failed: it broke/)
      assert.deepEqual(states(failed), { failed: 1, skipped: 18, succeeded: 1 })
      assert.equal((await fan.items(failed.id, 'skipped'))[0]?.skipped, 'too many items failed')
      fan.answer = () => ({})
      const retried = await fan.end(await fan.retry(failed.id))
      assert.equal(retried.outcome, 'succeeded', retried.message)
      assert.deepEqual(states(retried), { cached: 1, succeeded: 19 })
      assert.match((await fan.items(retried.id))[0]?.cache?.reason ?? '', /which this run retries/)
      assert.deepEqual(fan.ran.filter((x) => x === 1).length, 1)
    })

    test('a retry takes over what no cache keeps', async (t) => {
      const fan = await open(t)
      fan.answer = ({ params }) => (params['x'] === 3 ? USER : {})
      const failed = await fan.end(await fan.begin(project('{range: [1, 3], at_once: 1}', 'cache: never')))
      assert.deepEqual(states(failed), { failed: 1, succeeded: 2 })
      fan.answer = () => ({})
      const retried = await fan.end(await fan.retry(failed.id))
      assert.deepEqual(states(retried), { cached: 2, succeeded: 1 })
      assert.deepEqual(fan.ran, [1, 2, 3, 3])
      await fan.end(await fan.begin(project('{range: [1, 3], at_once: 1}', 'cache: never')))
      assert.deepEqual(fan.ran.slice(4), [1, 2, 3], 'a new run takes nothing')
    })

    test('each has retries of its own, by the budget of the step', async (t) => {
      const fan = await open(t)
      const tries = new Map<unknown, number>()
      fan.answer = ({ params: { x } }) => {
        tries.set(x, (tries.get(x) ?? 0) + 1)
        return (tries.get(x) ?? 0) <= (x === 2 ? 9 : 1) ? USER : {}
      }
      const run = await fan.end(await fan.begin(project('{range: [1, 3], failures: collect}', 'retries: {user: 2}')))
      assert.deepEqual(Object.fromEntries(tries), { 1: 2, 2: 3, 3: 2 })
      assert.deepEqual(states(run), { failed: 1, succeeded: 2 })
      const items = await fan.items(run.id)
      assert.deepEqual(
        items.map(({ attempts }) => attempts.map(({ number, state }) => `${number} ${state}`)),
        [
          ['1 failed', '2 succeeded'],
          ['1 failed', '2 failed', '3 failed'],
          ['1 failed', '2 succeeded'],
        ],
      )
    })

    const policies: [failures: string, failing: number[], outcome: string, states: object][] = [
      ['collect', [2, 3], 'succeeded', { failed: 2, succeeded: 2 }],
      ['collect', [1, 2, 3, 4], 'failed', { failed: 4 }],
      ['{at_least: 75%}', [2], 'succeeded', { failed: 1, succeeded: 3 }],
      ['{at_least: 75%}', [1, 2], 'failed', { failed: 2, skipped: 2 }],
      ['{at_least: 1}', [1, 2, 3], 'succeeded', { failed: 3, succeeded: 1 }],
      ['{at_least: 4}', [1], 'failed', { failed: 1, skipped: 3 }],
    ]
    for (const [failures, failing, outcome, expected] of policies) {
      test(`${failures} with ${failing.length} of 4 that fail: ${outcome}`, async (t) => {
        const fan = await open(t)
        fan.answer = ({ params }) => (failing.includes(params['x'] as number) ? USER : {})
        const run = await fan.end(await fan.begin(project(`{range: [1, 4], at_once: 1, failures: ${failures}}`)))
        assert.equal(run.outcome, outcome, run.message)
        assert.deepEqual(states(run), expected)
        if (outcome !== 'succeeded') return
        const joined = await contents(fan, step(run).outputs['part']?.digest ?? '')
        assert.equal(Object.keys(joined).length, 4 - failing.length + 1)
        const listed = JSON.parse(joined['items.json'] ?? '') as {
          number: number
          state: string
          folder: string | null
        }[]
        assert.deepEqual(
          listed.map(({ number, state, folder }) => [number, state, folder]),
          [0, 1, 2, 3].map((n) => (failing.includes(n + 1) ? [n, 'failed', null] : [n, 'succeeded', `000${n}`])),
        )
      })
    }
  })

  describe(`${what}: a run that is cancelled`, () => {
    test('ends those that run and those that wait, and a retry goes on from there', async (t) => {
      const fan = await open(t)
      fan.answer = ({ params }) => (params['x'] === 1 ? {} : undefined)
      const id = await fan.begin(project('{range: [1, 8], at_once: 2}'))
      await fan.until(() => fan.ran.length === 3, 'the third is submitted')
      fan.driver.cancel = (attempt) => Promise.resolve(fan.driver.finish(attempt, { class: 'cancelled' }))
      await cancelRun(fan.room.context, ANA, id)
      fan.room.wake(id)
      const run = await fan.end(id)
      assert.equal(run.outcome, 'cancelled')
      assert.equal(step(run).state, 'cancelled')
      assert.deepEqual(states(run), { cancelled: 7, succeeded: 1 })
      fan.answer = () => ({})
      const retried = await fan.end(await fan.retry(id))
      assert.equal(retried.outcome, 'succeeded', retried.message)
      assert.deepEqual(states(retried), { cached: 1, succeeded: 7 })
    })
  })

  describe(`${what}: what items run for`, () => {
    test('parts of maps, and a param of the pipeline that a run sets', async (t) => {
      const fan = await open(t)
      const maps = {
        ...project('{item: [{m: {a: 1}, n: "x"}, {m: {a: 2}, n: "y"}]}'),
        'slipway.yaml': `project: fan
pipeline:
  steps:
    fit: {run: "a:fit", params: {x: "{item.m.a}", y: "{item.n}", z: 5}, outputs: [part], for_each: {item: [{m: {a: 1}, n: x}, {m: {a: 2}, n: y}]}}
`,
      }
      await fan.end(await fan.begin(maps))
      assert.deepEqual(
        fan.driver.submitted.map(({ params }) => params).toSorted((a, b) => Number(a['x']) - Number(b['x'])),
        [
          { x: 1, y: 'x', z: 5 },
          { x: 2, y: 'y', z: 5 },
        ],
      )
      const set = {
        ...maps,
        'slipway.yaml': `project: fan
pipeline:
  params: {months: {type: list, of: string, default: [jan, feb]}}
  steps:
    fit: {run: "a:fit", params: {x: "{item}"}, outputs: [part], for_each: {item: "{params.months}"}}
`,
      }
      await fan.end(await fan.begin(set))
      assert.deepEqual(sorted(fan.ran.slice(2)), ['feb', 'jan'])
      const more = await fan.end(await fan.begin(set, { set: { months: ['feb', 'mar'] } }))
      assert.deepEqual(fan.ran.slice(4), ['mar'])
      assert.deepEqual(states(more), { cached: 1, succeeded: 1 })
    })
  })
}
