/** Packages of images come from where the operator says, at private addresses too. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, it } from 'node:test'
import { wholeBody } from '../../http/egress-stream.ts'
import { packageSources } from './sources.ts'

const VARIABLES = ['SLIPWAY_DEBIAN_MIRROR', 'npm_config_registry', 'UV_DEFAULT_INDEX', 'UV_INDEX_URL', 'PIP_INDEX_URL']
const before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]))

function set(values: Readonly<Record<string, string>>): void {
  for (const name of VARIABLES) {
    const value = values[name]
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}

describe('the sources of packages', () => {
  after(() => {
    set({})
    for (const [name, value] of Object.entries(before)) if (value !== undefined) process.env[name] = value
  })

  it('are public ones where nobody says otherwise', () => {
    set({})
    const { mirror, npmRegistry, hosts } = packageSources()
    assert.deepEqual([mirror, npmRegistry], ['https://deb.debian.org', 'https://registry.npmjs.org'])
    assert.deepEqual(hosts, { debian: 'deb.debian.org', npm: 'registry.npmjs.org', python: 'pypi.org' })
  })

  it('are those of the operator at a private address, and told by their hosts alone', async (t) => {
    const asked: (string | undefined)[] = []
    const server = createServer((request, reply) => {
      asked.push(request.headers.authorization)
      reply.end('package')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    set({
      SLIPWAY_DEBIAN_MIRROR: `http://user:word@${host}/debian`,
      npm_config_registry: `http://${host}/npm/`,
      UV_DEFAULT_INDEX: `http://other:secret@${host}/simple`,
    })
    const { mirror, npmRegistry, hosts, fetch } = packageSources()
    assert.deepEqual(hosts, { debian: host, npm: host, python: host })
    assert.equal(npmRegistry, `http://${host}/npm`)
    const reply = await fetch({ method: 'GET', url: `${mirror}/pool/a.deb` })
    assert.equal((await wholeBody(reply, 100, 'a.deb')).toString(), 'package')
    assert.deepEqual(asked, [`Basic ${Buffer.from('user:word').toString('base64')}`])
  })
})
