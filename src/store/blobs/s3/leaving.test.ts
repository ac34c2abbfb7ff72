/** Deleting and storing one object at the same time: the order in which a server is asked, and how long a mark is heeded. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { S3Client, S3Reply, S3Request } from './client.ts'
import { deleteMarked, settled } from './leaving.ts'
import { holdTimers } from './timers.fixture.ts'

const MARKED = 'HEAD leaving/k'
const THERE = 'HEAD k'

/** Notes what is asked; `status` answers, and a status of an error that was not asked for is one. */
function serve(status: (asked: string) => number, age = 0): { client: S3Client; asked: string[] } {
  const asked: string[] = []
  const at = Date.UTC(2026, 0, 2)
  const headers = { date: new Date(at + age).toUTCString(), 'last-modified': new Date(at).toUTCString() }
  const call = ({ method, key, accept = [] }: S3Request): Promise<S3Reply> => {
    const line = `${method} ${key}`
    asked.push(line)
    const found = status(line)
    if (found >= 300 && !accept.includes(found)) return Promise.reject(new Error(`${line}: ${found}`))
    return Promise.resolve({ status: found, headers, text: '' })
  }
  return { client: { call } as unknown as S3Client, asked }
}

describe('a deletion', () => {
  for (const [what, mayGo, looked] of [
    ['marks before it looks, and takes the mark down after it', true, ['DELETE k']],
    ['of what may not go leaves it, and takes the mark down', false, []],
  ] as const)
    it(what, async () => {
      // what others have deleted meanwhile is not missed
      const { client, asked } = serve((line) => (line.startsWith('DELETE') ? 404 : 200))
      const gone = await deleteMarked(client, 'k', async () => {
        asked.push('look')
        return mayGo
      })
      assert.equal(gone, mayGo)
      assert.deepEqual(asked, ['PUT leaving/k', 'look', ...looked, 'DELETE leaving/k'])
    })

  it('that fails on the way takes its mark down', async () => {
    const { client, asked } = serve((line) => (line === 'DELETE k' ? 500 : 200))
    await assert.rejects(
      deleteMarked(client, 'k', () => Promise.resolve(true)),
      /DELETE k: 500/,
    )
    assert.equal(asked.at(-1), 'DELETE leaving/k')
  })

  it('is left to the next collection when looking took more than 20 s: its mark may be taken for a dead one', async (t) => {
    for (const [took, goes] of [
      [20_000, true],
      [20_001, false],
    ] as const) {
      let now = 5000
      t.mock.method(performance, 'now', () => now)
      const { client } = serve(() => 200)
      const gone = deleteMarked(client, 'k', async () => {
        now += took
        return true
      })
      assert.equal(await gone, goes, `${took} ms`)
      t.mock.restoreAll()
    }
  })
})

describe('a storing', () => {
  const store = (asked: string[]) => async (): Promise<void> => void asked.push('store')

  it('looks for a mark, and last for what it stored', async () => {
    const { client, asked } = serve((line) => (line === MARKED ? 404 : 200))
    await settled(client, 'k', store(asked))
    assert.deepEqual(asked, ['store', MARKED, THERE])
  })

  it('that was deleted after all is done again', async () => {
    let deleted = true
    const { client, asked } = serve((line) => {
      if (line === MARKED) return 404
      const status = deleted ? 404 : 200
      deleted = false
      return status
    })
    await settled(client, 'k', store(asked))
    assert.deepEqual(asked, ['store', MARKED, THERE, 'store', MARKED, THERE])
  })

  it('heeds a mark for a minute: an older one is of a process that died', async (t) => {
    const dead = serve(() => 200, 61_000)
    await settled(dead.client, 'k', store(dead.asked))
    assert.deepEqual(dead.asked, ['store', MARKED, THERE])
    holdTimers(t)
    let up = true
    const alive = serve((line) => (line === MARKED && !up ? 404 : 200), 60_000)
    const done = settled(alive.client, 'k', store(alive.asked))
    for (const [ms, looks] of [
      [0, 1],
      [199, 1],
      [1, 2],
      [200, 3],
    ] as const) {
      t.mock.timers.tick(ms)
      for (let turns = 0; turns < 5; turns++) await turn()
      assert.deepEqual(alive.asked, ['store', ...Array.from({ length: looks }, () => MARKED)])
    }
    up = false
    t.mock.timers.tick(200)
    await done
    assert.deepEqual(alive.asked.slice(-2), [MARKED, THERE])
  })

  it('gives up on a mark that stays for two minutes', async (t) => {
    holdTimers(t)
    const { client, asked } = serve(() => 200)
    const state = { over: false }
    const ended = settled(client, 'k', store(asked)).catch((error: { code?: string }) => {
      state.over = true
      return error.code
    })
    let passed = 0
    for (; !state.over && passed < 130_000; passed += 200) {
      for (let turns = 0; turns < 3; turns++) await turn()
      t.mock.timers.tick(200)
    }
    assert.equal(await ended, 'unavailable')
    assert.ok(passed >= 120_000 && passed <= 121_000, `${passed} ms`)
  })
})
