/** Images in which steps run: built here without an engine and by podman from the Dockerfile that is written, and the same step run in both. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { findUv } from '../../src/envs/uv.ts'
import { defaultBase } from '../../src/images/build/base.ts'
import { composeImage } from '../../src/images/build/compose.ts'
import { Entries, IMAGE_USER } from '../../src/images/layers/entries.ts'
import { makeLayer } from '../../src/images/layers/layer.ts'
import { BlobFolder } from '../../src/images/oci/blobs.ts'
import { copyImage } from '../../src/images/oci/graph.ts'
import { layoutBlobs, nameInLayout } from '../../src/images/oci/layout.ts'
import { TEST_CACHE } from '../../src/cli/image/image.fixture.ts'
import { packageSources } from '../../src/cli/image/sources.ts'
import { runCommand } from '../../src/cli/run-command.fixture.ts'
import { findProgram } from '../tools.ts'
import { NO_ENGINE, startEngine } from './engine.ts'
import { NO_REGISTRY, startRegistry } from './registry.ts'

const engine = startEngine()
const registry = engine === undefined ? undefined : await startRegistry()
const skip = engine === undefined ? NO_ENGINE : registry === undefined && NO_REGISTRY
const host = registry?.host ?? ''
const root = join(tmpdir(), `slipway-image-steps-${process.pid}`)
const podman = (...args: string[]): Promise<string> => engine?.podman(...args) ?? Promise.reject(new Error(NO_ENGINE))
const PLATFORM = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' }
const DIGEST = /@sha256:[0-9a-f]{64}$/

/** A project with one package, one step and a file that stays at home. */
function project(name: string): string {
  const folder = join(root, name)
  mkdirSync(join(folder, 'tiny'), { recursive: true })
  writeFileSync(
    join(folder, 'slipway.yaml'),
    'project: tiny\npython: {packages: [six==1.17.0]}\npipeline:\n  steps:\n    one: {run: "tiny.step:main", outputs: [answer]}\n',
  )
  writeFileSync(
    join(folder, 'tiny/step.py'),
    'import os, six\n\n\ndef main(answer, factor):\n    answer.write_text(f"{six.__version__} {6 * factor} {os.getuid()}")\n',
  )
  writeFileSync(join(folder, 'notes.tmp'), 'mine')
  writeFileSync(join(folder, '.slipwayignore'), '*.tmp\n')
  return folder
}

/** Runs the step as the server starts an attempt, and returns what it wrote. */
async function stepIn(image: string, name: string): Promise<string> {
  const dir = join(root, `attempt-${name}`)
  for (const one of ['out', 'tmp', 'in', 'said']) mkdirSync(join(dir, one), { recursive: true })
  const path = '/attempt'
  const python = { python: '/opt/venv/bin/python', entry: 'tiny.step:main', pythonpath: ['/opt/project'] }
  const place = { dir: path, home: `${path}/home`, cwd: '/opt/project' }
  const values = { inputs: {}, params: { factor: 7 }, outputs: { answer: `${path}/out/answer` } }
  const bounds = { timeout_s: 600, grace_s: 5, memory_bytes: null, log_bytes: 10_000, policy: null, unheld: [] }
  const spec = { attempt: 'a1', fence: 'f1', secret_env: [], ...python, ...place, ...values, ...bounds }
  writeFileSync(join(dir, 'spec.json'), JSON.stringify(spec))
  execFileSync('chown', ['-R', `${IMAGE_USER}:${IMAGE_USER}`, dir])
  const limits = ['--read-only', '--cap-drop=all', '--network=none', '--volume', `${dir}:${path}`]
  const stdin = join(root, `${name}-environment`)
  writeFileSync(stdin, '{"PATH": "/usr/bin:/bin"}')
  await engine?.podmanWith(stdin, 'run', '--rm', '--interactive', ...limits, image, `${path}/spec.json`)
  const exit = JSON.parse(readFileSync(join(dir, 'exit.json'), 'utf8')) as { class: string }
  assert.equal(exit.class, 'ok', JSON.stringify(exit))
  return readFileSync(join(dir, 'out/answer'), 'utf8')
}

