/** `slipway image`: what is built, that it is the same whatever the machine, what inspect and diff say of it, and what is refused. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { layerContents } from '../../images/compare/contents.ts'
import { layoutBlobs } from '../../images/oci/layout.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'
import { answerModel, answerPython, TEST_CACHE, writeBase, writeModel } from './image.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-image-'))
let server: RecordedServer
let base = ''
before(async () => {
  process.env['SLIPWAY_CACHE'] = TEST_CACHE
  // nothing here needs a network
  process.env['SLIPWAY_OFFLINE'] = '1'
  server = await startRecorded()
  answerModel(server, writeModel(join(root, 'model')))
  base = await writeBase(join(root, 'base'))
})
after(() => {
  server.close()
  rmSync(root, { recursive: true })
})

const slipway = (...argv: string[]) => server.slipway('image', ...argv)

interface Built {
  readonly digest: string
  readonly to: readonly string[]
}

async function build(...argv: string[]): Promise<Built> {
  const { code, data } = await slipway('build', ...argv)
  assert.equal(code, 0)
  return data[0] as Built
}

/** A document of a layout, by the digest of its bytes as this test computes it. */
function document(dir: string, digest: string): Record<string, never> {
  const bytes = readFileSync(join(dir, 'blobs/sha256', digest.slice(7)))
  assert.equal(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, digest)
  return JSON.parse(bytes.toString()) as Record<string, never>
}

