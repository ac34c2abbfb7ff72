/** Servers whose certificate does not hold at this time: every outgoing call names its dates and this machine's clock. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { heldBetween, noOpenssl, selfSigned } from '../../test/certificate.ts'
import { egressStream } from '../http/egress-stream.ts'
import { egress } from '../http/egress.ts'
import { s3Client } from '../store/blobs/s3/client.ts'
import { certificateWords } from './certificates.ts'
import { createClient } from './client.ts'
import { systemApi } from '../contract/system.ts'

/** Each kind of outgoing call. */
const CALLS: Readonly<Record<string, (url: string) => Promise<unknown>>> = {
  egress: (url) => egress({ allow: ['localhost', '127.0.0.1'] })({ method: 'GET', url }),
  'egress of streams': (url) => egressStream({ allow: ['localhost', '127.0.0.1'] })({ method: 'GET', url }),
  'the S3 client': (url) => {
    const credentials = { accessKeyId: 'a', secretAccessKey: 's' }
    const place = { origin: url, base: '/b', bucket: 'b', prefix: '', region: 'r', directLinks: false }
    return s3Client({ ...place, credentials }, { attempts: 1 }).call({ method: 'GET' })
  },
}

const failure = async (call: Promise<unknown>): Promise<{ code: string; message: string }> => {
  try {
    await call
  } catch (error) {
    return error as { code: string; message: string }
  }
  throw new Error('it was answered')
}

const dayNow = (): string => new Date().toISOString().slice(0, 10)

/** Matches the days since one: midnight may come in between. */
const daysSince = (first: string): string => `(?:${first}|${dayNow()})`

describe('a certificate that does not hold now', { skip: noOpenssl() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-dates-'))
  const servers: Server[] = []
  let asked = 0
  let begins = ''
  const urls: Record<string, string> = {}
  before(async () => {
    const first = dayNow()
    const pairs = {
      past: heldBetween(folder, 'past', ['20200101000000Z', '20200201123000Z']),
      future: heldBetween(folder, 'future', ['20900101000000Z', '20910101000000Z']),
      now: selfSigned(folder, 'now'),
    }
    begins = daysSince(first)
    for (const [name, { cert, key }] of Object.entries(pairs)) {
      const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (_, reply) => {
        asked += 1
        reply.end('{}')
      })
      servers.push(server)
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
      urls[name] = `https://localhost:${(server.address() as AddressInfo).port}`
    }
  })
  after(() => {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
    rmSync(folder, { recursive: true, force: true })
  })
  for (const [name, call] of Object.entries(CALLS)) {
    it(`is told by ${name} with its dates and the clock`, async () => {
      const first = dayNow()
      const past = await failure(call(urls['past'] ?? ''))
      assert.match(past.code, /^(upstream_failed|unavailable)$/)
      assert.match(
        past.message,
        /certificate has expired: its certificate holds from 2020-01-01 00:00 UTC to 2020-02-01 12:30 UTC, and/,
      )
      assert.match(
        past.message,
        new RegExp(`this machine's clock says ${daysSince(first)} \\d\\d:\\d\\d UTC; if that is wrong, set the clock$`),
      )
      const future = await failure(call(urls['future'] ?? ''))
      assert.match(
        future.message,
        /holds from 2090-01-01 00:00 UTC to 2091-01-01 00:00 UTC, and this machine's clock says/,
      )
    })

    it(`that holds and is nobody's is told by ${name} without the clock`, async () => {
      const { code, message } = await failure(call(urls['now'] ?? ''))
      assert.match(code, /^(upstream_failed|unavailable)$/)
      assert.match(message, /self-signed certificate/)
      assert.doesNotMatch(message, /clock/)
    })
  }

  it('is told by the client with the clock', async () => {
    const { message } = await failure(createClient({ url: urls['past'] ?? '' }).call(systemApi.live))
    assert.match(
      message,
      /certificate has expired: this machine's clock says \d{4}-\d\d-\d\d \d\d:\d\d UTC; if that is wrong, set the clock$/,
    )
  })

  it('is sent nothing, also not by the second look', () => assert.equal(asked, 0))

  it('is told without dates where nobody shows it again', async () => {
    const gone = Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' })
    const words = await certificateWords(gone, { url: new URL('https://127.0.0.1:1/') }, Date.UTC(2031, 0, 2, 3, 4))
    assert.equal(
      words,
      "certificate has expired: this machine's clock says 2031-01-02 03:04 UTC; if that is wrong, set the clock",
    )
  })

  it('a clock that is years ahead is told beside a certificate that holds', async () => {
    const error = Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' })
    const words = await certificateWords(error, { url: new URL(urls['now'] ?? '') }, Date.UTC(2131, 0, 2))
    assert.match(words, new RegExp(`holds from ${begins} .* and this machine's clock says 2131-01-02 00:00 UTC`))
  })
})
