/** Streams of language models over HTTP/2: they may be silent for long, and a cut one does not look whole. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { constants } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { noOpenssl, selfSigned } from '../../../test/certificate.ts'
import { begin, callersOf, ended } from '../../../test/clients/http2.ts'
import type { Ended } from '../../../test/clients/http2.ts'
import { until } from '../../../test/until.ts'
import { llmGateway, routeOf, TOKEN } from './gateway.fixture.ts'
import { fakeProvider } from './upstream.fixture.ts'
import type { FakeProvider } from './upstream.fixture.ts'

/** A whole request comes within it on a busy machine. */
const REQUEST_MS = 4000

interface Bench {
  readonly provider: FakeProvider
  readonly ask: () => Promise<Ended>
}

async function bench(t: TestContext, model: string): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-http2-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const tls = selfSigned(folder, 'gateway')
  const provider = await fakeProvider(t)
  const patience = { headersMs: REQUEST_MS, requestMs: REQUEST_MS }
  const gateway = await llmGateway(t, routeOf({ m: [{ model, url: provider.url }] }), { tls, patience })
  const callers = callersOf(new URL(gateway.url).host, readFileSync(tls.cert, 'utf8'))
  t.after(() => callers.close())
  return {
    provider,
    ask() {
      const stream = begin(callers.session(), {
        ':method': 'POST',
        ':path': '/v1/chat/completions',
        'content-type': 'application/json',
        authorization: `Bearer ${TOKEN}`,
      })
      const over = ended(stream)
      stream.end(JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'a' }] }))
      return over
    },
  }
}

test('a stream is silent for longer than a request may take, and goes on', { skip: noOpenssl() }, async (t) => {
  const { provider, ask } = await bench(t, 'gate')
  const over = ask()
  await until('the stream stands at its gate', () => provider.asked.length === 1)
  // by the clock: the limit of a request must have passed
  await new Promise((passed) => setTimeout(passed, 2 * REQUEST_MS))
  provider.open()
  const { code, body } = await over
  assert.equal(code, constants.NGHTTP2_NO_ERROR)
  assert.match(body.toString(), /\[DONE\]/)
})

test('a stream that its provider cuts ends with an error', { skip: noOpenssl() }, async (t) => {
  const { code, body } = await (await bench(t, 'cut')).ask()
  assert.equal(code, constants.NGHTTP2_INTERNAL_ERROR)
  assert.match(body.toString(), /"error"/)
  assert.doesNotMatch(body.toString(), /\[DONE\]/)
})
