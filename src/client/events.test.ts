/** Server-sent events of a response, however its bytes are cut, and what a reader who leaves leaves behind. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventsOf } from './events.ts'
import type { SentEvent } from './events.ts'

const SENT =
  ': open\n\nevent: text\ndata: {"text":"é🙂漢"}\n\n: beat\n\ndata: one\ndata: two\n\nevent: end\ndata: {}\n\nevent: cut\ndata: {'
const EVENTS: readonly SentEvent[] = [
  { event: 'text', data: '{"text":"é🙂漢"}' },
  { event: 'message', data: 'one\ntwo' },
  { event: 'end', data: '{}' },
]

async function read(response: Response): Promise<SentEvent[]> {
  const found: SentEvent[] = []
  for await (const event of eventsOf(response)) found.push(event)
  return found
}

test('events are read however their bytes are cut; one that never came whole is none', async () => {
  const bytes = new TextEncoder().encode(SENT)
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.subarray(at, at + size))
        controller.close()
      },
    })
    assert.deepEqual(await read(new Response(body)), EVENTS, `pieces of ${size}`)
  }
  assert.deepEqual(await read(new Response(null)), [])
})

test('a stream that breaks off throws, and who leaves cancels it', async () => {
  const broken = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.error(new Error('reset'))
    },
  })
  await assert.rejects(read(new Response(broken)), /reset/)
  let cancelled = false
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('data: x\n\n')),
    cancel: () => void (cancelled = true),
  })
  for await (const event of eventsOf(new Response(endless))) {
    assert.equal(event.data, 'x')
    break
  }
  assert.ok(cancelled)
})
