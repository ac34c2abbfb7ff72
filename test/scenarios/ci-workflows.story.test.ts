/** Workflows that `slipway ci init` writes: linted by actionlint, held against GitLab's schema, their shell steps run on a real server. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parse } from 'yaml'
import { runProgram } from '../../src/cli/program.fixture.ts'
import type { Ended } from '../../src/cli/program.fixture.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { registryApi } from '../../src/contract/registry.ts'
import { TIDES, trainedTo } from '../fixtures/tides.ts'
import { ACTIONLINT, findGoTool, missing } from '../programs/go-tools.ts'
import { testEnv } from '../python-env.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const FLIGHTS = resolve(import.meta.dirname, '../../examples/flights')
/** A validator with GitLab's own schema in it. */
const VALIDATOR = ['check-jsonschema==0.39.0']

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly env?: Readonly<Record<string, string>>
}
interface GitHubJob {
  readonly if?: string
  readonly needs?: string
  readonly 'timeout-minutes'?: number
  readonly permissions?: Readonly<Record<string, string>>
  readonly steps: readonly Step[]
}
interface GitHub {
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions: unknown
  readonly concurrency: unknown
  readonly jobs: Readonly<Record<string, GitHubJob>>
}

describe('workflows', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-workflows-'))
  const project = join(root, 'tides')
  const bin = join(root, 'bin')
  let server: TestServer

  const init = (folder: string, ...words: string[]): Promise<Ended> =>
    runProgram(['ci', 'init', ...words], { cwd: folder, env: {} })

  function repository(folder: string, files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    execFileSync('git', ['init', '-q', '-b', 'main'], { cwd: folder })
  }

  function commit(folder: string): void {
    const who = ['-c', 'user.name=ada', '-c', 'user.email=ada@example.org']
    execFileSync('git', ['add', '-A'], { cwd: folder })
    execFileSync('git', [...who, 'commit', '-qm', 'change'], { cwd: folder })
  }

  before(async () => {
    mkdirSync(bin)
    writeFileSync(join(bin, 'slipway'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
    chmodSync(join(bin, 'slipway'), 0o755)
    repository(project, { ...TIDES, ...trainedTo('0.4'), 'tests/test_tides.py': 'def test_it():\n    assert True\n' })
    for (const system of ['github', 'gitlab', 'jenkins']) {
      const { code, said } = await init(project, system)
      assert.equal(code, 0, said)
    }
    commit(project)
    server = await startTestServer()
  })
  after(async () => {
    await server.stop()
    rmSync(root, { recursive: true, force: true })
  })

  const github = (): GitHub => parse(readFileSync(join(project, '.github/workflows/slipway.yml'), 'utf8')) as GitHub

  it('of GitHub pass actionlint, for a small project and for the example, in a folder and with an install', async (t) => {
    const linter = await findGoTool(ACTIONLINT)
    if (linter === undefined) {
      t.skip(missing(ACTIONLINT))
      return
    }
    const many = join(root, 'many')
    repository(many, { 'README.md': '' })
    cpSync(FLIGHTS, join(many, 'models/flights'), { recursive: true })
    const { code, said, out } = await init(
      many,
      'github',
      'models/flights',
      '--branch',
      'release/1.x',
      '--install',
      `npm i -g "it's/slipway.tgz"`,
      '--image',
      'registry.example.org:5000/team/flights',
    )
    assert.equal(code, 0, said)
    assert.match(out, /Stages: test, package check, train, evaluate, gate, register, image, canary\./)
    const lint = (file: string): { status: number | null; stdout: string } =>
      spawnSync(linter, ['-no-color', '-shellcheck=', file], { encoding: 'utf8' })
    for (const folder of [project, many]) {
      const { status, stdout } = lint(join(folder, '.github/workflows/slipway.yml'))
      assert.equal(status, 0, stdout)
    }
    const keyless = join(root, 'keyless')
    repository(keyless, { ...TIDES })
    assert.equal((await init(keyless, 'github', '--oidc', '--image', 'ghcr.io/octo/models')).code, 0)
    const path = join(keyless, '.github/workflows/slipway.yml')
    assert.equal(lint(path).status, 0, lint(path).stdout)
    const { jobs } = parse(readFileSync(path, 'utf8')) as GitHub
    assert.deepEqual(
      Object.entries(jobs).map(([name, job]) => [name, job.permissions?.['id-token']]),
      [
        ['check', undefined],
        ['change', 'write'],
        ['merge', 'write'],
        ['image', undefined],
      ],
    )
    // an image of the version asks the server for it
    const serving = join(root, 'serving')
    repository(serving, { ...TIDES })
    const words = ['--oidc', '--image', 'ghcr.io/octo/models', '--sign', '--serve']
    assert.equal((await init(serving, 'github', ...words)).code, 0)
    const written = join(serving, '.github/workflows/slipway.yml')
    assert.equal(lint(written).status, 0, lint(written).stdout)
    const { image } = (parse(readFileSync(written, 'utf8')) as GitHub).jobs
    assert.equal(image?.permissions?.['id-token'], 'write')
    assert.match(JSON.stringify(image), /SLIPWAY_URL[\s\S]*slipway ci token[\s\S]*slipway image record/)
    assert.deepEqual(jobs['image']?.permissions, { contents: 'read', packages: 'write' })
    assert.doesNotMatch(readFileSync(path, 'utf8'), /secrets\./)
    const broken = join(root, 'broken.yml')
    writeFileSync(
      broken,
      readFileSync(join(many, '.github/workflows/slipway.yml'), 'utf8').replace('needs: check', 'needs: chek'),
    )
    assert.equal(lint(broken).status, 1, 'it finds what is wrong')
  })

  it('of GitHub pin actions, take few rights, and give changes of forks no secret', async () => {
    const pushing = join(root, 'pushing')
    repository(pushing, { ...TIDES })
    assert.equal((await init(pushing, 'github', '--image', 'registry.example.org/team/tides')).code, 0)
    for (const folder of [project, pushing])
      careful(readFileSync(join(folder, '.github/workflows/slipway.yml'), 'utf8'))
  })

  function careful(text: string): void {
    const { on, permissions, concurrency, jobs } = parse(text) as GitHub
    assert.deepEqual(Object.keys(on), ['pull_request', 'push'])
    assert.deepEqual(permissions, {})
    assert.ok(concurrency)
    for (const [name, job] of Object.entries(jobs)) {
      assert.ok(job['timeout-minutes'], name)
      assert.equal(job.permissions?.['contents'], 'read', name)
      for (const { uses } of job.steps) if (uses !== undefined) assert.match(uses, /^actions\/[a-z-]+@[0-9a-f]{40}$/)
      const secret = JSON.stringify(job).includes('secrets.')
      if (secret) assert.match(job.if ?? '', /head\.repo\.full_name == github\.repository|event_name == 'push'/, name)
      // what a person writes in a title or a branch never stands in a shell
      for (const { run } of job.steps) assert.doesNotMatch(run ?? '', /\$\{\{/)
    }
    assert.doesNotMatch(text, /pull_request_target/)
  }

  /** The jobs of a pipeline of GitLab by their rules, as it evaluates them: the first that holds decides. */
  function gitlabJobs(folder: string, variables: Readonly<Record<string, string>>): string[] {
    type Job = {
      readonly script?: unknown
      readonly rules?: readonly { readonly if?: string; readonly when?: string }[]
    }
    const all = parse(readFileSync(join(folder, '.gitlab-ci.yml'), 'utf8')) as Record<string, Job>
    const valueOf = (word: string): string =>
      word.startsWith('$') ? (variables[word.slice(1)] ?? '') : word.slice(1, -1)
    const holds = (text: string): boolean =>
      text.split(' && ').every((one) => {
        const [left = '', operator, right = ''] = one.split(' ')
        assert.ok(operator === '==' || operator === '!=', one)
        return (valueOf(left) === valueOf(right)) === (operator === '==')
      })
    return Object.entries(all).flatMap(([name, { script, rules = [{}] }]) => {
      const decides = rules.find((one) => one.if === undefined || holds(one.if))
      return script !== undefined && decides !== undefined && decides.when !== 'never' ? [name] : []
    })
  }

  it('begin the canary with what has its image alone, signed where that is asked for', async () => {
    const flights = join(root, 'flights')
    repository(flights, { 'README.md': '' })
    cpSync(FLIGHTS, flights, { recursive: true })
    for (const system of ['github', 'gitlab'])
      assert.equal((await init(flights, system, '--image', 'registry.example.org/team/flights', '--sign')).code, 0)
    const { jobs } = parse(readFileSync(join(flights, '.github/workflows/slipway.yml'), 'utf8')) as GitHub
    assert.deepEqual(
      Object.entries(jobs).map(([name, { needs }]) => [name, needs]),
      [
        ['check', undefined],
        ['change', 'check'],
        ['merge', 'check'],
        ['image', 'merge'],
        ['canary', 'image'],
      ],
    )
    const linesOf = (name: string): string => (jobs[name]?.steps ?? []).map(({ run }) => run ?? '').join('\n')
    assert.match(linesOf('merge'), /slipway run \. --merge --json/)
    assert.match(linesOf('image'), /--attest --push "\$image"[\s\S]*slipway image sign "\$image" --key/)
    assert.match(linesOf('canary'), /slipway ship \. --registered/)
    const signing = Object.entries(jobs).filter(([, job]) => JSON.stringify(job).includes('SLIPWAY_IMAGE_KEY'))
    assert.deepEqual(
      signing.map(([name]) => name),
      ['image'],
      'no other job has the key',
    )
    careful(readFileSync(join(flights, '.github/workflows/slipway.yml'), 'utf8'))
    const lab = parse(readFileSync(join(flights, '.gitlab-ci.yml'), 'utf8')) as Record<
      string,
      { stage?: string; needs?: { job: string }[] }
    >
    const stages = lab['stages'] as unknown as string[]
    assert.deepEqual(stages, ['check', 'model', 'image', 'canary'])
    assert.deepEqual(
      ['merge', 'push image', 'canary'].map((name) => [lab[name]?.stage, lab[name]?.needs?.[0]?.job]),
      [
        ['model', undefined],
        ['image', 'merge'],
        ['canary', 'push image'],
      ],
    )
  })

  it('of GitLab run nothing of a fork’s code in the project, and ship a merge alone', async () => {
    const forked = join(root, 'forked-gitlab')
    repository(forked, { ...TIDES, 'tests/test_tides.py': 'def test_it():\n    assert True\n' })
    assert.equal((await init(forked, 'gitlab', '--image', 'registry.gitlab.com/octo/models')).code, 0)
    const request = { CI_PIPELINE_SOURCE: 'merge_request_event', CI_PROJECT_ID: '5' }
    const own = { ...request, CI_MERGE_REQUEST_SOURCE_PROJECT_ID: '5' }
    const fork = { ...request, CI_MERGE_REQUEST_SOURCE_PROJECT_ID: '6' }
    const merge = { CI_PIPELINE_SOURCE: 'push', CI_PROJECT_ID: '5', CI_COMMIT_BRANCH: 'main' }
    assert.deepEqual(gitlabJobs(forked, own), ['package check', 'tests', 'change'])
    assert.deepEqual(gitlabJobs(forked, fork), ['package check'])
    assert.deepEqual(gitlabJobs(forked, merge), ['package check', 'tests', 'merge', 'push image'])
  })

  it('of GitLab hold by GitLab’s schema', async () => {
    const python = await testEnv(VALIDATOR, 'once')
    const check = (file: string) =>
      spawnSync(
        python,
        ['-m', 'check_jsonschema', '--builtin-schema', 'vendor.gitlab-ci', '--data-transform', 'gitlab-ci', file],
        { encoding: 'utf8' },
      )
    const found = check(join(project, '.gitlab-ci.yml'))
    assert.equal(found.status, 0, found.stdout + found.stderr)
    const keyless = join(root, 'keyless-gitlab')
    repository(keyless, { ...TIDES })
    assert.equal(
      (await init(keyless, 'gitlab', '--oidc', '--image', 'registry.gitlab.com/octo/models', '--serve')).code,
      0,
    )
    assert.equal(check(join(keyless, '.gitlab-ci.yml')).status, 0)
    const broken = join(root, 'broken-gitlab.yml')
    writeFileSync(
      broken,
      readFileSync(join(project, '.gitlab-ci.yml'), 'utf8').replace('interruptible: true', 'interruptible: perhaps'),
    )
    assert.equal(check(broken).status, 1, 'it finds what is wrong')
  })

  /** The texts of a system's shell steps that run or ship the model. */
  const STEPS: Readonly<Record<string, () => readonly string[]>> = {
    github: () => Object.values(github().jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? [])),
    gitlab: () => {
      const all = parse(readFileSync(join(project, '.gitlab-ci.yml'), 'utf8')) as Record<string, { script?: string[] }>
      return Object.values(all).flatMap(({ script }) => script ?? [])
    },
    jenkins: () =>
      [...readFileSync(join(project, 'Jenkinsfile'), 'utf8').matchAll(/sh '''(.*?)'''/gs)].map(([, text = '']) =>
        text.replaceAll("\\'", "'").replaceAll('\\\\', '\\'),
      ),
  }

  for (const [system, steps] of Object.entries(STEPS)) {
    it(`of ${system} have shell steps that train, judge and register on the server, and fail when a gate does`, async () => {
      const shell = (text: string) =>
        spawnSync('bash', ['-e', '-c', text], {
          cwd: project,
          encoding: 'utf8',
          env: {
            ...process.env,
            PATH: `${bin}:${process.env['PATH']}`,
            SLIPWAY_URL: server.url,
            SLIPWAY_TOKEN: server.token,
            RUNNER_TEMP: root,
          },
        })
      const versions = async (): Promise<number> =>
        (
          await server.client
            .call(registryApi.listVersions, { params: { name: 'tide' }, query: {} })
            .catch(() => ({ items: [] }))
        ).items.length
      const texts = steps().filter((text) => !text.includes('pytest'))
      assert.equal(texts.filter((text) => text.includes('slipway run')).length, 2)
      for (const text of texts) {
        const { status, stdout, stderr } = shell(text)
        assert.equal(status, 0, `${text}\n${stdout}${stderr}`)
      }
      assert.ok((await versions()) > 0)
      const { items } = await server.client.call(pipelinesApi.listPipelineRuns, { query: { project: 'tides' } })
      assert.equal(items[0]?.outcome, 'succeeded')
      if (system !== 'github') return
      // the others have the same lines
      writeFileSync(join(project, 'tides/train.py'), trainedTo('0.0')['tides/train.py'] ?? '')
      const refused = shell(texts.find((text) => text.includes('slipway run')) ?? '')
      assert.equal(refused.status, 1, refused.stdout + refused.stderr)
      assert.match(refused.stdout, /failed: roc_auc at least/)
      const away = spawnSync('bash', ['-e', '-c', texts.find((text) => text.includes('slipway run')) ?? ''], {
        cwd: project,
        encoding: 'utf8',
        env: {
          ...process.env,
          PATH: `${bin}:${process.env['PATH']}`,
          SLIPWAY_URL: 'http://127.0.0.1:9',
          SLIPWAY_TOKEN: 'x',
          RUNNER_TEMP: root,
        },
      })
      assert.equal(away.status, 2, 'no server is no verdict')
      writeFileSync(join(project, 'tides/train.py'), trainedTo('0.4')['tides/train.py'] ?? '')
    })
  }

  it('say where slipway is not on the runner', () => {
    const [text = ''] = STEPS['github']!().filter((one) => one.includes('command -v'))
    const { status, stderr } = spawnSync('/bin/bash', ['-e', '-c', text], {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin' },
    })
    assert.equal(status, 2)
    assert.match(stderr, /slipway is not on this runner/)
  })

  it('are not written over, and the same again is no change', async () => {
    assert.equal((await init(project, 'github')).code, 0)
    const path = join(project, '.gitlab-ci.yml')
    writeFileSync(path, 'mine: {}\n')
    const { code, said } = await init(project, 'gitlab')
    assert.equal(code, 2)
    assert.match(said, /exists already; it is left as it is/)
    assert.equal(readFileSync(path, 'utf8'), 'mine: {}\n')
  })

  for (const [words, message] of [
    [['svn'], /does not know "svn"; expected github, gitlab or jenkins/],
    [[], /needs a CI system/],
    [['jenkins', '.', '--oidc'], /--oidc is not for jenkins/],
    [['github', '/'], /there is no slipway.yaml in \//],
    [['github', '.', '--branch', 'a b'], /--branch is "a b"/],
    [['github', '.', '--install', 'a\nb'], /--install has several lines/],
    [
      ['github', '.', '--image', 'ghcr.io/octo/models:v1'],
      /--image is "ghcr.io\/octo\/models:v1"; expected REGISTRY\/REPOSITORY/,
    ],
    [['github', '.', '--sign'], /--sign is for an image; name its place with --image/],
    [['github', '.', '--serve'], /--serve is for an image; name its place with --image/],
    [['github', '.', '--image', 'models'], /--image is "models"/],
    [['github', '.', '--image', `ghcr.io/o'; id #`], /--image is "/],
  ] as const) {
    it(`are refused for ${JSON.stringify(words)}`, async () => {
      const { code, said } = await init(project, ...words)
      assert.equal(code, 2)
      assert.match(said, message)
    })
  }

  it('leave out what the project has not, and say so', async () => {
    const bare = join(root, 'bare')
    repository(bare, { ...TIDES })
    const { out } = await init(bare, 'github')
    assert.match(out, /Left out: test; the project has no folder tests/)
    assert.match(out, /Left out: canary; the project file names no endpoint/)
    assert.match(out, /Left out: image; no registry was named with --image/)
    assert.doesNotMatch(readFileSync(join(bare, '.github/workflows/slipway.yml'), 'utf8'), /slipway ship|pytest/)
  })
})
