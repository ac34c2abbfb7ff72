/** Hostile steps, models and builds reach for what is the server's: they get nothing where the machine confines them, and all of it where it is told not to. */
import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { servingApi } from '../../src/contract/serving.ts'
import { systemApi } from '../../src/contract/system.ts'
import { elsewhere } from '../../src/isolation/elsewhere.fixture.ts'
import { register } from '../fixtures/two-endpoints.ts'
import { refusedStart, startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const FIXTURES = resolve(import.meta.dirname, '../fixtures/hostile')
const folder = mkdtempSync(join(tmpdir(), 'slipway-isolation-'))
const outside = mkdtempSync(join(elsewhere(), 'slipway-isolation-'))
after(() => {
  rmSync(folder, { recursive: true, force: true })
  rmSync(outside, { recursive: true, force: true })
})

interface Said {
  readonly got: Readonly<Record<string, string>>
  readonly token: string
  readonly status: number | ''
}

/** What goes on everywhere, and what nobody inherits anywhere. */
const MAY = ['temporary', 'own data', 'another mode']
const NEVER = ['inherited']

interface World {
  readonly server: TestServer
  /** What the hostile code got, by where it ran; waits for it. */
  readonly told: (where: string) => Promise<Said>
  /** Writes a project and runs it; resolves to what the command prints. */
  readonly run: (name: string, files: Readonly<Record<string, string>>) => Promise<string>
  /** A file of the fixtures that knows its target. */
  readonly fixture: (name: string) => string
}

let count = 0

/** A server in a mode, with another run under way whose files and process are at hand. */
async function world(t: TestContext, mode: string): Promise<World> {
  const place = join(folder, `${mode}-${(count += 1)}`)
  const [data, tell] = [join(place, 'data'), join(place, 'tell')]
  for (const one of [data, tell]) mkdirSync(one, { recursive: true })
  writeFileSync(join(outside, 'rows.csv'), 'a,b\n')
  const env = { SLIPWAY_SECRET_OTHER: 'of another project' }
  const server = await startTestServer({ data, gateways: 1, env, args: ['--isolation', mode] })
  t.after(() => server.stop())
  const fixture = (name: string): string =>
    readFileSync(join(FIXTURES, name), 'utf8').replace('@TARGET@', join(place, 'target.json'))
  const write = (name: string, files: Readonly<Record<string, string>>): string => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(place, name, path)), { recursive: true })
      writeFileSync(join(place, name, path), text)
    }
    return join(place, name)
  }
  const slipway = async (...args: string[]): Promise<string> => {
    const variables = { ...process.env, SLIPWAY_TOKEN: server.token }
    return (await promisify(execFile)(process.execPath, [MAIN, ...args, '--url', server.url], { env: variables }))
      .stdout
  }
  const victim = write('victim', {
    'slipway.yaml': 'project: victim\npipeline: {steps: {waits: {run: waits:main}}}\n',
    'waits.py': 'import time\ndef main():\n    open("secret.txt", "w").write("mine")\n    time.sleep(600)\n',
  })
  const watching = spawn(process.execPath, [MAIN, 'run', victim, '--url', server.url], {
    env: { ...process.env, SLIPWAY_TOKEN: server.token },
    stdio: 'ignore',
  })
  const attempts = join(data, 'attempts')
  const ready = (): string | undefined =>
    existsSync(attempts)
      ? readdirSync(attempts).find((name) =>
          ['work/secret.txt', 'process.json'].every((file) => existsSync(join(attempts, name, file))),
        )
      : undefined
  const attempt = join(attempts, await until('the beginning of the other run', ready))
  watching.kill()
  const { pid } = JSON.parse(readFileSync(join(attempt, 'process.json'), 'utf8')) as { pid: number }
  t.after(() => process.kill(pid, 'SIGTERM'))
  const target = { data, pid: server.pid, url: server.url, victim: attempt, victim_pid: pid, outside, tell }
  writeFileSync(join(place, 'target.json'), JSON.stringify(target))
  return {
    server,
    fixture,
    async told(where) {
      const file = join(tell, `${where}.json`)
      await until(`what is told by ${where}`, () => existsSync(file))
      return JSON.parse(readFileSync(file, 'utf8')) as Said
    },
    run: (name, files) => slipway('run', write(name, files)),
  }
}

/** How a server answers to a token. */
async function statusOf({ url }: TestServer, token: string): Promise<number> {
  return (await fetch(`${url}/v1/me`, { headers: { authorization: `Bearer ${token}` } })).status
}

