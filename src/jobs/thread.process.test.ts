/** Work on a thread of its own: its answer, its fault, its bounds, and that it keeps no process from its end. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { onThread } from './thread.ts'

/** A thread that runs this code. */
const fileOf = (code: string): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`import { parentPort, workerData, resourceLimits } from 'node:worker_threads'\n${code}`)}`,
  )
const asked = (code: string, bounds?: { readonly ms: number; readonly heap: number }) =>
  onThread<unknown>({ file: fileOf(code), task: { n: 20 }, what: 'counts', ...(bounds && { bounds }) })
/** It lives until it is ended. */
const ENDLESS = 'setInterval(() => undefined, 1000)'

describe('a thread', () => {
  test('is given its task, and answers once', async () => {
    assert.equal(await asked('parentPort.postMessage(workerData.n + 1); parentPort.postMessage(0)'), 21)
  })

  test('fails as what it throws', () =>
    assert.rejects(asked("throw new TypeError('of its own')"), TypeError('of its own')))

  test('that ends without an answer has failed, and says what it was for', async () => {
    await assert.rejects(asked(''), /^Error: the thread that counts ended with 0$/)
    await assert.rejects(asked('process.exit(3)'), /ended with 3$/)
  })

  test('of bounds answers within them, and is ended beyond its time', async () => {
    const bounds = { ms: 200, heap: 50 }
    assert.equal(await asked('parentPort.postMessage(workerData.n)', { ...bounds, ms: 60_000 }), 20)
    await assert.rejects(asked(ENDLESS, bounds), /^Error: the thread that counts took longer than 200 ms$/)
  })

  test('has the heap of its bounds, and that of any thread without them', async () => {
    const heap = 'parentPort.postMessage(resourceLimits.maxOldGenerationSizeMb)'
    assert.equal(await asked(heap, { ms: 60_000, heap: 50 }), 50)
    assert.ok(Number(await asked(heap)) > 50)
  })

  test('that does not end keeps no process from its end', () => {
    const code = `import { onThread } from ${JSON.stringify(import.meta.resolve('./thread.ts'))}
      void onThread({ file: new URL(${JSON.stringify(fileOf(ENDLESS).href)}), task: 0, what: 'counts' })`
    const { status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
      timeout: 120_000,
      encoding: 'utf8',
    })
    assert.deepEqual([status, signal, stderr], [0, null, ''])
  })
})
