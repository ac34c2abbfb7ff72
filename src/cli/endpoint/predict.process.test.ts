/** `slipway predict`: from where it takes its inputs, whom it asks, and what it says when there is nobody to ask. */
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { z } from 'zod'
import { problem } from '../../contract/errors.ts'
import { route } from '../../contract/route.ts'
import { KEY_FILE, proofOf } from '../../store/folder-proof.ts'
import { startRecorded, TOKEN } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'

/** The gateway's own route, which is in no contract of the control process. */
const predict = route({
  method: 'POST',
  path: '/v1/endpoints/a%20b:predict',
  summary: 'Predict',
  access: 'public',
  body: z.strictObject({ inputs: z.unknown() }),
  reply: z.strictObject({ predictions: z.array(z.number()) }),
})

let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => server.close())

/** A data folder whose server is otherwise. */
function folder(name: string, changed: Record<string, unknown>): string {
  const path = join(server.data, name)
  mkdirSync(path)
  const file = JSON.parse(readFileSync(join(server.data, 'server.json'), 'utf8')) as Record<string, unknown>
  writeFileSync(join(path, 'server.json'), JSON.stringify({ ...file, ...changed }))
  return path
}

describe('slipway predict', () => {
  it('asks the gateway with the inputs of the argument or of a file, and prints one line of JSON', async () => {
    server.answer(predict, { predictions: [0.25] })
    const file = join(server.data, 'rows.json')
    writeFileSync(file, '[{"x": 1}, {"x": null}]\n')
    for (const given of ['{"x": 1}', `@${file}`, '3', 'null']) {
      const { code, lines, data } = await server.slipway('predict', 'a b', given)
      assert.deepEqual([code, lines, data], [0, ['{"predictions":[0.25]}'], [{ predictions: [0.25] }]])
    }
    const asked = server.asked(predict)
    assert.deepEqual(
      asked.map(({ body }) => body),
      [{ inputs: { x: 1 } }, { inputs: [{ x: 1 }, { x: null }] }, { inputs: 3 }, { inputs: null }],
    )
    assert.deepEqual([...new Set(asked.map((one) => one.authorization))], [`Bearer ${TOKEN}`])
  })

  it('sends numbers digit by digit, and says what answers where that is no gateway', async () => {
    const bodies: string[] = []
    let answer = '{"predictions":[9007199254740993]}'
    const gateway = createServer((request, response) => {
      const nonce = /nonce=(.*)$/.exec(request.url ?? '')?.[1]
      const key = readFileSync(join(server.data, KEY_FILE))
      if (nonce !== undefined) return void response.end(JSON.stringify({ proof: proofOf(key, url, nonce) }))
      let body = ''
      request.on('data', (part: Buffer) => (body += part.toString()))
      request.on('end', () => {
        bodies.push(body)
        response.end(answer)
      })
    })
    await new Promise<void>((done) => gateway.listen(0, '127.0.0.1', done))
    const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`
    const data = folder('numbers', { gateway_url: url })
    copyFileSync(join(server.data, KEY_FILE), join(data, KEY_FILE))
    const words = ['predict', 'a b', '{"x": 9007199254740993, "y": 1.0, "z": 1e999}', '--data', data]
    const { lines } = await server.slipway(...words)
    assert.deepEqual(bodies, ['{"inputs":{"x": 9007199254740993, "y": 1.0, "z": 1e999}}'])
    assert.deepEqual(lines, ['{"predictions":[9007199254740993]}'])
    for (const [given, what] of [
      ['<html>', 'its prediction is no JSON'],
      ['', 'its prediction is empty'],
    ] as const) {
      answer = given
      await assert.rejects(server.slipway(...words), {
        message: `what answers at ${url} is no Slipway server: ${what}`,
      })
    }
    gateway.closeAllConnections()
    gateway.close()
  })

  it('refuses inputs that are no JSON, and asks nobody', async () => {
    server.answer(predict, { predictions: [] })
    for (const given of ['{x: 1}', '', '[1,'])
      await assert.rejects(server.slipway('predict', 'a b', given), usage(/^the inputs are not JSON: /))
    assert.deepEqual(server.asked(predict), [])
    for (const words of [[], ['a b']])
      await assert.rejects(server.slipway('predict', ...words), usage(/predict needs an endpoint and its inputs/))
  })

  it('hands on what the gateway refuses', async () => {
    server.answer(predict, problem('invalid_field', { field: 'x', value: 'a', expected: 'number' }))
    await assert.rejects(server.slipway('predict', 'a b', '{}'), {
      name: 'CallError',
      status: 400,
      message: 'x: got a, expected number',
    })
  })

  it('needs the folder of a running server, and one that has a gateway', async () => {
    const nowhere = join(server.data, 'nowhere')
    const words = ['predict', 'a b', '{}', '--data']
    await assert.rejects(server.slipway(...words, nowhere, '--url', server.url), usage(/name it with --data$/))
    await assert.rejects(server.slipway(...words, folder('closed', { gateway_url: '' })), {
      message: 'the server has no gateway; start it with --gateways 1 or more',
    })
    await assert.rejects(server.slipway(...words, folder('gone', { gateway_url: 'http://127.0.0.1:1' })), {
      code: 'unreachable',
      message: /^no answer from http:\/\/127\.0\.0\.1:1: ./,
    })
  })
})
