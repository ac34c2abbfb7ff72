/** Images in a real registry: pushed, mounted, pulled and copied by us; judged by crane, skopeo and podman. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startRecorded } from '../../src/cli/recorded-server.fixture.ts'
import type { RecordedServer } from '../../src/cli/recorded-server.fixture.ts'
import { answerModel, TEST_CACHE, writeBase, writeModel } from '../../src/cli/image/image.fixture.ts'
import { NO_ENGINE, startEngine } from './engine.ts'
import { findCrane, NO_CRANE, NO_REGISTRY, startRegistry } from './registry.ts'

const root = join(tmpdir(), `slipway-registries-${process.pid}`)
mkdirSync(root)
const registry = await startRegistry()
const crane = await findCrane()
const engine = startEngine()
const host = registry?.host ?? ''
let server: RecordedServer
let base = ''
before(async () => {
  process.env['SLIPWAY_CACHE'] = TEST_CACHE
  process.env['DOCKER_CONFIG'] = root
  server = await startRecorded()
  answerModel(server, writeModel(join(root, 'model')))
  base = await writeBase(join(root, 'base'))
})
after(async () => {
  server.close()
  registry?.stop()
  await engine?.stop()
  rmSync(root, { recursive: true, force: true })
})

const slipway = (...argv: string[]) => server.slipway('image', ...argv)

interface Told {
  readonly digest: string
  readonly there: number
  readonly mounted: number
  readonly sent: number
  readonly bytes: number
}

describe('a registry', { skip: registry === undefined && NO_REGISTRY }, () => {
  const dir = join(root, 'served')
  let digest = ''
  before(async () => {
    const { data } = await slipway(
      'build',
      'delay',
      '--base',
      base,
      '--out',
      `layout:${dir}:v3`,
      '--push',
      `${host}/team/delay:v3`,
    )
    digest = (data[0] as Told).digest
  })

  it('has what was pushed, as crane and skopeo see it', { skip: crane === undefined && NO_CRANE }, async () => {
    assert.equal(await crane?.('digest', `${host}/team/delay:v3`), digest)
    assert.match((await crane?.('validate', '--remote', `${host}/team/delay:v3`)) ?? '', /PASS/)
    if (engine === undefined) return
    const told = JSON.parse(
      await engine.skopeo('inspect', '--tls-verify=false', `docker://${host}/team/delay:v3`),
    ) as object
    assert.partialDeepStrictEqual(told, { Digest: digest, Os: 'linux', RepoTags: ['v3'] })
  })

  it('gets only the layer that changed, and nothing when pushed again', async () => {
    const [again] = (await slipway('push', `layout:${dir}:v3`, `${host}/team/delay:v3`)).data as [Told]
    assert.deepEqual([again.digest, again.sent, again.bytes, again.there], [digest, 0, 0, 5])
    answerModel(server, writeModel(join(root, 'other'), 5))
    const changed = join(root, 'changed')
    await slipway('build', 'delay', '--base', base, '--out', `layout:${changed}`)
    const [next] = (await slipway('push', `layout:${changed}`, `${host}/team/delay:v4`)).data as [Told]
    // the model and the configuration
    assert.deepEqual([next.sent, next.there], [2, 3])
    assert.ok(next.bytes < 10_000, `${next.bytes} bytes`)
  })

  it('copies to another repository by mounting, and pulls the same bytes back', async () => {
    const [copied] = (await slipway('copy', `${host}/team/delay:v3`, `${host}/production/delay:v3`)).data as [Told]
    assert.deepEqual([copied.digest, copied.mounted, copied.sent], [digest, 5, 0])
    const back = join(root, 'back')
    const [pulled] = (await slipway('pull', `${host}/production/delay@${digest}`, `layout:${back}`)).data as [Told]
    assert.equal(pulled.digest, digest)
    assert.deepEqual(
      readdirSync(join(back, 'blobs/sha256')).toSorted(),
      readdirSync(join(dir, 'blobs/sha256')).toSorted(),
    )
    assert.equal((await slipway('diff', `layout:${back}`, `${host}/team/delay:v3`)).code, 0)
  })

  it('lends a base that is never fetched where it is pushed to, and fetched where it is written', async () => {
    await slipway('push', base, `${host}/bases/small:1`)
    const folder = join(root, 'on-remote')
    const remote = `${host}/bases/small:1`
    answerModel(server, join(root, 'model'))
    const [built] = (await slipway('build', 'delay', '--base', remote, '--push', `${host}/team/on-base:1`)).data as [
      Told,
    ]
    const [written] = (await slipway('build', 'delay', '--base', remote, '--out', `layout:${folder}`)).data as [Told]
    assert.equal(written.digest, built.digest)
    assert.equal((await slipway('diff', `layout:${folder}`, `${host}/team/on-base:1`)).code, 0)
  })

  it('tells that a base has moved since it was pinned', async () => {
    const { data } = await slipway('inspect', `${host}/bases/small:1`)
    const pinned = `${host}/bases/small:1@${(data[0] as Told).digest}`
    const still = await slipway('build', 'delay', '--base', pinned, '--out', `layout:${join(root, 'pinned')}`)
    assert.ok(!still.progress.some((line) => line.includes('has moved')))
    await slipway('push', await writeBase(join(root, 'base2'), '3.11'), `${host}/bases/small:1`)
    const after = await slipway('build', 'delay', '--base', pinned, '--out', `layout:${join(root, 'pinned')}`)
    assert.deepEqual((after.data[0] as Told).digest, (still.data[0] as Told).digest)
    assert.ok(
      after.progress.some((line) => line.includes('the base has moved')),
      after.progress.join('\n'),
    )
  })

  it('gives podman what was pushed', { skip: engine === undefined && NO_ENGINE }, async () => {
    const id = await engine?.podman('pull', '--quiet', '--tls-verify=false', `${host}/team/delay:v3`)
    const user = await engine?.podman('image', 'inspect', '--format', '{{.Config.User}} {{.Digest}}', id ?? '')
    assert.equal(user, `10001:10001 ${digest}`)
  })

  it('says what it has not', async () => {
    await assert.rejects(slipway('inspect', `${host}/team/nothing:1`), { code: 'not_found' })
    await assert.rejects(slipway('pull', `${host}/team/delay:v99`, `layout:${join(root, 'x')}`), { code: 'not_found' })
  })
})
