/** `slipway serve` with a certificate: predictions over TLS only, gateways that are adopted again, and pairs that are refused. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gatewayFile } from '../../src/gateway/run-files.ts'
import type { GatewayFile } from '../../src/gateway/run-files.ts'
import { noOpenssl, selfSigned } from '../certificate.ts'
import { refusedStart, startTestServer } from '../server.ts'

const skip = noOpenssl()

test('predictions over TLS; a gateway without it is not adopted by a server with it', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-tls-'))
  t.after(() => {
    // a gateway outlives its killed server; after a clean stop it has no file
    if (existsSync(gatewayFile(data, 0))) process.kill(pid(), 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const { cert, key } = selfSigned(folder, 'server')
  const data = join(folder, 'data')
  const args = ['--gateway-tls-cert', cert, '--gateway-tls-key', key]
  const pid = (): number => (JSON.parse(readFileSync(gatewayFile(data, 0), 'utf8')) as GatewayFile).pid
  const live = (base: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request(`${base}/v2/health/live`, { ca: readFileSync(cert), agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      sent.on('error', reject)
      sent.end()
    })

  const first = await startTestServer({ data, gateways: 1, args })
  assert.match(first.gatewayUrl, /^https:\/\/127\.0\.0\.1:\d+$/)
  const told = JSON.parse(readFileSync(join(data, 'server.json'), 'utf8')) as { gateway_url: string }
  assert.equal(told.gateway_url, first.gatewayUrl)
  assert.equal(await live(first.gatewayUrl), 200)
  const before = pid()
  await first.kill()

  const env = { SLIPWAY_GATEWAY_TLS_CERT: cert, SLIPWAY_GATEWAY_TLS_KEY: key }
  const second = await startTestServer({ data, gateways: 1, env })
  assert.equal(pid(), before, 'the same pair: adopted')
  assert.equal(second.gatewayUrl, first.gatewayUrl)
  await second.kill()

  const plain = await startTestServer({ data, gateways: 1 })
  assert.notEqual(pid(), before, 'another pair: replaced')
  assert.match(plain.gatewayUrl, /^http:/)
  assert.equal((await fetch(`${plain.gatewayUrl}/v2/health/live`)).status, 200)
  await plain.stop()
})

test('a pair that is none is refused at the start, with the reason', { skip }, async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'gateway-tls-'))
  t.after(() => rmSync(data, { recursive: true, force: true }))
  const [one, two] = [selfSigned(data, 'one'), selfSigned(data, 'two')]
  const cases: [string[], RegExp][] = [
    [['--gateway-tls-cert', one.cert], /--gateway-tls-cert and --gateway-tls-key belong together/],
    [['--gateway-tls-cert', one.cert, '--gateway-tls-key', two.key], /two\.key does not belong to the certificate/],
    [['--gateway-tls-cert', join(data, 'none'), '--gateway-tls-key', one.key], /none cannot be used: ENOENT/],
    [['--gateway-tls-cert', one.key, '--gateway-tls-key', one.key], /TLS certificate .*one\.key cannot be used/],
  ]
  for (const [args, said] of cases) {
    const refused = await refusedStart({ data, args })
    assert.equal(refused.code, 2)
    assert.match(refused.errors, said)
  }
})
