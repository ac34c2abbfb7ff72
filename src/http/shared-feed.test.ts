/** Feeds of two processes tell each other what changed, once each. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { feed } from './feed.ts'
import { sharedFeed, type Crossing } from './shared-feed.ts'

test('a change crosses to the other feed, many of one thing as one, and what is no change is ignored', async () => {
  const hear: ((text: string) => void)[] = [() => undefined, () => undefined]
  const sent: string[] = []
  const crossing = (self: number): Crossing => ({
    send: (text) => {
      sent.push(text)
      hear[1 - self]?.(text)
    },
    listen: (to) => void (hear[self] = to),
  })
  const one = sharedFeed(feed(), crossing(0), 1)
  const two = sharedFeed(feed(), crossing(1), 1)
  const stop = new AbortController()
  const events = two.listen(stop.signal)[Symbol.asyncIterator]()
  const first = events.next()
  hear[1]?.('no JSON')
  hear[1]?.('{"id":"without a kind"}')
  for (let i = 0; i < 5; i++) one.publish({ kind: 'runs', id: 'r1' })
  assert.deepEqual((await first).value, { event: 'change', data: { kind: 'runs', id: 'r1' } })
  assert.deepEqual(sent, ['{"kind":"runs","id":"r1"}'])
  stop.abort()
})
