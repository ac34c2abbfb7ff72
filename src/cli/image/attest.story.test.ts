/** SBOM, provenance and signatures of images: made, attached in layouts and registries, copied with the image, verified, and refused. */
import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fakeRegistry } from '../../images/remote/registry.fixture.ts'
import type { FakeRegistry } from '../../images/remote/registry.fixture.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'
import { answerModel, TEST_CACHE, writeBase, writeModel } from './image.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-attest-'))
const key = (name: string): string => join(root, `${name}.pem`)
let server: RecordedServer
let registry: FakeRegistry
let image = ''
before(async () => {
  process.env['SLIPWAY_CACHE'] = TEST_CACHE
  process.env['DOCKER_CONFIG'] = root
  delete process.env['SLIPWAY_OFFLINE']
  for (const name of ['ours', 'theirs']) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(key(name), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(key(`${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }))
  }
  registry = await fakeRegistry()
  server = await startRecorded()
  answerModel(server, writeModel(join(root, 'model')))
  image = `layout:${join(root, 'image')}:v3`
  await slipway('build', 'delay', '--base', await writeBase(join(root, 'base')), '--out', image, '--attest')
})
after(() => {
  server.close()
  registry.close()
  rmSync(root, { recursive: true })
})

const slipway = (...argv: string[]) => server.slipway('image', ...argv)

interface Indexed {
  readonly digest: string
  readonly artifactType?: string
}

/** What a layout names, as JSON on disk. */
const indexOf = (dir: string): Indexed[] =>
  (JSON.parse(readFileSync(join(root, dir, 'index.json'), 'utf8')) as { manifests: Indexed[] }).manifests

function blob(dir: string, digest: string): Record<string, never> {
  const bytes = readFileSync(join(root, dir, 'blobs/sha256', digest.slice(7)))
  assert.equal(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, digest)
  return JSON.parse(bytes.toString()) as Record<string, never>
}

/** The document of a type that is attached in a layout. */
function attached(dir: string, type: string): Record<string, never> {
  const found = indexOf(dir).filter((one) => one.artifactType === type)
  assert.equal(found.length, 1, type)
  const manifest = blob(dir, found[0]?.digest ?? '') as unknown as {
    layers: { digest: string }[]
    subject: { digest: string }
  }
  assert.equal(manifest.subject.digest, indexOf(dir).find((one) => one.artifactType === undefined)?.digest)
  return blob(dir, manifest.layers[0]?.digest ?? '')
}

/** Puts another document of a type in the place of the one that is attached in a layout. */
function replaceAttached(dir: string, type: string, change: (text: string) => string): void {
  const [artifact] = indexOf(dir).filter((one) => one.artifactType === type)
  const manifest = blob(dir, artifact?.digest ?? '') as unknown as { layers: { digest: string; size: number }[] }
  const [layer] = manifest.layers
  const text = readFileSync(join(root, dir, 'blobs/sha256', (layer?.digest ?? '').slice(7)), 'utf8')
  const put = (bytes: string) => {
    const hex = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(root, dir, 'blobs/sha256', hex), bytes)
    return { digest: `sha256:${hex}`, size: Buffer.byteLength(bytes) }
  }
  const changed = change(text)
  assert.notEqual(changed, text)
  const other = put(JSON.stringify({ ...manifest, layers: [{ ...layer, ...put(changed) }] }))
  changeIndex(dir, (manifests) =>
    manifests.map((one) => (one.digest === artifact?.digest ? { ...one, ...other } : one)),
  )
}

/** Takes the bundles with statements out of a layout. */
function dropStatements(dir: string): void {
  const isOne = ({ digest }: Indexed): boolean => {
    const { annotations = {} } = blob(dir, digest) as unknown as { annotations?: Record<string, string> }
    return /cyclonedx|slsa/.test(annotations['dev.sigstore.bundle.predicateType'] ?? '')
  }
  changeIndex(dir, (manifests) => manifests.filter((one) => !isOne(one)))
}

function changeIndex(dir: string, change: (manifests: Indexed[]) => Indexed[]): void {
  const file = join(root, dir, 'index.json')
  const index = JSON.parse(readFileSync(file, 'utf8')) as { manifests: Indexed[] }
  writeFileSync(file, JSON.stringify({ ...index, manifests: change(index.manifests) }))
}

describe('slipway image build --attest', () => {
  it('attaches a CycloneDX document with what is in the layers, the same each time', async () => {
    const bom = attached('image', 'application/vnd.cyclonedx+json')
    assert.partialDeepStrictEqual(bom, { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 })
    const components = bom['components'] as unknown as (Record<string, unknown> & { purl: string })[]
    const versionIn = (file: string) => (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
    const [own, zod] = [versionIn('package.json'), versionIn('node_modules/zod/package.json')]
    assert.deepEqual(
      components.map(({ purl }) => purl),
      [`pkg:npm/slipway@${own}`, `pkg:npm/zod@${zod}`, `pkg:generic/node@${process.versions.node}`],
    )
    // each says of itself what it is given for
    assert.deepEqual(
      components.map(({ licenses }) => licenses),
      [[{ expression: 'Apache-2.0' }], [{ expression: 'MIT' }], undefined],
    )
    const node = createHash('sha256').update(readFileSync(process.execPath)).digest('hex')
    assert.deepEqual(components[2]?.['hashes'], [{ alg: 'SHA-256', content: node }])
    const { data, tables } = await slipway('sbom', image)
    assert.deepEqual((data[0] as { components: object }).components, components)
    assert.deepEqual(
      tables[0]?.rows.map(([name]) => name),
      ['slipway', 'zod', 'node'],
    )
  })

  it('attaches SLSA provenance: the digest, what it was asked for and what it was made from', () => {
    const digest = indexOf('image').find((one) => one.artifactType === undefined)?.digest ?? ''
    assert.partialDeepStrictEqual(attached('image', 'application/vnd.in-toto+json'), {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'delay/3', digest: { sha256: digest.slice(7) } }],
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {
        buildDefinition: {
          externalParameters: { 'dev.slipway.model': 'delay', 'dev.slipway.version': '3', 'dev.slipway.run': '5f1c' },
        },
      },
    })
  })
})

describe('a signature of an image', () => {
  it('holds for the key that made it, and for no other', async () => {
    assert.equal((await slipway('verify', image, '--key', key('ours.pub'))).code, 1)
    await slipway('sign', image, '--key', key('ours'))
    const good = await slipway('verify', image, '--key', key('ours.pub'))
    const digest = indexOf('image').find((one) => one.artifactType === undefined)?.digest ?? ''
    assert.equal(good.code, 0)
    assert.deepEqual(good.lines.map((line) => line.replaceAll(digest, 'DIGEST')).toSorted(), [
      'DIGEST is what was signed',
      'the SBOM of DIGEST is what was signed',
      'the provenance of DIGEST is what was signed',
    ])
    const bad = await slipway('verify', image, '--key', key('theirs.pub'))
    assert.deepEqual([bad.code, bad.lines], [1, ['refused: none of the known keys has signed it']])
    // an image beside it is another one
    assert.equal((await slipway('inspect', image)).code, 0)
  })

  it('goes with the image to a registry and back, with its documents; the tag stands for referrers there', async () => {
    const [pushed] = (await slipway('push', image, `${registry.host}/team/delay:v3`)).data as [
      { digest: string; attached: number },
    ]
    assert.equal(pushed.attached, 6)
    const tag = `team/delay/${pushed.digest.replace(':', '-')}`
    const index = JSON.parse(registry.manifests.get(tag)?.bytes.toString() ?? '{}') as { manifests: Indexed[] }
    assert.deepEqual(
      index.manifests.map((one) => one.artifactType ?? '').toSorted((a, b) => (a < b ? -1 : 1)),
      [
        'application/vnd.cyclonedx+json',
        ...Array.from({ length: 4 }, () => 'application/vnd.dev.sigstore.bundle.v0.3+json'),
        'application/vnd.in-toto+json',
      ],
    )
    const remote = `${registry.host}/team/delay:v3`
    assert.equal((await slipway('verify', remote, '--key', key('ours.pub'))).code, 0)
    const [copied] = (await slipway('copy', remote, `${registry.host}/production/delay:v3`)).data as [
      { attached: number; digest: string },
    ]
    assert.deepEqual([copied.attached, copied.digest], [6, pushed.digest])
    assert.equal(
      (await slipway('verify', `${registry.host}/production/delay@${pushed.digest}`, '--key', key('ours.pub'))).code,
      0,
    )
    await slipway('pull', remote, `layout:${join(root, 'back')}:v3`)
    assert.equal((await slipway('verify', `layout:${join(root, 'back')}:v3`, '--key', key('ours.pub'))).code, 0)
    assert.equal(indexOf('back').length, 7)
    // signed again by another: both stay
    await slipway('sign', remote, '--key', key('theirs'))
    for (const name of ['ours', 'theirs'])
      assert.equal((await slipway('verify', remote, '--key', key(`${name}.pub`))).code, 0)
  })

  it('covers what is attached: a byte of the SBOM or of the provenance, and a document that nobody signed, are refused', async () => {
    for (const [type, kind] of [
      ['application/vnd.cyclonedx+json', 'SBOM'],
      ['application/vnd.in-toto+json', 'provenance'],
    ] as const) {
      const changed = `changed-${kind}`
      cpSync(join(root, 'image'), join(root, changed), { recursive: true })
      replaceAttached(changed, type, (text) => text.replace('slipway', 'slipwa1'))
      const verify = (...more: string[]) =>
        slipway('verify', `layout:${join(root, changed)}:v3`, '--key', key('ours.pub'), ...more)
      const told = await verify()
      assert.equal(told.code, 1)
      assert.match(told.lines.join('\n'), new RegExp(`^refused: the ${kind} of sha256:\\w+ was changed after`, 'm'))
      assert.equal((await verify('--image-only')).code, 0)
      // without the bundles that say what it was
      dropStatements(changed)
      const bare = await verify()
      assert.equal(bare.code, 1)
      assert.match(
        bare.lines.join('\n'),
        new RegExp(`^refused: the ${kind} of sha256:\\w+ is not signed by this key`, 'm'),
      )
    }
  })

  it('of another image does not hold, also where the registry says that it is attached', async () => {
    answerModel(server, writeModel(join(root, 'other'), 9))
    const other = `layout:${join(root, 'unsigned')}:v3`
    await slipway('build', 'delay', '--base', `layout:${join(root, 'base')}:base`, '--out', other)
    const [pushed] = (await slipway('push', other, `${registry.host}/team/other:v3`)).data as [{ digest: string }]
    const signed = [...registry.manifests].filter(([name]) => name.startsWith('team/delay/'))
    for (const [name, entry] of signed) registry.manifests.set(name.replace('team/delay/', 'team/other/'), entry)
    for (const [name, bytes] of Array.from(registry.blobs))
      registry.blobs.set(name.replace('team/delay/', 'team/other/'), bytes)
    const [tag] = signed.filter(([name]) => name.startsWith('team/delay/sha256-'))
    assert.ok(tag)
    registry.manifests.set(`team/other/${pushed.digest.replace(':', '-')}`, tag[1])
    await assert.rejects(slipway('verify', `${registry.host}/team/other@${pushed.digest}`, '--key', key('ours.pub')), {
      code: 'unprocessable',
      message: /is not about/,
    })
  })

  it('needs a key of the right kind', async () => {
    await assert.rejects(slipway('sign', image), usage(/image sign needs a key/))
    await assert.rejects(slipway('sign', image, '--key', key('ours.pub')), usage(/private key cannot be read/))
    await assert.rejects(slipway('verify'), usage(/image verify needs an image/))
  })
})
