/** A gateway that leaves answers what has come, however late it gets to read it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { speak } from '../../http/raw-socket.fixture.ts'
import { echoModel, serveModels } from '../../../test/clients/gateway.ts'

const BODY = '{"inputs":{"x":4.5}}'
const CALL = `POST /v1/endpoints/floats:predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`

/** How long callers that pause keep their connections at least, with room for a slow test, ms. */
const SOON_MS = 300

/** What is answered to a call that came while the gateway was held up, or undefined where this test was too slow to send it in time. */
async function askHeldUp(): Promise<string | undefined> {
  const leaving = await serveModels([echoModel('floats', 'number')])
  const { socket, said } = await speak(Number(leaving.http.split(':')[1]))
  const answered = async (times: number): Promise<void> => {
    while (said().split('"predictions":[4.5]').length <= times && !socket.destroyed) await sleep(5)
  }
  socket.write(CALL)
  await answered(1)
  const before = said().length
  const began = performance.now()
  const stopped = leaving.stop()
  for (let i = 0; i < 10; i++) await turn()
  socket.write(CALL)
  const inTime = performance.now() - began < SOON_MS
  // server and caller are one process: neither has a turn until the time for callers that pause is over
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
  await answered(2)
  socket.destroy()
  await stopped
  return inTime ? said().slice(before) : undefined
}

test('a call that came while a leaving gateway was held up is answered, and is the last', async () => {
  let said: string | undefined
  for (let i = 0; said === undefined && i < 20; i++) said = await askHeldUp()
  assert.match(said ?? '', /^HTTP\/1\.1 200 [^]*connection: close[^]*"predictions":\[4\.5\]/i)
})
