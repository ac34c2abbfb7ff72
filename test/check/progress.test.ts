/** Progress is never silent for long, in a log by lines that stay and on a terminal by one that is rewritten. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createProgress } from './progress.ts'
import type { Progress } from './progress.ts'

interface Watched {
  progress: Progress
  written: string[]
  /** Lets so many seconds pass. */
  pass: (seconds: number) => void
}

function watched(t: TestContext, screen: { isTTY?: boolean; columns?: number } = {}): Watched {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const written: string[] = []
  let at = 0
  const progress = createProgress({ ...screen, write: (text) => written.push(text) }, () => at)
  const pass = (seconds: number): void => {
    for (let i = 0; i < seconds; i++) {
      at += 1000
      t.mock.timers.tick(1000)
    }
  }
  return { progress, written, pass }
}

test('a log gets each line, and the status after ten seconds without one', async (t) => {
  const { progress, written, pass } = watched(t)
  await progress.during(
    () => 'one of two is running',
    async () => {
      pass(9)
      progress.passing('a.test.ts 9.0 s')
      pass(9)
      assert.deepEqual(written, ['a.test.ts 9.0 s\n'])
      pass(12)
      assert.deepEqual(written.slice(1), ['one of two is running\n', 'one of two is running\n'])
    },
  )
  pass(30)
  assert.equal(written.length, 3, 'nothing is said when the work has ended')
})

test('a terminal has one line that is rewritten each second, cut to its width, and removed at the end', async (t) => {
  const { progress, written, pass } = watched(t, { isTTY: true, columns: 11 })
  await progress.during(
    () => 'much longer than the terminal',
    async () => {
      pass(2)
      progress.passing('a.test.ts 2.0 s')
      progress.line('b.test.ts FAILED')
    },
  )
  const status = '\r\u001B[Kmuch longe'
  assert.deepEqual(written, [status, status, status, '\r\u001B[Kb.test.ts FAILED\n', status, '\r\u001B[K'])
})

test('a part of the work has its own status, and then the whole has it again', async (t) => {
  const { progress, written, pass } = watched(t)
  await progress.during(
    () => 'all',
    async () => {
      await progress.during(
        () => 'part',
        async () => pass(10),
      )
      pass(10)
    },
  )
  assert.deepEqual(written, ['part\n', 'all\n'])
})

test('of two works at once each has its status until it ends, whichever ends first', async (t) => {
  const { progress, written, pass } = watched(t)
  const [one, two] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const first = progress.during(
    () => 'first',
    () => one.promise,
  )
  const second = progress.during(
    () => 'second',
    () => two.promise,
  )
  one.resolve()
  await first
  pass(10)
  two.resolve()
  await second
  pass(30)
  assert.deepEqual(written, ['second\n'])
})

test('work that fails ends the progress and is passed on', async (t) => {
  const { progress, written, pass } = watched(t)
  await assert.rejects(
    progress.during(
      () => 'running',
      () => Promise.reject(new Error('broken')),
    ),
    /broken/,
  )
  pass(20)
  assert.deepEqual(written, [])
})