describe('an image in which steps run', { skip }, () => {
  let folder = ''
  before(async () => {
    mkdirSync(root)
    process.env['SLIPWAY_CACHE'] = TEST_CACHE
    process.env['DOCKER_CONFIG'] = root
    writeFileSync(join(root, 'config.json'), '{}')
    Object.assign(process.env, engine?.environment(host))
    folder = project('tiny')
    await publish()
  })
  after(async () => {
    registry?.stop()
    await engine?.stop()
    rmSync(root, { recursive: true, force: true })
  })

  async function built(name: string, ...args: string[]): Promise<{ digest: string; image: string }> {
    const place = `layout:${join(root, name)}:v1`
    const { data } = await runCommand(root, 'image', 'build', folder, '--for', 'step', '--out', place, ...args)
    const { digest } = data[0] as { digest: string }
    return { digest, image: await podman('pull', '--quiet', `oci:${join(root, name)}:v1`) }
  }

  it('runs a step with the packages of the lock, as a user of its own', async () => {
    assert.equal(await stepIn((await built('native')).image, 'native'), '1.17.0 42 10001')
  })

  it('has a Dockerfile with pinned images, the lock and nothing secret; what is there is not replaced', async () => {
    const images = ['--base', `${host}/python:3.11`, '--uv', `${host}/uv:1`]
    const { data } = await runCommand(root, 'image', 'dockerfile', folder, ...images)
    const told = data[0] as { files: string[]; base: string; uv: string }
    assert.deepEqual(told.files, ['Dockerfile', '.dockerignore', 'requirements.lock'])
    assert.match(told.base, DIGEST)
    assert.match(told.uv, DIGEST)
    const text = readFileSync(join(folder, 'Dockerfile'), 'utf8')
    assert.deepEqual(text.match(/^FROM .*$/gm), [
      `FROM ${told.uv} AS uv`,
      `FROM ${told.base} AS packages`,
      `FROM ${told.base}`,
    ])
    assert.match(text, /^USER 10001:10001$/m)
    assert.deepEqual(text.match(/^ARG .*$/gm), ['ARG REVISION=""'])
    assert.match(readFileSync(join(folder, 'requirements.lock'), 'utf8'), /^six==1\.17\.0 \\\n {4}--hash=sha256:/)
    assert.match(readFileSync(join(folder, '.dockerignore'), 'utf8'), /^\*\*\/\*\.tmp$/m)
    await assert.rejects(runCommand(root, 'image', 'dockerfile', folder, ...images), { code: 'conflict' })
    await runCommand(root, 'image', 'dockerfile', folder, ...images, '--force')
    assert.equal(readFileSync(join(folder, 'Dockerfile'), 'utf8'), text)
  })

  it('is built by podman from it, runs the same step, and is the same when built again elsewhere', async () => {
    const first = await built('by-podman')
    assert.equal(await stepIn(first.image, 'podman'), '1.17.0 42 10001')
    const there = (path: string): Promise<string> =>
      podman(
        'run',
        '--rm',
        '--entrypoint',
        '/opt/venv/bin/python',
        first.image,
        '-c',
        `import os; print(os.path.exists("${path}"))`,
      )
    assert.equal(await there('/opt/project/tiny/step.py'), 'True')
    assert.equal(await there('/opt/project/notes.tmp'), 'False')
    assert.equal(await there('/usr/local/bin/uv'), 'False')
    const other = project('other')
    for (const name of ['Dockerfile', '.dockerignore', 'requirements.lock'])
      writeFileSync(join(other, name), readFileSync(join(folder, name)))
    for (const name of ['slipway.yaml', 'tiny/step.py']) chmodSync(join(other, name), 0o600)
    folder = other
    assert.equal((await built('again')).digest, first.digest)
  })

  it('is built by podman from uv’s own lock', async () => {
    const named = project('locked')
    writeFileSync(
      join(named, 'slipway.yaml'),
      readFileSync(join(named, 'slipway.yaml'), 'utf8').replace(/^python: .*\n/m, ''),
    )
    const toml = '[project]\nname = "tiny"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["six==1.17.0"]\n'
    writeFileSync(join(named, 'pyproject.toml'), toml)
    const uv = await findUv({ cacheFolder: TEST_CACHE, offline: false, say: () => undefined })
    execFileSync(uv, ['lock', '--quiet'], { cwd: named })
    const before = folder
    folder = named
    try {
      const images = ['--base', `${host}/python:3.11`, '--uv', `${host}/uv:1`]
      await runCommand(root, 'image', 'dockerfile', folder, ...images)
      assert.match(readFileSync(join(folder, 'Dockerfile'), 'utf8'), /uv sync --locked/)
      assert.equal(await stepIn((await built('locked-image')).image, 'locked'), '1.17.0 42 10001')
    } finally {
      folder = before
    }
  })

  it(
    'is built by buildah too, and without an engine when that is asked for',
    { skip: findProgram('buildah') === undefined && 'no buildah' },
    async () => {
      assert.equal(
        await stepIn((await built('by-buildah', '--builder', 'buildah')).image, 'buildah'),
        '1.17.0 42 10001',
      )
      assert.equal(await stepIn((await built('asked', '--builder', 'native')).image, 'asked'), '1.17.0 42 10001')
    },
  )

  it('is taken over as docker saves it, where podman speaks in its place', async () => {
    const bin = join(root, 'bin')
    mkdirSync(bin)
    const docker =
      '#!/bin/sh\ncase "$1" in\nbuild) shift; exec podman build --format oci "$@" ;;\nsave) exec podman save --quiet --format oci-archive --output "$3" "$4" ;;\nesac\n'
    writeFileSync(join(bin, 'docker'), docker, { mode: 0o755 })
    const { PATH = '' } = process.env
    process.env['PATH'] = `${bin}:${PATH}`
    try {
      assert.equal(await stepIn((await built('by-docker', '--builder', 'docker')).image, 'docker'), '1.17.0 42 10001')
    } finally {
      process.env['PATH'] = PATH
    }
  })

  it('is not built where the engine fails, is not there or is none', async () => {
    await assert.rejects(
      built('x', '--builder', 'kaniko'),
      /--builder is "kaniko"; expected native, podman, buildah, docker/,
    )
    await assert.rejects(built('x', '--base', `${host}/python:3.11`), /Dockerfile says what it is built on/)
    const bare = project('bare')
    folder = bare
    await assert.rejects(built('x', '--builder', 'podman'), /slipway image dockerfile .* writes one/)
    writeFileSync(join(bare, 'Dockerfile'), `FROM ${host}/python:3.11\nRUN exit 7\n`)
    await assert.rejects(built('x'), { code: 'unprocessable', message: /podman build failed: [\s\S]*exit status 7/ })
    writeFileSync(join(bare, 'Dockerfile'), `FROM ${host}/uv:1\n`)
    await assert.rejects(built('x'), { code: 'unprocessable', message: /sets no PYTHON_VERSION/ })
    const { PATH } = process.env
    process.env['PATH'] = join(root, 'nowhere')
    try {
      await assert.rejects(built('x'), /none of podman, buildah, docker is on the PATH/)
      await assert.rejects(built('x', '--builder', 'docker'), {
        code: 'unprocessable',
        message: /docker is not on the PATH/,
      })
    } finally {
      process.env['PATH'] = PATH
    }
  })
})