/** Holds what hostile code got against the mode of its server. */
function judge(mode: string, where: string, { got }: Said): void {
  const wrong = Object.entries(got).filter(([what, answer]) => {
    const mine = MAY.includes(what) || (mode === 'off' && !NEVER.includes(what))
    return !answer.startsWith(mine ? 'got: ' : 'refused: ')
  })
  assert.deepEqual(wrong, [], `${where}, isolation ${mode}: ${JSON.stringify(got, null, 1)}`)
}

const STEP = (fixture: World['fixture']): Record<string, string> => ({
  'slipway.yaml': 'project: hostile\npipeline: {steps: {strikes: {run: strikes:main}}}\n',
  'strikes.py': 'import hostile\ndef main():\n    hostile.strike("step")\n',
  'hostile.py': fixture('hostile.py'),
})

/** A step that keeps a cache as matplotlib and others do, and finds it again; what it leaves elsewhere in its home is refused. */
const CACHES = (mark: string): Record<string, string> => ({
  'slipway.yaml': 'project: caches\npipeline: {steps: {one: {run: one:main}}}\n',
  'one.py': `import os, pathlib, subprocess, sys
def main():
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "${mark}"
    cache.mkdir(parents=True)
    (cache / "fonts.json.tmp").write_text("fonts")
    os.replace(cache / "fonts.json.tmp", cache / "fonts.json")
    read = "import pathlib, sys; sys.exit(pathlib.Path('~/.cache/${mark}/fonts.json').expanduser().read_text() != 'fonts')"
    subprocess.run([sys.executable, "-c", read], check=True)
    try:
        pathlib.Path("~/${mark}").expanduser().write_text("lost")
    except OSError:
        return
    raise AssertionError("what it left in its home is lost, and nothing said so")
`,
})

for (const mode of ['required', 'off']) {
  test(`a step, a model and a build of a package, isolation ${mode}`, async (t) => {
    const here = await world(t, mode)
    const { server, fixture } = here

    await t.test('a step', async () => {
      await here.run('hostile', STEP(fixture))
      const said = await here.told('step')
      judge(mode, 'the step', said)
      assert.equal(said.status, 200, 'its token held while it ran')
      assert.equal(await statusOf(server, said.token), 401, 'and no longer once it has ended')
    })

    if (mode !== 'off')
      await t.test('a step keeps caches in its home, as libraries do, and reads what its user has there', async () => {
        const mark = `slipway-test-${process.pid}`
        await here.run('caches', CACHES(mark))
        assert.ok(!existsSync(join(homedir(), '.cache', mark)), 'the home of the user is as it was')
      })

    await t.test('a pickle as it is lowered, and a model as it is asked', async () => {
      const dir = join(folder, `model-${mode}`)
      mkdirSync(join(dir, 'code'), { recursive: true })
      for (const name of ['hostile.py', 'hostile_model.py']) writeFileSync(join(dir, 'code', name), fixture(name))
      const pickling = 'import pickle, sys, hostile_model; sys.stdout.buffer.write(pickle.dumps(hostile_model.Model()))'
      writeFileSync(join(dir, 'model.pkl'), execFileSync('python3', ['-c', pickling], { cwd: join(dir, 'code') }))
      writeFileSync(join(dir, 'requirements.txt'), '')
      writeFileSync(
        join(dir, 'MLmodel'),
        `flavors:
  python_function: {code: code, loader_module: mlflow.sklearn, model_path: model.pkl, predict_fn: predict}
  sklearn: {code: code, pickled_model: model.pkl, serialization_format: pickle, sklearn_version: 1.9.1}
signature:
  inputs: '[{"type": "double", "name": "x", "required": true}]'
  outputs: '[{"type": "double", "required": true}]'
`,
      )
      const version = await register(server, 'hostile', dir)
      judge(mode, 'lowering', await here.told('lowering-loads'))
      await server.client.call(servingApi.putEndpoint, {
        params: { name: 'hostile' },
        body: { project: 'default', model: 'hostile' },
      })
      await server.client.call(servingApi.deploy, { params: { name: 'hostile' }, body: { version } })
      judge(mode, 'a scorer that loads', await here.told('scorer-loads'))
      await fetch(`${server.gatewayUrl}/v1/endpoints/hostile:predict`, {
        method: 'POST',
        headers: { authorization: `Bearer ${server.token}` },
        body: JSON.stringify({ inputs: { x: 1 } }),
      })
      judge(mode, 'a scorer that is asked', await here.told('scorer-asked'))
    })

    await t.test('the build of a package', async () => {
      const sources = join(folder, `package-${mode}`)
      mkdirSync(sources)
      for (const name of ['hostile.py', 'hostile_backend.py']) writeFileSync(join(sources, name), fixture(name))
      const system = 'requires = []\nbuild-backend = "hostile_backend"\nbackend-path = ["."]\n'
      writeFileSync(
        join(sources, 'pyproject.toml'),
        `[build-system]\n${system}[project]\nname = "hostile-package"\ndynamic = ["version"]\n`,
      )
      const files = {
        'slipway.yaml': 'project: builds\npipeline: {steps: {one: {run: one:main}}}\n',
        'one.py': 'def main(): pass\n',
        'requirements.txt': `hostile-package @ file://${sources}\n`,
      }
      // a folder has no hash, so the environment is refused; its code ran before that
      await here.run('builds', files).catch(() => undefined)
      judge(mode, 'the build', await here.told('build'))
    })

    await t.test('the server says what holds', async () => {
      const { isolation } = await server.client.call(systemApi.info)
      assert.equal(isolation.mode, mode)
      assert.deepEqual([isolation.open.length, isolation.held.length], mode === 'off' ? [9, 0] : [0, 9])
      // it may find other things, as an endpoint without a monitor
      const { stdout: said } = spawnSync(process.execPath, [MAIN, 'doctor', '--data', server.data], {
        encoding: 'utf8',
      })
      assert.match(
        said,
        mode === 'off'
          ? /warn Isolation: .*turned off/
          : /ok {3}Isolation: .* confined by.*; tried, they cannot read or change the data folder.*; cannot change rights/,
      )
      assert.match(server.errors(), mode === 'off' ? /are not kept apart/ : /^(?!.*are not kept apart)/s)
    })
  })
}

