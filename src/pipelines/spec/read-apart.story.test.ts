/** Project files are read off the loop: the same as on it, others wait for none, and what is too long is refused. */
import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { test } from 'node:test'
import type { Problem } from '../../contract/errors.ts'
import { specOf } from './edits.fixture.ts'
import { readProject } from './parse.ts'
import { readProjectApart } from './read-apart.ts'
import { specDigest } from './spec.ts'

const BEFORE = 'project: p\n'
/** Comments that bring a file over what is read at once. */
const LONG = '# nothing to read\n'.repeat(1000)

const step = (i: number): string =>
  `    s${i}:\n      run: m:f\n      inputs: {t: s${i - 1}.o}\n      params: {a: 1, b: 1.0, c: 12345678901234567890, d: text}\n      outputs: [o]\n      timeout: 10m\n`
const steps = (count: number): string =>
  `pipeline:\n  steps:\n    s0: {run: "m:f", outputs: [o]}\n${Array.from({ length: count }, (_, i) => step(i + 1)).join('')}`

test('a long file gives the same version as a short one, with all digits', async () => {
  const code = { 'm.py': 'def f(**all): pass\n' }
  const text = `${BEFORE}python: {packages: []}\n${steps(3)}`
  const [short, long] = await Promise.all([
    specOf({ ...code, 'slipway.yaml': text }),
    specOf({ ...code, 'slipway.yaml': text + LONG }),
  ])
  assert.equal(JSON.stringify({ ...long, tree: '' }), JSON.stringify({ ...short, tree: '' }))
  assert.equal(specDigest({ ...long, tree: '' }), specDigest({ ...short, tree: '' }))
  assert.match(JSON.stringify(long.steps[1]?.params), /"b":1\.0,"c":12345678901234567890/)
})

test('faults of a long file have the lines of a short one, those that its code shows too', async () => {
  const text = `${BEFORE}python: {packages: [], lock: gone.lock}\npipeline:\n  steps:\n    a: {run: "m:gone"}\n    b: {run: "n:f", cache: maybe}\n`
  const faultsOf = (more: string): Promise<unknown> =>
    specOf({ 'slipway.yaml': text + more, 'm.py': 'def f(): pass\n' }).then(
      () => assert.fail('it is refused'),
      ({ data }: Problem) => data['faults'],
    )
  const [short, long] = [await faultsOf(''), await faultsOf(LONG)]
  assert.deepEqual(long, short)
  assert.deepEqual(
    (short as { line: number }[]).map(({ line }) => line),
    [2, 5, 6],
  )
})

/** Files of the largest size that cost the most to read. */
const WORST: Readonly<Record<string, string>> = {
  'a thousand steps': BEFORE + steps(999),
  commas: `x: [${','.repeat(500_000)}]\n`,
  'empty maps': `x: [${'{},'.repeat(160_000)}]\n`,
  'a list of numbers': `${BEFORE}pipeline: {steps: {a: {run: "m:f", params: {x: [${'1,'.repeat(250_000)}1]}}}}\n`,
  'keys that nobody knows': Array.from({ length: 50_000 }, (_, i) => `k${i}: 1\n`).join(''),
}

for (const [what, text] of Object.entries(WORST))
  test(`while ${what} are read, the loop goes on`, async () => {
    assert.ok(text.length <= 512 * 1024, String(text.length))
    const delay = monitorEventLoopDelay({ resolution: 5 })
    const began = process.threadCpuUsage()
    delay.enable()
    // a busy machine may take as long as it likes
    const { faults } = await readProjectApart(text, 'slipway.yaml', { ms: 3_600_000, heap: 1024 })
    delay.disable()
    const { user, system } = process.threadCpuUsage(began)
    // CPU time of this thread, which holds on a loaded machine as well; the delay is shown beside it; on the loop it took seconds
    const told = `${(user + system) / 1000} ms of this thread, at most ${delay.max / 1e6} ms without a turn, ${faults.length} faults`
    assert.ok(user + system < 600_000, told)
  })

test('a file that is too long is refused with its length, unread', () => {
  const text = (WORST['commas'] ?? '').repeat(2)
  const began = process.threadCpuUsage()
  assert.deepEqual(readProject(text).faults, [
    { line: 1, key: '', message: `the file has ${text.length} characters, expected at most 524288` },
  ])
  const { user, system } = process.threadCpuUsage(began)
  assert.ok(user + system < 600_000, 'read, it takes seconds')
})
