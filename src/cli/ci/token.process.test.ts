/** `slipway ci token`: where the ID token of a job comes from, and what is said of the token that it gives. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { problem } from '../../contract/errors.ts'
import { machinesApi } from '../../contract/identity/machines.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'

const KEYS = [
  'ACTIONS_ID_TOKEN_REQUEST_URL',
  'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
  'SLIPWAY_ID_TOKEN',
  'GITHUB_ACTIONS',
] as const
const outside = KEYS.map((key) => [key, process.env[key]] as const)
const GIVEN = {
  token: 'slw_x.0123456789abcdef',
  trust: 'deploy',
  role: 'maintainer',
  project: 'flights',
  expires_at: '2026-05-03T10:00:00.000Z',
} as const

let server: RecordedServer
/** The address from which a job of GitHub gets its ID token. */
let runner: Server
let asked: IncomingMessage | undefined
let status = 200
before(async () => {
  server = await startRecorded()
  runner = createServer((request, response) => {
    asked = request
    response.writeHead(status).end(JSON.stringify({ count: 1, value: 'id.token.x' }))
  })
  await new Promise<void>((done) => runner.listen(0, '127.0.0.1', done))
})
after(() => {
  runner.close()
  server.close()
})
beforeEach(() => {
  for (const key of KEYS) delete process.env[key]
  status = 200
  server.answer(machinesApi.exchange, GIVEN)
})
afterEach(() => {
  for (const [key, value] of outside) {
    if (value === undefined) delete process.env[key]
    else process.env[key] = value
  }
})

function inGitHub(): void {
  const { port } = runner.address() as AddressInfo
  process.env['ACTIONS_ID_TOKEN_REQUEST_URL'] = `http://127.0.0.1:${port}/token?api-version=2.0`
  process.env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'] = 'runner-token'
}

describe('slipway ci token', () => {
  it('asks GitHub for an ID token for the server, and prints the token alone', async () => {
    inGitHub()
    const said = await server.slipway('ci', 'token')
    assert.deepEqual([said.code, said.lines], [0, [GIVEN.token]])
    assert.equal(asked?.headers.authorization, 'Bearer runner-token')
    assert.equal(asked.url, `/token?api-version=2.0&audience=${encodeURIComponent(server.url)}`)
    assert.deepEqual(server.asked(machinesApi.exchange)[0]?.body, { id_token: 'id.token.x' })
  })

  it('asks for another audience and names a trust where it is told to', async () => {
    inGitHub()
    await server.slipway('ci', 'token', 'deploy', '--audience', 'https://a b')
    assert.match(asked?.url ?? '', /audience=https%3A%2F%2Fa(\+|%20)b$/)
    assert.deepEqual(server.asked(machinesApi.exchange)[0]?.body, { id_token: 'id.token.x', trust: 'deploy' })
  })

  it('takes the ID token that GitLab puts into a variable', async () => {
    process.env['SLIPWAY_ID_TOKEN'] = 'of.gitlab.x'
    await server.slipway('ci', 'token')
    assert.deepEqual(server.asked(machinesApi.exchange)[0]?.body, { id_token: 'of.gitlab.x' })
  })

  it('has GitHub mask what it prints', async () => {
    inGitHub()
    process.env['GITHUB_ACTIONS'] = 'true'
    const written: string[] = []
    const write = process.stderr.write.bind(process.stderr)
    process.stderr.write = (text: string | Uint8Array): boolean => written.push(String(text)) > 0
    try {
      await server.slipway('ci', 'token')
    } finally {
      process.stderr.write = write
    }
    assert.deepEqual(written, [`::add-mask::${GIVEN.token}\n`])
  })

  it('says what a job lacks, and what was refused', async () => {
    await assert.rejects(
      server.slipway('ci', 'token'),
      /this job has no ID token: on GitHub give it "permissions: id-token: write"/,
    )
    inGitHub()
    status = 403
    await assert.rejects(server.slipway('ci', 'token'), /GitHub gives no ID token: status 403/)
    status = 200
    server.answer(machinesApi.exchange, problem('unauthenticated', { detail: 'the ID token is not taken: x' }))
    await assert.rejects(server.slipway('ci', 'token'), /the ID token is not taken: x/)
  })
})
