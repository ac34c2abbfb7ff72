/** One digest on its way from dev to production: a real server, a real registry, the command line, and crane as the judge. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { writeBase } from '../../src/cli/image/image.fixture.ts'
import { runCommand, usage, withToken } from '../../src/cli/run-command.fixture.ts'
import type { Said } from '../../src/cli/run-command.fixture.ts'
import { createClient } from '../../src/client/client.ts'
import { authApi } from '../../src/contract/auth.ts'
import { imagesApi } from '../../src/contract/images/images.ts'
import { registryApi } from '../../src/contract/registry.ts'
import { keyPair } from '../../src/registry/images/image.fixture.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { pushedVersion } from './delay.ts'
import { findCrane, NO_REGISTRY, startRegistry } from './registry.ts'

const registry = await startRegistry()
const crane = await findCrane()
const host = registry?.host ?? ''

describe('an image on its way to production', { skip: registry === undefined && NO_REGISTRY }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-environments-'))
  const [ours, theirs] = [keyPair(), keyPair()]
  let server: TestServer
  let digests: string[] = []

  before(async () => {
    process.env['DOCKER_CONFIG'] = folder
    server = await startTestServer()
    for (const [name, key] of [
      ['ours', ours],
      ['theirs', theirs],
    ] as const) {
      writeFileSync(join(folder, `${name}.pem`), key.secret)
      writeFileSync(join(folder, `${name}.pub`), key.pem)
    }
    digests = []
    for (const version of ['1', '2']) digests.push(await pushedVersion(server, { folder, host, version }))
  })
  after(async () => {
    await server.stop()
    registry?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const slipway = (...args: string[]): Promise<Said> => runCommand(server.data, 'image', ...args)

  const refused = (message: RegExp) => ({ code: 'gate_refused', message })

  /** What a tag names, as the registry itself says. */
  async function tagged(name: string): Promise<string | null> {
    const [repository, tag] = name.split(':')
    const accept = 'application/vnd.oci.image.manifest.v1+json'
    const reply = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, {
      method: 'HEAD',
      headers: { accept },
    })
    return reply.headers.get('docker-content-digest')
  }

  async function stands(): Promise<Record<string, string | null>> {
    const { items } = await server.client.call(imagesApi.standings, { params: { name: 'delay' } })
    return Object.fromEntries(items.map((one) => [one.environment, one.standing?.digest ?? null]))
  }

  it('finds its environments as data', async () => {
    const set = (...args: string[]) => slipway('environments', 'set', ...args)
    await assert.rejects(slipway('promote', 'delay', '--to', 'dev'), usage(/there is no environment "dev"/))
    await set('dev', '--repository', `${host}/dev/{model}`)
    const key = ['--key', join(folder, 'ours.pub')]
    await set('staging', '--after', 'dev', '--repository', `${host}/staging/{model}`, ...key)
    await set('production', '--after', 'staging', '--repository', `${host}/prod/{model}`, ...key)
    await assert.rejects(set('test', '--after', 'nowhere', '--repository', `${host}/test/{model}`), {
      code: 'invalid_field',
      message: /after: got nowhere/,
    })
    await assert.rejects(set('test'), usage(/needs a repository/))
    await set('spare', '--ungated', '--repository', `${host}/spare/{model}`)
    await slipway('environments', 'remove', 'spare')
    const { tables } = await slipway('environments')
    assert.deepEqual(
      tables[0]?.rows.map(([name, after]) => [name, after]),
      [
        ['dev', ''],
        ['staging', 'dev'],
        ['production', 'staging'],
      ],
    )
  })

  it('stands in dev, and goes nowhere else without a signature that the environment believes', async () => {
    const [digest = ''] = digests
    await assert.rejects(slipway('promote', 'delay', '--to', 'dev'), usage(/no environment comes before/))
    await slipway('promote', `${host}/dev/delay:v1`, '--to', 'dev')
    assert.equal(await tagged('dev/delay:dev'), digest)
    await assert.rejects(
      slipway('promote', 'delay', '--to', 'production'),
      usage(/no image of delay stands in "staging"/),
    )
    await assert.rejects(
      slipway('promote', `delay@${digest}`, '--to', 'production'),
      refused(/does not stand in "staging": nothing does/),
    )
    const next = () => slipway('promote', 'delay', '--to', 'staging')
    await assert.rejects(next(), refused(new RegExp(`${digest} is not signed`)))
    const sign = (key: string) => slipway('sign', `${host}/dev/delay@${digest}`, '--key', join(folder, `${key}.pem`))
    await sign('theirs')
    const [own, other] = [ours, theirs].map(({ hint }) => hint.slice(0, 16))
    await assert.rejects(next(), refused(new RegExp(`signature names the key ${other}…, not ${own}`)))
    assert.equal(await tagged(`staging/delay:${digest}`), null, 'nothing was copied')
    await sign('ours')
  })

  it('is copied by its digest, with its signatures, and mounted rather than sent', async () => {
    const [digest = ''] = digests
    for (const environment of ['staging', 'production']) {
      const { data } = await slipway('promote', 'delay', '--to', environment, '--reason', 'tried')
      assert.partialDeepStrictEqual(data, [{ digest, sent: 0, mounted: 2, environment }])
    }
    assert.deepEqual([await tagged('staging/delay:staging'), await tagged('prod/delay:production')], [digest, digest])
    if (crane !== undefined) assert.equal(await crane('digest', `${host}/prod/delay:production`), digest)
    const verified = await slipway('verify', `${host}/prod/delay:production`, '--key', join(folder, 'ours.pub'))
    assert.equal(verified.code, 0)
    assert.deepEqual(await stands(), { dev: digest, staging: digest, production: digest })
  })

  it('makes way for the next one, comes back, and all of it is told', async () => {
    const [first = '', second = ''] = digests
    await slipway('promote', `${host}/dev/delay:v2`, '--to', 'dev')
    await slipway('sign', `${host}/dev/delay:v2`, '--key', join(folder, 'ours.pem'))
    for (const environment of ['staging', 'production']) await slipway('promote', 'delay', '--to', environment)
    assert.equal(await tagged('prod/delay:production'), second)
    await slipway('promote', 'delay', '--to', 'production', '--back', '--reason', 'it is slow')
    assert.equal(await tagged('prod/delay:production'), first)
    assert.deepEqual(await stands(), { dev: second, staging: second, production: first })
    const { tables } = await slipway('environments', 'delay')
    assert.deepEqual(
      tables[0]?.rows.map(([name, version, digest]) => [name, version, digest]),
      [
        ['dev', '2', second],
        ['staging', '2', second],
        ['production', '1', first],
      ],
    )
    assert.equal(tables[1]?.rows[0]?.at(-1), 'returned, it is slow')
    assert.equal(tables[1]?.rows.length, 7)
  })

  it('is recorded by its name, with who signed it', async () => {
    const { lines } = await slipway('record', `${host}/prod/delay:production`)
    assert.equal(lines[0], `${digests[0]} is recorded as an image of delay/1`)
    // the registry lists signatures in no order of ours
    const carried = lines
      .slice(1, 3)
      .toSorted((a, b) => Number(b.includes('(trusted')) - Number(a.includes('(trusted')))
    const [trusted = '', unknown = ''] = carried
    assert.match(trusted, new RegExp(`^carries a signature of ${ours.hint} \\(trusted: .*environment production`))
    assert.match(
      unknown,
      new RegExp(`^carries a signature of ${theirs.hint} \\(not trusted: .*signature names the key`),
    )
    await slipway('push', await writeBase(join(folder, 'base')), `${host}/bases/small:1`)
    await assert.rejects(slipway('record', `${host}/bases/small:1`), usage(/is made of no version of a model/))
  })

  it('is promoted by those who may, and stays where it stands when the registry is gone', async () => {
    const made = await server.client.call(authApi.createToken, { body: { name: 'author', role: 'contributor' } })
    const next = () => slipway('promote', 'delay', '--to', 'production')
    await assert.rejects(withToken(made.token, next), { code: 'forbidden', message: /contributor may not promote/ })
    const author = createClient({ url: server.url, token: made.token })
    const body = { repository: 'registry.example.org/x/{model}' }
    await assert.rejects(author.call(imagesApi.putEnvironment, { params: { name: 'dev' }, body }), {
      code: 'forbidden',
    })
    const before = await stands()
    registry?.stop()
    await assert.rejects(next(), { code: 'upstream_failed' })
    assert.deepEqual(await stands(), before)
  })

  it('says wherever it stands that its key was revoked since', async () => {
    const [first = ''] = digests
    const policy = { gates: [], require_signature: false, keys: [], revoked: [ours.hint] }
    await server.client.call(registryApi.putPolicy, { params: { name: 'delay' }, body: policy })
    const why = `${ours.hint.slice(0, 16)}…, which is revoked`
    const all = await slipway('environments')
    for (const [at, version] of [
      ['staging', '2'],
      ['production', '1'],
    ] as const)
      assert.ok(
        all.lines.some(
          (line) => line.startsWith(`${at}: delay/${version} stands, signed by a revoked key: `) && line.includes(why),
        ),
        all.lines.join('\n'),
      )
    const [listed] = all.data as { name: string; faults: { model: string; revoked: boolean }[] }[][]
    assert.deepEqual(
      listed?.map(({ name, faults }) => [name, faults.map(({ model, revoked }) => [model, revoked])]),
      [
        ['dev', []],
        ['staging', [['delay', true]]],
        ['production', [['delay', true]]],
      ],
    )
    const one = await slipway('environments', 'delay')
    assert.match(one.tables[0]?.rows[2]?.at(-1) ?? '', /^stands, signed by a revoked key: /)
    const asked = { params: { name: 'delay' }, body: { environment: 'production', digest: first, check: true } }
    await assert.rejects(server.client.call(imagesApi.promoteImage, asked), { code: 'gate_refused' })
    const looked = await runCommand(server.data, 'doctor')
    const line = looked.lines.find((text) => text.includes(' Images: ')) ?? ''
    assert.equal(looked.code, 1)
    assert.match(line, /FAIL Images: these stand and would be refused now: delay\/2 in staging: /)
  })
})
