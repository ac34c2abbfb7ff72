/** The feed: what is told at once, what is told together, and when listening ends. */
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { feed, GAP_MS } from './feed.ts'
import type { Feed } from './feed.ts'

/** Collects what a listener hears. */
function listener(of: Feed): { heard: unknown[]; end: () => Promise<void> } {
  const stop = new AbortController()
  const heard: unknown[] = []
  const done = (async () => {
    for await (const event of of.listen(stop.signal)) heard.push(event.data)
  })()
  return {
    heard,
    end: async () => {
      stop.abort()
      await done
    },
  }
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

test('a thousand changes of one thing are two events: the first at once, the rest together', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const changes = feed()
    const ear = listener(changes)
    await turns()
    for (let i = 0; i < 1000; i++) changes.publish({ kind: 'runs' })
    changes.publish({ kind: 'runs', id: 'a' })
    changes.publish({ kind: 'models' })
    await turns()
    assert.deepEqual(ear.heard, [{ kind: 'runs' }, { kind: 'runs', id: 'a' }, { kind: 'models' }])
    mock.timers.tick(GAP_MS)
    await turns()
    assert.deepEqual(ear.heard.slice(3), [{ kind: 'runs' }])
    mock.timers.tick(GAP_MS)
    await turns()
    assert.equal(ear.heard.length, 4, 'nothing changed any more')
    changes.publish({ kind: 'runs' })
    await turns()
    assert.equal(ear.heard.length, 5, 'after a pause a change is told at once')
    await ear.end()
  } finally {
    mock.timers.reset()
  }
})

test('changes that nobody listens to are forgotten', async () => {
  const changes = feed()
  changes.publish({ kind: 'runs' })
  const ear = listener(changes)
  await turns()
  changes.publish({ kind: 'runs' })
  await turns()
  await ear.end()
  assert.deepEqual(ear.heard, [{ kind: 'runs' }])
})