describe('slipway image build', () => {
  it('writes the image of a model: base, Node, gateway, model, run by a number and told by labels', async () => {
    const dir = join(root, 'served')
    const { digest, to } = await build('delay@production', '--base', base, '--out', `layout:${dir}:v3`)
    assert.deepEqual(to, [`layout:${dir}:v3`])
    const index = JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8')) as { manifests: object[] }
    assert.partialDeepStrictEqual(index.manifests, [
      { digest, annotations: { 'org.opencontainers.image.ref.name': 'v3' } },
    ])
    const manifest = document(dir, digest) as unknown as {
      config: { digest: string }
      layers: { digest: string; mediaType: string }[]
    }
    assert.deepEqual(
      manifest.layers.map(({ mediaType }) => mediaType),
      Array.from({ length: 4 }, () => 'application/vnd.oci.image.layer.v1.tar+gzip'),
    )
    const config = document(dir, manifest.config.digest)
    assert.partialDeepStrictEqual(config, {
      created: '1970-01-01T00:00:00Z',
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: {
        User: '10001:10001',
        Entrypoint: ['/usr/local/bin/node', '/opt/slipway/src/gateway/alone.js', '/opt/slipway/model'],
        ExposedPorts: { '4601/tcp': {} },
        Volumes: { '/data': {} },
        StopSignal: 'SIGTERM',
        Labels: {
          vendor: 'ours',
          'dev.slipway.model': 'delay',
          'dev.slipway.version': '3',
          'dev.slipway.run': '5f1c',
          'org.opencontainers.image.version': '3',
        },
      },
    })
    const [, , code, model] = manifest.layers
    const layer = (one: typeof code) =>
      layerContents(layoutBlobs(dir), { size: 0, digest: one?.digest ?? '', mediaType: one?.mediaType ?? '' })
    const inCode = await layer(code)
    assert.ok(inCode.files.has('opt/slipway/src/gateway/alone.js'))
    assert.deepEqual(
      [...inCode.files.keys()].filter((path) => /\.(?:ts|py|pyc|node)$/.test(path)),
      [],
    )
    assert.equal(
      inCode.packages.get('npm zod'),
      JSON.parse(readFileSync('node_modules/zod/package.json', 'utf8')).version,
    )
    const inModel = await layer(model)
    assert.deepEqual(
      [...inModel.files.keys()],
      ['model.bin', 'model.json']
        .map((name) => `opt/slipway/model/native/${name}`)
        .concat('opt/slipway/model/serve.json'),
    )
    // what the configuration says of the tars is what they are
    const diffIds = (config as unknown as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids
    assert.deepEqual([inCode.diffId, inModel.diffId], diffIds.slice(2))
  })

  it('is the same from another folder with other times and rights, in another umask and time zone, at another time', async () => {
    const elsewhere = join(root, 'elsewhere')
    cpSync(join(root, 'model'), elsewhere, { recursive: true })
    for (const name of ['model.json', 'model.bin']) utimesSync(join(elsewhere, name), 1, 999_999_999)
    const first = await build('delay', '--base', base, '--out', `layout:${join(root, 'a')}`)
    answerModel(server, elsewhere)
    const umask = process.umask(0o077)
    process.env['TZ'] = 'Asia/Kathmandu'
    try {
      const second = await build('delay/3', '--base', base, '--out', `layout:${join(root, 'b')}`)
      assert.equal(second.digest, first.digest)
    } finally {
      process.umask(umask)
      delete process.env['TZ']
    }
  })

  it('compresses with zstd where that is asked for, and the tars are the same', async () => {
    const [gzip, zstd] = [join(root, 'with-gzip'), join(root, 'with-zstd')]
    await build('delay', '--base', base, '--out', `layout:${gzip}`)
    await build('delay', '--base', base, '--out', `layout:${zstd}`, '--compression', 'zstd')
    const [said] = (await slipway('diff', `layout:${gzip}`, `layout:${zstd}`)).data as [object]
    assert.partialDeepStrictEqual(said, { same: false, same_layers: 4, layers: [], settings: [] })
  })

  it('says the time of SOURCE_DATE_EPOCH, which changes no layer', async () => {
    process.env['SOURCE_DATE_EPOCH'] = '1700000000'
    try {
      const { digest } = await build('delay', '--base', base, '--out', `layout:${join(root, 'epoch')}`)
      const [said] = (await slipway('diff', `layout:${join(root, 'a')}`, `layout:${join(root, 'epoch')}`)).data as [
        object,
      ]
      assert.partialDeepStrictEqual(said, {
        b: digest,
        same: false,
        same_layers: 4,
        layers: [],
        settings: [{ name: 'created', before: '1970-01-01T00:00:00Z', after: '2023-11-14T22:13:20Z' }],
      })
      process.env['SOURCE_DATE_EPOCH'] = 'yesterday'
      await assert.rejects(build('delay'), usage(/SOURCE_DATE_EPOCH is "yesterday"; expected seconds/))
    } finally {
      delete process.env['SOURCE_DATE_EPOCH']
    }
  })

  it('refuses a model that no image can serve, a base that is none, and what it does not know', async () => {
    answerModel(server, join(root, 'nowhere'))
    await assert.rejects(
      build('delay', '--base', base),
      /the model's files are not here .*on the machine of the data folder/,
    )
    answerModel(server, join(root, 'model'))
    await assert.rejects(build('delay', '--base', `layout:${join(root, 'nothing')}`), { code: 'not_found' })
    await assert.rejects(
      build('delay', '--base', base, '--platform', 'linux/s390x'),
      usage(/--platform is "linux\/s390x"/),
    )
    await assert.rejects(build(), usage(/needs a model/))
    await assert.rejects(
      build('delay', '--for', 'fun'),
      usage(/--for is "fun"; expected serve, batch, step, control or gateway/),
    )
    await assert.rejects(build('delay', '--compression', 'xz'), usage(/--compression is "xz"; expected gzip or zstd/))
    await assert.rejects(build('delay', '--out', 'ghcr.io/a/b'), usage(/--out is "ghcr.io\/a\/b"/))
    await assert.rejects(
      slipway('sail'),
      usage(
        /image needs one of build, dockerfile, inspect, push, pull, copy, sbom, sign, verify, scan, record, promote, environments, diff; got "sail"/,
      ),
    )
  })

  it('of a model in Python needs its packages and a base with its Python, and has both', async () => {
    const { findPython } = await import('../../envs/python.ts')
    const { version } = await findPython('>=3.10')
    const dir = join(root, 'pyfunc')
    mkdirSync(join(dir, '__pycache__'), { recursive: true })
    for (const name of ['MLmodel', 'model.pkl', '__pycache__/code.pyc']) writeFileSync(join(dir, name), name)
    const python = await writeBase(join(root, 'python-base'), version)
    answerPython(server, dir, null)
    await assert.rejects(build('delay', '--base', python), {
      code: 'unprocessable',
      message: /older than this command/,
    })
    answerPython(server, dir, { python_version: '3.99.1', lock: '' })
    await assert.rejects(build('delay', '--base', python), {
      code: 'unprocessable',
      message: /was made with Python 3\.99, and the base .* has .*; name one with 3\.99 by --base/,
    })
    answerPython(server, dir, { python_version: version, lock: '' })
    await assert.rejects(build('delay', '--base', base), {
      code: 'unprocessable',
      message: /none that it tells by PYTHON_VERSION/,
    })
    const to = join(root, 'python-model')
    const { digest } = await build('delay', '--base', python, '--out', `layout:${to}`)
    const { tables } = await slipway('inspect', `layout:${to}`)
    assert.deepEqual(
      tables[0]?.rows.map(([, , purpose]) => purpose?.replace('slipway image build: ', '').replace(/^Node .*/, 'Node')),
      ['a base', 'Node', 'Python packages', 'the step wrapper', 'the gateway', 'the model delay 3'],
    )
    const { layers } = document(to, digest) as unknown as { layers: { digest: string }[] }
    const model = gunzipSync(readFileSync(join(to, 'blobs/sha256', layers.at(-1)?.digest.slice(7) ?? ''))).toString(
      'latin1',
    )
    const told = JSON.parse(/\{\n {2}"format": "slipway\.serve\/1"[\s\S]*?\n\}/.exec(model)?.[0] ?? '') as {
      backend: object
    }
    assert.partialDeepStrictEqual(told.backend, { dir: 'python', python: '/opt/venv/bin/python', workers: 1 })
    assert.ok(model.includes('model/python/model.pkl') && !model.includes('__pycache__'))
    answerModel(server, join(root, 'model'))
  })

  it('takes the default base only from the cache without a network, and says what else there is', async () => {
    process.env['SLIPWAY_CACHE'] = join(root, 'empty')
    try {
      await assert.rejects(build('delay'), { code: 'unavailable', message: /gcc-12-base.*--base takes another base/ })
    } finally {
      process.env['SLIPWAY_CACHE'] = TEST_CACHE
    }
  })
})

describe('slipway image build --for step', () => {
  const project = (name: string): string => {
    const folder = join(root, name)
    mkdirSync(join(folder, 'pkg'), { recursive: true })
    writeFileSync(
      join(folder, 'slipway.yaml'),
      'project: tiny\npython: {packages: []}\npipeline:\n  steps:\n    one: {run: [python, -c, "print(1)"]}\n',
    )
    writeFileSync(join(folder, 'pkg/code.py'), 'x = 1\n')
    writeFileSync(join(folder, 'notes.tmp'), 'left out')
    writeFileSync(join(folder, '.slipwayignore'), '*.tmp\n')
    return folder
  }

  it('needs a base that tells its Python', async () => {
    await assert.rejects(build(project('one'), '--for', 'step', '--base', base), {
      code: 'unprocessable',
      message: /sets no PYTHON_VERSION/,
    })
    mkdirSync(join(root, 'empty-project'))
    await assert.rejects(build(join(root, 'empty-project'), '--for', 'step'), usage(/there is no slipway.yaml/))
  })

  it('has the code of the project without what it leaves out, and diff tells the file that changed', async () => {
    const { findPython } = await import('../../envs/python.ts')
    const version = (await findPython('>=3.10')).version
    const python = await writeBase(join(root, 'python'), version)
    const [before, changed] = [join(root, 'before'), join(root, 'after')]
    const folder = project('two')
    const first = await build(folder, '--for', 'step', '--base', python, '--out', `layout:${before}`)
    assert.equal(
      (await build(project('three'), '--for', 'step', '--base', python, '--out', `layout:${before}`)).digest,
      first.digest,
    )
    writeFileSync(join(folder, 'pkg/code.py'), 'x = 2\n')
    await build(folder, '--for', 'step', '--base', python, '--out', `layout:${changed}`)
    const { code, data, lines } = await slipway('diff', `layout:${before}`, `layout:${changed}`)
    assert.equal(code, 1)
    assert.partialDeepStrictEqual(data, [
      {
        same_layers: 3,
        settings: [],
        layers: [{ packages: [], added: [], removed: [], changed: ['opt/project/pkg/code.py'] }],
      },
    ])
    assert.ok(lines.includes('  changed opt/project/pkg/code.py'), lines.join('\n'))
    assert.deepEqual((await slipway('diff', `layout:${before}`, `layout:${before}`)).code, 0)
    const { tables } = await slipway('inspect', `layout:${changed}`)
    assert.deepEqual(
      tables[0]?.rows.map(([, , purpose]) => purpose?.replace('slipway image build: ', '')),
      ['a base', 'Python packages', 'the step wrapper', 'the code of the project'],
    )
  })
})

describe('slipway image inspect and diff', () => {
  it('ask for what they need, and say what is not there', async () => {
    await assert.rejects(slipway('inspect'), usage(/needs an image/))
    await assert.rejects(slipway('diff', base), usage(/needs two images/))
    await assert.rejects(slipway('inspect', 'layout:/nowhere'), { code: 'not_found' })
    await assert.rejects(slipway('inspect', 'busybox'), { code: 'invalid_field' })
  })

  it('tell a blob that was changed on disk', async () => {
    const dir = join(root, 'changed-on-disk')
    const { digest } = await build('delay', '--base', base, '--out', `layout:${dir}`)
    rmSync(join(dir, 'blobs/sha256', digest.slice(7)))
    writeFileSync(join(dir, 'blobs/sha256', digest.slice(7)), '{}')
    await assert.rejects(slipway('inspect', `layout:${dir}`), {
      code: 'unprocessable',
      message: /not what its digest says/,
    })
    // the cache has it still
    await build('delay', '--base', base, '--out', `layout:${dir}`)
  })
})