/** Puts into the registry a base with Python and a shell, and an image with uv: what python and uv are on Docker Hub and GitHub. */
async function publish(): Promise<void> {
  const blobs = new BlobFolder(join(TEST_CACHE, 'images'))
  const { mirror, fetch } = packageSources()
  const maker = { blobs, compression: 'gzip' as const, fetch, say: () => undefined }
  const python = await defaultBase(maker, 'python', mirror, PLATFORM)
  const shell = findProgram('dash') ?? '/bin/sh'
  const system = new Entries().add('bin/sh', {
    kind: 'file',
    mode: 0o755,
    source: { file: shell, size: statSync(shell).size },
  })
  const certificates = process.env['SSL_CERT_FILE'] ?? ''
  if (existsSync(certificates)) system.file('etc/ssl/test.crt', readFileSync(certificates))
  const env = { PYTHON_VERSION: '3.11', SLIPWAY_PYTHON_PATH: '/usr/bin/python3', PATH: '/usr/local/bin:/usr/bin:/bin' }
  const trust = existsSync(certificates) ? { SSL_CERT_FILE: '/etc/ssl/test.crt' } : {}
  const layers = [...python.layers, await makeLayer(maker, 'a shell', system)]
  await put('python:3.11', { base: python.base, layers, env: { ...env, ...trust } })
  const uv = await findUv({ cacheFolder: TEST_CACHE, offline: false, say: () => undefined })
  const program = findProgram(uv) ?? uv
  const tool = new Entries().add('uv', {
    kind: 'file',
    mode: 0o755,
    source: { file: program, size: statSync(program).size },
  })
  await put('uv:1', { base: python.base, layers: [await makeLayer(maker, 'uv', tool)], env: {} })

  async function put(
    name: string,
    made: { base: typeof python.base; layers: typeof layers; env: Record<string, string> },
  ) {
    const run = { entrypoint: ['/bin/sh'], env: made.env, user: '0', workingDir: '/' }
    const image = await composeImage(blobs, { ...made, run, labels: {}, epoch: 0, platform: PLATFORM })
    const dir = join(root, name.replace(':', '-'))
    await copyImage(blobs, layoutBlobs(dir), image)
    await nameInLayout(dir, image, 'v1')
    await runCommand(root, 'image', 'push', `layout:${dir}:v1`, `${host}/${name}`)
  }
}
