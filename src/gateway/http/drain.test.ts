/** A gateway that leaves answers what has come, however late it gets to read it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { speak } from '../../http/raw-socket.fixture.ts'
import { echoModel, serveModels } from '../../../test/clients/gateway.ts'
import { until } from '../../../test/until.ts'

const BODY = '{"inputs":{"x":4.5}}'
const CALL = `POST /v1/endpoints/floats:predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`

test('a call that came while a leaving gateway was held up is answered, and is the last', async (t) => {
  const leaving = await serveModels([echoModel('floats', 'number')])
  const { socket, said } = await speak(Number(leaving.http.split(':')[1]))
  const answered = (times: number): Promise<boolean> =>
    until(`answer ${times}`, () => said().split('"predictions":[4.5]').length > times || socket.destroyed)
  socket.write(CALL)
  await answered(1)
  const before = said().length
  // the time for callers that pause, and that after which all are cut, pass only as this says
  let now = 5000
  t.mock.method(performance, 'now', () => now)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const stopped = leaving.stop()
  for (let i = 0; i < 10; i++) await turn()
  socket.write(CALL)
  // server and caller are one process: neither has a turn until that time is over and the gateway is due to look
  now += 1000
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
  await answered(2)
  socket.destroy()
  await stopped
  assert.match(said().slice(before), /^HTTP\/1\.1 200 [^]*connection: close[^]*"predictions":\[4\.5\]/i)
})