test('a machine that cannot confine refuses to start where it is asked to, and says why', async () => {
  const data = mkdtempSync(join(folder, 'refused-'))
  const bin = join(data, 'python3')
  // a Python that this machine has not: then nothing can be tried
  const { code, errors } = await refusedStart({
    data: join(data, 'data'),
    args: ['--isolation', 'required'],
    env: { SLIPWAY_PYTHON: bin },
  })
  assert.equal(code, 3)
  assert.match(
    errors,
    /--isolation required: this machine cannot keep .*they can read or change the data folder.*no Python/s,
  )
})

test('a token lives as long as its attempt, over kills of the server, and no longer', async (t) => {
  const place = mkdtempSync(join(folder, 'token-'))
  const [data, project] = [join(place, 'data'), join(place, 'project')]
  const tell = mkdtempSync(join(folder, 'token-tells-'))
  mkdirSync(project)
  writeFileSync(join(project, 'slipway.yaml'), 'project: long\npipeline: {steps: {waits: {run: waits:main}}}\n')
  const [said, go] = [join(tell, 'said'), join(tell, 'go')]
  writeFileSync(
    join(project, 'waits.py'),
    `import os, time
def main():
    with open(${JSON.stringify(`${said}.tmp`)}, "w") as file: file.write(os.environ["MLFLOW_TRACKING_TOKEN"])
    os.replace(${JSON.stringify(`${said}.tmp`)}, ${JSON.stringify(said)})
    while not os.path.exists(${JSON.stringify(go)}): time.sleep(0.05)
`,
  )
  const first = await startTestServer({ data })
  t.after(() => first.stop())
  const env = { ...process.env, SLIPWAY_TOKEN: first.token }
  const watching = spawn(process.execPath, [MAIN, 'run', project, '--url', first.url], { env, stdio: 'ignore' })
  await until('the token of the step', () => existsSync(said))
  watching.kill()
  const token = readFileSync(said, 'utf8')
  assert.equal(await statusOf(first, token), 200)
  const start = { project: 'long', pipeline_version: 'pv_1' }
  const refused = await fetch(`${first.url}/v1/pipeline-runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(start),
  })
  assert.equal(refused.status, 403, 'it starts no other steps')
  await first.kill()

  const second = await startTestServer({ data })
  t.after(() => second.stop())
  assert.equal(await statusOf(second, token), 200, 'the attempt goes on, and so does its token')
  await second.kill()
  const attempts = join(data, 'attempts')
  const [attempt = ''] = readdirSync(attempts)
  writeFileSync(go, '')
  await until('the end of the attempt', () => existsSync(join(attempts, attempt, 'exit.json')))

  const third = await startTestServer({ data })
  t.after(() => third.stop())
  const status = await until('the end of the token', async () => {
    const now = await statusOf(third, token)
    return now !== 200 && now
  })
  assert.equal(status, 401)
})
