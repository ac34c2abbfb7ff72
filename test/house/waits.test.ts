/** No test ends by how busy the machine is: none loops over the clock, sleeps a fixed time or limits an elapsed one. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { codeFiles, isTest } from './files.ts'
import { waitsOf } from './waits.ts'

test('tests wait for what happens, with `until` and `never`, or say why a real time is meant', () => {
  const root = resolve(import.meta.dirname, '../..')
  // the one place that looks at the clock, and what proves this
  const files = codeFiles(root).filter(
    (file) => isTest(file) && file.endsWith('.ts') && file !== 'test/until.ts' && file !== 'test/house/waits.test.ts',
  )
  const found = files.flatMap((file) =>
    waitsOf(readFileSync(join(root, file), 'utf8')).map(({ line, why }) => `${file}:${line} ${why}`),
  )
  assert.deepEqual(found, [])
})

test('a loop over the clock, a sleep and a limit of elapsed time are found, with their lines', () => {
  const text = [
    "import { setTimeout as sleep } from 'node:timers/promises'",
    'for (const end = Date.now() + 5; Date.now() < end; await sleep(5)) go()',
    'while (performance.now() <= end) {',
    '  await sleep(STEP_MS)',
    '}',
    'assert.ok(performance.now() - started < 1000)',
    'assert.ok(took < 50)',
    'new Promise((done) => setTimeout(done, 5))',
    'await page.waitForTimeout(100)',
    'const at = Date.now() - 5',
    'const clock = () => performance.now()',
  ].join('\n')
  assert.deepEqual(
    waitsOf(text).map(({ line, why }) => [line, why.split(':')[0]]),
    [
      [2, 'compares with the clock'],
      [3, 'compares with the clock'],
      [4, 'sleeps'],
      [6, 'limits an elapsed time'],
      [7, 'limits an elapsed time'],
      [8, 'sleeps'],
      [9, 'sleeps'],
    ],
  )
})

test('a real time that is meant says why, on its line or on the line before', () => {
  assert.deepEqual(
    waitsOf(
      [
        '// by the clock: a reply that comes late',
        'setTimeout(answer, 50)',
        'setTimeout(answer, 50) // by the clock: so does this',
        'setTimeout(answer, 50) // by the clock:',
        '// the function is called setTimeout(',
      ].join('\n'),
    ),
    [{ line: 4, why: 'sleeps: wait with `until`, or prove by `never`' }],
  )
})
