/** Requests are taken up behind the turn in which they came, with their bodies where these came along. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { Arrivals } from './arrivals.ts'
import { bytesAtHand, chunksOf, discard, readBytes } from './request-body.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('what comes in one turn is taken up together and in order; what comes while it is taken up, in a later one', async () => {
  const taken: number[][] = []
  const arrivals = new Arrivals<number>((come) => {
    taken.push([...come])
    if (come.includes(2)) arrivals.add(9)
  })
  for (const each of [1, 2, 3]) arrivals.add(each)
  assert.deepEqual(taken, [])
  await turn()
  assert.deepEqual(taken, [[1, 2, 3]])
  await turn()
  assert.deepEqual(taken, [[1, 2, 3], [9]])
  await turn()
  arrivals.add(4)
  await turn()
  assert.deepEqual(taken.slice(2), [[4]])
})

/** A server that answers with what `read` makes of each request; sends parts of requests, and waits for so many answers. */
async function asked(t: TestContext, read: (request: IncomingMessage) => Promise<string>) {
  const arrivals = new Arrivals<[IncomingMessage, ServerResponse]>((come) => {
    for (const [request, response] of come)
      void read(request)
        .catch((error: { code?: string }) => `refused: ${error.code}`)
        .then((text) => response.end(text))
  })
  const server = createServer((request, response) => arrivals.add([request, response]))
  const accepted = once(server, 'connection')
  t.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.after(() => socket.destroy())
  const [served] = (await accepted) as [Socket]
  let text = ''
  socket.on('data', (bytes) => (text += String(bytes)))
  let sent = 0
  return async (parts: readonly string[], answers: number): Promise<string[]> => {
    for (const part of parts) {
      socket.write(part)
      sent += part.length
      await until('the part to have come', () => served.bytesRead === sent)
      await turn()
    }
    const bodies = (): string[] => text.split(/HTTP\/1\.1 200 OK/).slice(1)
    await until(`${answers} answers`, () => bodies().length >= answers)
    return bodies().map((one) => one.slice(one.indexOf('\r\n\r\n') + 4))
  }
}

const post = (body: string): string => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`

test('a body that comes along is at hand, each of several in one packet; the connection goes on, refused or not', async (t) => {
  const send = await asked(t, async (request) => {
    const body = bytesAtHand(request, 10)
    if (body === undefined) return `later: ${String(await readBytes(request, { limit: 10 }))}`
    return `${request.method}: ${String(body)}`
  })
  const chunked = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n'
  const packet = post('one') + post('') + post('eleven char') + chunked + post('four')
  assert.deepEqual(await send([packet], 5), [
    'POST: one',
    'POST: ',
    'refused: payload_too_large',
    'POST: abcd',
    'POST: four',
  ])
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n'
  assert.deepEqual((await send([head, 'fi', 've', post('six')], 7)).slice(5), ['later: five', 'POST: six'])
})

test('a stream of a body that has come gives it once, or leaves it to be dropped', async (t) => {
  const send = await asked(t, async (request) => {
    if (request.url === '/drop') return `clean: ${await discard(request)}`
    const pieces: string[] = []
    for await (const piece of chunksOf(request)) pieces.push(String(piece))
    return JSON.stringify(pieces)
  })
  assert.deepEqual(
    await send([post('one') + post('').replace('/', '/drop') + post('left').replace('/', '/drop') + post('')], 4),
    ['["one"]', 'clean: true', 'clean: true', '[]'],
  )
})
