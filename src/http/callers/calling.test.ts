/** A call as bounded work sees it: left by a caller that goes away while it reads, finished for one that writes, over once it is answered. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { Principal } from '../../contract/access.ts'
import type { Route } from '../../contract/route.ts'
import { Calling } from './calling.ts'

const WHO = { id: 'ann' } as Principal
const routeThat = (verb: string): Route => ({ access: { verb } }) as unknown as Route

/** The call of a client that leaves before the answer, or that has been answered, and how often it was told that the caller left. */
async function callOf(verb: string, answered: boolean): Promise<{ call: Calling; told: number; later: number }> {
  const arrived = Promise.withResolvers<{ call: Calling; closed: Promise<unknown> }>()
  const server = createServer((_, response) => {
    arrived.resolve({ call: new Calling(response, WHO, routeThat(verb)), closed: once(response, 'close') })
    if (answered) response.end('so')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false })
  client.on('error', () => undefined).on('response', (reply) => reply.resume())
  client.end()
  const { call, closed } = await arrived.promise
  let [told, later] = [0, 0]
  call.onLeave(() => told++)
  if (!answered) client.destroy()
  await closed
  call.onLeave(() => later++)
  server.close()
  return { call, told, later }
}

test('a read whose caller goes away is left, and is not work of the server itself', async () => {
  const { call, told, later } = await callOf('read', false)
  assert.deepEqual([call.left, call.over, told, later], [true, false, 1, 0])
})

test('what a read has begun is work of the server itself once the read is over, whoever left it', async () => {
  const { call } = await callOf('read', false)
  assert.equal(await call.during(() => call.left), true)
  assert.deepEqual([call.left, call.over], [false, true])
  const failed = (await callOf('read', false)).call
  await assert.rejects(failed.during(() => Promise.reject(new Error('no'))))
  assert.deepEqual([failed.left, failed.over], [false, true])
})

test('a write whose caller goes away is finished as work of the server itself', async () => {
  const { call, told } = await callOf('write', false)
  assert.deepEqual([call.left, call.over, told], [false, true, 0])
})

test('a call that was answered is over, and not left', async () => {
  const { call, told } = await callOf('read', true)
  assert.deepEqual([call.left, call.over, told], [false, true, 0])
})
