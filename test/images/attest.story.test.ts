/** SBOMs by the schema of CycloneDX itself, and signatures by OpenSSF's own tool. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startRecorded } from '../../src/cli/recorded-server.fixture.ts'
import type { RecordedServer } from '../../src/cli/recorded-server.fixture.ts'
import { answerModel, TEST_CACHE, writeModel } from '../../src/cli/image/image.fixture.ts'
import { testEnv } from '../python-env.ts'

const root = join(tmpdir(), `slipway-attests-${process.pid}`)
mkdirSync(root)
let server: RecordedServer
before(async () => {
  process.env['SLIPWAY_CACHE'] = TEST_CACHE
  server = await startRecorded()
  answerModel(server, writeModel(join(root, 'model')))
})
after(() => {
  server.close()
  rmSync(root, { recursive: true, force: true })
})

const slipway = (...argv: string[]) => server.slipway('image', ...argv)

const VALIDATE = `
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
print(errors or "valid")
`

describe('an image on the default base', () => {
  const image = `layout:${join(root, 'image')}:v1`

  it('has an SBOM that the schema of CycloneDX 1.6 takes, with the packages of Debian', async () => {
    const python = await testEnv(['cyclonedx-python-lib[json-validation]==11.6.0'])
    await slipway('build', 'delay', '--out', image)
    const file = join(root, 'bom.json')
    await slipway('sbom', image, '--out', file)
    assert.equal(execFileSync(python, ['-c', VALIDATE, file]).toString().trim(), 'valid')
    const bom = JSON.parse(readFileSync(file, 'utf8')) as { components: { purl: string; licenses?: object[] }[] }
    assert.deepEqual(
      bom.components.filter(({ purl, licenses }) => !purl.startsWith('pkg:generic/') && licenses === undefined),
      [],
      'packages without a licence',
    )
    const debian = bom.components
      .filter(({ purl }) => purl.startsWith('pkg:deb/debian/'))
      .map(({ purl }) => /debian\/([^@]+)@/.exec(purl)?.[1] ?? '')
    assert.deepEqual(
      debian.toSorted((a, b) => (a < b ? -1 : 1)),
      ['gcc-12-base', 'libc6', 'libgcc-s1', 'libstdc%2B%2B6'],
    )
  })

  it('has a signature that OpenSSF’s model signing verifies over its manifest', async () => {
    const python = await testEnv(['model-signing==1.1.1', 'pyopenssl==26.4.0'])
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(join(root, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(join(root, 'key.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
    const { data } = await slipway('sign', image, '--key', join(root, 'key.pem'))
    const [{ digest, signature }] = data as [{ digest: string; signature: string }]
    const blob = (name: string): Buffer => readFileSync(join(root, 'image/blobs/sha256', name.slice(7)))
    const [layer] = (JSON.parse(blob(signature).toString()) as { layers: { digest: string }[] }).layers
    const folder = join(root, 'signed')
    mkdirSync(folder)
    writeFileSync(join(folder, 'manifest.json'), blob(digest))
    writeFileSync(join(root, 'image.sig'), blob(layer?.digest ?? ''))
    const verify = (): string =>
      execFileSync(
        python,
        [
          '-m',
          'model_signing',
          'verify',
          'key',
          folder,
          '--signature',
          join(root, 'image.sig'),
          '--public_key',
          join(root, 'key.pub'),
        ],
        { stdio: 'pipe' },
      ).toString()
    assert.match(verify(), /succeeded/i)
    writeFileSync(join(folder, 'manifest.json'), '{}')
    assert.throws(verify, /Command failed/)
  })
})
