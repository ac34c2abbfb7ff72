/** What fails only at times is found by running it many times, and told of with how often it failed. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ifMissingNow } from '../../src/contract/absence/absent.ts'
import { treeOf } from '../check/files.fixture.ts'
import { isRunning } from '../check/processes.fixture.ts'
import { outputOf } from '../output.ts'
import { until } from '../until.ts'
import { startLoad } from './load.ts'
import { planOf } from './plan.ts'

const MAIN = join(import.meta.dirname, 'main.ts')
const HEAD = "import { test } from 'node:test'\nimport assert from 'node:assert/strict'\n"
/** Fails at its second run, its fourth, and so on. */
const LUCK = `${HEAD}import { existsSync, rmSync, writeFileSync } from 'node:fs'
test('toss', () => {
  const second = existsSync('tossed')
  if (second) rmSync('tossed')
  else writeFileSync('tossed', '')
  assert.ok(!second, 'tails')
})\n`
const RIGHT = `${HEAD}test('right', () => {})\n`

test('a file that fails at times is told of with how often and why', async (t) => {
  const root = treeOf(t, {
    'src/luck.process.test.ts': LUCK,
    'src/right.test.ts': RIGHT,
    'src/wrong.story.test.ts': `${HEAD}test('of the second part', () => assert.fail())\n`,
  })
  const args = [MAIN, '--root', root, '--times', '3', '--load', '0']
  const { code, out } = await outputOf(process.execPath, args, { limitMs: 120_000 })
  assert.equal(code, 1, out)
  assert.match(out, /^src\/luck\.process\.test\.ts: failed 1 of 3 times, at first:\n[^]*tails/m)
  assert.match(out, /^1 of 2 files failed in 3 runs$/m)
})

test('all of the first part is run twenty times, or what was asked for', (t) => {
  const root = treeOf(t, { 'src/a.test.ts': '', 'src/b.story.test.ts': '' })
  const { files, times, loops } = planOf(['--root', root])
  assert.deepEqual([files, times], [['src/a.test.ts'], 20])
  assert.ok(loops >= 1)
  const asked = planOf(['--root', root, 'b.story', '--times', '3', '--load', '0'])
  assert.deepEqual(asked, { root, files: ['src/b.story.test.ts'], times: 3, loops: 0 })
  assert.throws(() => planOf(['--root', root, 'none']), /^Error: no test file matches none$/)
  assert.throws(() => planOf(['--times', 'many']), /^Error: --times is many, and not a whole number$/)
  assert.throws(() => planOf(['--times', '0']), /^Error: --times is 0; each file runs at least once$/)
})

test('a load computes until it is stopped', async () => {
  const before = process.cpuUsage().user
  const stop = startLoad(1)
  await until('a tenth of a second of CPU', () => process.cpuUsage().user > before + 100_000)
  await stop()
})

test('a run that succeeds ends beside its load, and one that is interrupted with all that it has started', async (t) => {
  const root = treeOf(t, {
    'src/right.test.ts': RIGHT,
    'src/waits.process.test.ts': `${HEAD}import { writeFileSync } from 'node:fs'
test('waits', async () => {
  writeFileSync('pid', String(process.pid))
  setInterval(() => {}, 1000)
  await new Promise(() => {})
})\n`,
  })
  const right = await outputOf(process.execPath, [MAIN, '--root', root, 'src/right', '--times', '1', '--load', '1'], {
    limitMs: 120_000,
  })
  assert.deepEqual([right.code, /^0 of 1 files failed in 1 runs$/m.test(right.out)], [0, true], right.out)
  const child = spawn(process.execPath, [MAIN, '--root', root, 'src/waits', '--load', '1'], { stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  const pid = await until('the test to run', () => Number(ifMissingNow(() => readFileSync(join(root, 'pid'), 'utf8'))))
  child.kill('SIGINT')
  assert.deepEqual(await ended, [130, null])
  await until('its process to be gone', () => !isRunning(pid))
})
