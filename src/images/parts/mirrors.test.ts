/** Mirrors of packages: addresses that are one, and what of their passwords goes where. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { egressStream, wholeBody } from '../../http/egress-stream.ts'
import { mirrorOf, mirrorStream } from './mirrors.ts'

interface Host {
  readonly host: string
  readonly asked: IncomingMessage[]
  readonly close: () => void
}

/** A server that gives `bytes`, except below /moved, where it sends to `to`. */
async function host(to: () => string): Promise<Host> {
  const asked: IncomingMessage[] = []
  const server = createServer((request, reply) => {
    asked.push(request)
    if (request.url?.startsWith('/moved') === true) reply.writeHead(302, { location: to() }).end()
    else reply.end('bytes')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close: () => void server.close() }
}

describe('a mirror of packages', () => {
  let [own, other]: Host[] = []
  let target = ''
  before(async () => {
    own = await host(() => target)
    other = await host(() => target)
  })
  after(() => {
    own?.close()
    other?.close()
  })

  it('is told by its address, with a password that is never part of it', () => {
    const {
      url,
      host: name,
      authorization,
    } = mirrorOf('SLIPWAY_DEBIAN_MIRROR', 'https://a%40b:c%3Ad@packages.corp:8443/debian/')
    assert.deepEqual([url, name], ['https://packages.corp:8443/debian', 'packages.corp:8443'])
    assert.equal(authorization, `Basic ${Buffer.from('a@b:c:d').toString('base64')}`)
    assert.equal(mirrorOf('m', 'https://deb.debian.org').authorization, undefined)
  })

  for (const given of ['packages.corp', 'ftp://packages.corp/debian', 'https://packages.corp/?token=secret', ''])
    it(`is not "${given}"`, () => {
      assert.throws(
        () => mirrorOf('SLIPWAY_DEBIAN_MIRROR', given),
        (error: Error) => /SLIPWAY_DEBIAN_MIRROR/.test(error.message) && !/secret/.test(error.message),
      )
    })

  it('gets its password itself, and where it sends on to does not', async () => {
    assert.ok(own !== undefined && other !== undefined)
    const fetch = egressStream({ allow: [own.host, other.host] })
    const read = mirrorStream([mirrorOf('m', `http://user:word@${own.host}`)], fetch)
    target = `http://${other.host}/file`
    const reply = await read({ method: 'GET', url: `http://${own.host}/moved` })
    assert.equal((await wholeBody(reply, 100, 'file')).toString(), 'bytes')
    assert.equal(own.asked.at(-1)?.headers.authorization, `Basic ${Buffer.from('user:word').toString('base64')}`)
    assert.equal(other.asked.at(-1)?.headers.authorization, undefined)
  })

  it('leads to no private address that nobody named, and not round and round', async () => {
    assert.ok(own !== undefined && other !== undefined)
    const read = mirrorStream([mirrorOf('m', `http://${own.host}`)], egressStream({ allow: [own.host] }))
    const earlier = other.asked.length
    target = `http://${other.host}/file`
    await assert.rejects(read({ method: 'GET', url: `http://${own.host}/moved` }), /127\.0\.0\.1 is private/)
    assert.equal(other.asked.length, earlier)
    target = '/moved'
    await assert.rejects(read({ method: 'GET', url: `http://${own.host}/moved` }), /redirects without end/)
  })
})
