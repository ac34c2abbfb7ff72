/** Moves of images that go wrong: two at once, a tag that may not move, digests and versions that are not there, environments that change under them. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { buffer } from 'node:stream/consumers'
import { runCommand, usage } from '../../src/cli/run-command.fixture.ts'
import type { Said } from '../../src/cli/run-command.fixture.ts'
import { imagesApi } from '../../src/contract/images/images.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { pushedVersion } from './delay.ts'
import { NO_REGISTRY, startRegistry } from './registry.ts'

const registry = await startRegistry()
const host = registry?.host ?? ''

/** What stands between the command and the registry: it may hold a call back, or answer it itself with a status. */
interface Between {
  readonly host: string
  /** By `METHOD /path` and the body. */
  hold: (call: string, body: Buffer) => Promise<number | undefined>
  close(): void
}

async function startBetween(): Promise<Between> {
  const server = createServer((asked, answer) => {
    void (async () => {
      const body = await buffer(asked)
      const status = await between.hold(`${asked.method} ${asked.url}`, body)
      if (status !== undefined)
        return void answer.writeHead(status).end('{"errors":[{"code":"DENIED","message":"no"}]}')
      const [hostname, port] = host.split(':')
      const { method, headers, url: path } = asked
      request({ hostname, port, method, path, headers }, (reply) => {
        answer.writeHead(reply.statusCode ?? 500, reply.headers)
        reply.pipe(answer)
      }).end(body)
    })()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const between: Between = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: () => Promise.resolve(undefined),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return between
}

describe('moves of images', { skip: registry === undefined && NO_REGISTRY }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-moves-'))
  let server: TestServer
  let between: Between
  let digests: string[] = []

  before(async () => {
    process.env['DOCKER_CONFIG'] = folder
    server = await startTestServer()
    between = await startBetween()
    digests = []
    for (const version of ['1', '2', '3']) digests.push(await pushedVersion(server, { folder, host, version }))
    await slipway('environments', 'set', 'dev', '--repository', `${between.host}/there/{model}`)
    await slipway('environments', 'set', 'staging', '--after', 'dev', '--repository', `${between.host}/next/{model}`)
  })
  after(async () => {
    await server.stop()
    between.close()
    registry?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const slipway = (...args: string[]): Promise<Said> => runCommand(server.data, 'image', ...args)
  const promote = (version: number, ...more: string[]): Promise<Said> =>
    slipway('promote', `${host}/dev/delay:v${version}`, '--to', 'dev', ...more)

  async function tagged(name: string): Promise<string | null> {
    const [repository, tag] = name.split(':')
    const headers = { accept: 'application/vnd.oci.image.manifest.v1+json' }
    const reply = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, { method: 'HEAD', headers })
    return reply.headers.get('docker-content-digest')
  }

  async function stands(environment = 'dev'): Promise<string | null> {
    const { items } = await server.client.call(imagesApi.standings, { params: { name: 'delay' } })
    return items.find((one) => one.environment === environment)?.standing?.digest ?? null
  }

  it('that come at once leave the tag on what stands, whichever ends last', async () => {
    const [first = '', second = ''] = digests
    // the tag of the first move is put after the second one has ended
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const { promise: held, resolve: hold } = Promise.withResolvers<void>()
    let calls = 0
    between.hold = async (call) => {
      if (call !== 'PUT /v2/there/delay/manifests/dev' || calls++ > 0) return undefined
      hold()
      await ended
      return undefined
    }
    const one = promote(1)
    await held
    assert.equal(await stands(), first)
    await promote(2)
    end()
    await one
    assert.deepEqual([await stands(), await tagged('there/delay:dev')], [second, second])
  })

  it('whose tag the registry does not move say that the image stands', async () => {
    between.hold = (call) => Promise.resolve(call === 'PUT /v2/there/delay/manifests/dev' ? 409 : undefined)
    await assert.rejects(promote(3), (error: Error) => {
      assert.match(error.message, /stands in dev.*the tag "dev" .*it answers 409 \(DENIED: no\)/)
      return true
    })
    assert.equal(await stands(), digests[2])
    between.hold = () => Promise.resolve(undefined)
    await promote(3)
    assert.equal(await tagged('there/delay:dev'), digests[2])
    const { history } = await server.client.call(imagesApi.standings, { params: { name: 'delay' } })
    assert.equal(history.length, 3, 'it stood there already')
  })

  it('without rights in the repository change nothing, and name it', async () => {
    const before = await stands()
    for (const status of [401, 403]) {
      between.hold = (call) =>
        Promise.resolve(call.startsWith('POST /v2/there/') || call.startsWith('PUT /v2/there/') ? status : undefined)
      await slipway('environments', 'set', 'other', '--repository', `${between.host}/there/else`)
      await assert.rejects(slipway('promote', `${host}/dev/delay:v1`, '--to', 'other'), {
        message: new RegExp(`the registry ${between.host} .*(?:${status}|wants credentials)`),
      })
      assert.equal(await stands('other'), null)
    }
    between.hold = () => Promise.resolve(undefined)
    await slipway('environments', 'remove', 'other')
    assert.equal(await stands(), before)
  })

  it('back go to what was there before, and with a digest to any that was', async () => {
    const [first = '', second = '', third = ''] = digests
    const back = async (subject = 'delay'): Promise<string | null> => {
      await slipway('promote', subject, '--to', 'dev', '--back')
      assert.equal(await tagged('there/delay:dev'), await stands())
      return stands()
    }
    assert.equal(await back(), second)
    assert.equal(await back(), third, 'what was there before is what it came back from')
    assert.equal(await back(`delay@${first}`), first)
    await assert.rejects(
      slipway('promote', `delay@sha256:${'0'.repeat(64)}`, '--to', 'dev', '--back'),
      usage(/knows no image sha256:0+ of delay/),
    )
    assert.equal(await stands(), first)
  })

  it('of what is not there say what is missing', async () => {
    const never = `sha256:${'0'.repeat(64)}`
    for (const [subject, message] of [
      [`delay@${never}`, /the server knows no image sha256:0+ of delay; name it as REGISTRY\/REPOSITORY@DIGEST/],
      ['delay/3', /"delay\/3" is a version.*name an image of it, REGISTRY\/REPOSITORY@DIGEST, or the model alone/],
      ['delay@production', /"delay@production" .*MODEL@DIGEST/],
    ] as const)
      await assert.rejects(slipway('promote', subject, '--to', 'staging'), usage(message))
    await assert.rejects(slipway('promote', 'nobody', '--to', 'dev'), { code: 'not_found' })
    await assert.rejects(slipway('promote', `${host}/dev/delay@${never}`, '--to', 'dev'), {
      code: 'not_found',
      message: /image.*sha256:0+/,
    })
  })

  it('of a digest that the registry has lost change nothing', async () => {
    const [first = '', second = ''] = digests
    await slipway('promote', `delay@${second}`, '--to', 'dev', '--back')
    const gone = await fetch(`http://${host}/v2/there/delay/manifests/${first}`, { method: 'DELETE' })
    assert.equal(gone.status, 202)
    await assert.rejects(slipway('promote', `delay@${first}`, '--to', 'dev', '--back'), {
      code: 'not_found',
      message: new RegExp(first),
    })
    assert.deepEqual([await stands(), await tagged('there/delay:dev')], [second, second])
  })

  it('out of an environment whose repository changed find the image where it was recorded', async () => {
    await slipway('environments', 'set', 'dev', '--repository', `${between.host}/elsewhere/{model}`)
    const { data } = await slipway(
      'promote',
      'delay',
      '--to',
      'staging',
      '--override-gates',
      '--reason',
      'no keys here',
    )
    assert.partialDeepStrictEqual(data, [{ digest: digests[1] }])
    assert.equal(await tagged('next/delay:staging'), digests[1])
  })

  it('keep their environment from being removed', async () => {
    const remove = (name: string) => slipway('environments', 'remove', name)
    await assert.rejects(remove('dev'), { code: 'conflict', message: /"staging" comes after "dev"/ })
    await assert.rejects(remove('staging'), { code: 'conflict', message: /an image of "delay" has stood in "staging"/ })
    await slipway('environments', 'set', 'staging', '--repository', `${between.host}/next/{model}`)
    await assert.rejects(remove('dev'), { code: 'conflict', message: /an image of "delay" has stood in "dev"/ })
  })
})
