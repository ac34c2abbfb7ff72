/** GitHub's workflows on this machine by act: a repository, a fake GitHub that keeps what is posted, and actions that act would clone. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { REPOSITORY, startGitHub } from '../../src/ci/hosts/fake-github.fixture.ts'
import type { FakeGitHub } from '../../src/ci/hosts/fake-github.fixture.ts'
import { ACTIONS } from '../../src/ci/templates/github.ts'
import { runProgram } from '../../src/cli/program.fixture.ts'
import { repositoryIn } from '../programs/repository.ts'
import type { Repository } from '../programs/repository.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')

/** How a workflow ended, and all that its jobs said. */
export interface Acted {
  readonly code: number | null
  readonly said: string
}

/** The steps that a workflow ended well, in order, with the seconds that act says each took. */
export function stepsOf({ said }: Acted): { readonly step: string; readonly seconds: number }[] {
  return [...said.matchAll(/Success - Main (.+?) \[(?:(\d+)m)?([\d.]+)(m?)s\]/g)].map(
    ([, step = '', minutes, n, milli]) => ({
      step,
      seconds: Number(minutes ?? 0) * 60 + Number(n) / (milli === 'm' ? 1000 : 1),
    }),
  )
}

/** A server that jobs speak to. */
interface Addressed {
  readonly url: string
  readonly token: string
}

/** A repository as GitHub hosts it. */
export interface Hosted extends Repository {
  readonly root: string
  /** The checkout that people commit to. */
  readonly folder: string
  readonly hub: FakeGitHub
  /** Copies a folder into it. */
  copy(from: string): void
  /** Has `slipway ci init github` write the workflow. */
  init(...words: string[]): Promise<void>
  /** Runs the workflow as a push to main does; `before` is what the branch was. */
  push(commit: string, before?: string): Promise<Acted>
  /** Runs it as pull request 7 does, whose newest commit is `head`. */
  pull(sides: { readonly head: string; readonly base: string; readonly from?: string }): Promise<Acted>
  close(): void
}

/** A repository `octo/models` with these secrets besides, whose jobs speak to the server; `act` is the program. */
export async function hosted(
  act: string,
  server: Addressed,
  secrets: Readonly<Record<string, string>> = {},
): Promise<Hosted> {
  const root = mkdtempSync(join(tmpdir(), 'slipway-act-'))
  const [folder, bin] = [join(root, 'repository'), join(root, 'bin')]
  const hub = await startGitHub()
  mkdirSync(bin)
  mkdirSync(folder)
  // act names GitHub's own API, so the address of the fake is given here; what is cached for this user is for slipway too
  const cache = ['HOME', 'XDG_CACHE_HOME'].map((name) => `${name}='${process.env[name] ?? ''}'`).join(' ')
  writeFileSync(
    join(bin, 'slipway'),
    `#!/bin/sh\n${cache} GITHUB_API_URL='${hub.url}' exec '${process.execPath}' '${MAIN}' "$@"\n`,
  )
  chmodSync(join(bin, 'slipway'), 0o755)
  const { git, commit } = repositoryIn(folder)
  git('init', '-q', '-b', 'main')
  // act takes the name of the repository from it
  git('remote', 'add', 'origin', `https://github.com/${REPOSITORY}.git`)
  const actions = localActions(root, folder)

  async function run(event: 'push' | 'pull_request', payload: object): Promise<Acted> {
    const file = join(root, `${event}.json`)
    writeFileSync(file, JSON.stringify(payload))
    const variables = ['--var', `SLIPWAY_URL=${server.url}`, '-s', `SLIPWAY_TOKEN=${server.token}`]
    const args = [event, '-P', 'ubuntu-latest=-self-hosted', '--no-cache-server', '-e', file]
    const kept = Object.entries({ GITHUB_TOKEN: 'ghs_job', ...secrets }).flatMap(([name, text]) => [
      '-s',
      `${name}=${text}`,
    ])
    const child = spawn(act, [...args, ...actions, ...variables, ...kept], {
      cwd: folder,
      env: { ...process.env, PATH: `${bin}:${process.env['PATH']}`, HOME: root, XDG_CACHE_HOME: join(root, 'cache') },
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)))
    const code = await new Promise<number | null>((done) => child.on('close', done))
    return { code, said }
  }

  return {
    root,
    folder,
    hub,
    git,
    copy: (from) => cpSync(from, folder, { recursive: true, filter: (path) => !path.includes('__pycache__') }),
    commit,
    async init(...words) {
      const { code, said } = await runProgram(['ci', 'init', 'github', '.', ...words], { cwd: folder, env: {} })
      assert.equal(code, 0, said)
    },
    push: (commit, before = '0'.repeat(40)) => run('push', { ref: 'refs/heads/main', before, after: commit }),
    pull({ head, base, from = REPOSITORY }) {
      hub.head = head
      const side = (sha: string, full_name: string) => ({ sha, ref: 'change', repo: { full_name } })
      const sides = { head: side(head, from), base: side(base, REPOSITORY) }
      return run('pull_request', {
        number: 7,
        pull_request: { number: 7, ...sides },
        repository: { full_name: REPOSITORY },
      })
    },
    close() {
      hub.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** Stand for the actions of a workflow: a checkout of the folder, a cache that has nothing, and a keeping of files that keeps none. */
function localActions(root: string, folder: string): string[] {
  const CHECKOUT = `git init -q . 2>/dev/null; git fetch -q '${folder}' '+refs/heads/*:refs/remotes/origin/*'; git checkout -qf "\${{ inputs.ref == 'HEAD' && github.sha || inputs.ref }}"`
  return (
    [
      ['checkout', CHECKOUT],
      ['cache', 'true'],
      ['upload', 'true'],
    ] as const
  ).flatMap(([name, run]) => {
    const place = join(root, name)
    mkdirSync(place)
    const steps = `runs:\n  using: composite\n  steps:\n    - shell: bash\n      run: |\n        ${run}\n`
    writeFileSync(
      join(place, 'action.yml'),
      `name: ${name}\ndescription: local\ninputs:\n  ref: {description: commit, default: HEAD}\n${steps}`,
    )
    const { name: action, commit } = ACTIONS[name]
    return ['--local-repository', `https://github.com/${action}@${commit}=${place}`]
  })
}
