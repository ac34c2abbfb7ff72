/** The workflow of GitHub Actions: least permissions, actions by commit, and nothing with secrets for changes of forks. */
import { commandsOf, IMAGE_KEY, imageLines, testFiles } from './stages.ts'
import type { Act, ImagePlace, Workflow } from './stages.ts'

/** Where it lies in a repository. */
export const GITHUB_FILE = '.github/workflows/slipway.yml'

/** Actions of GitHub itself, by the commits of their tags. */
export const ACTIONS = {
  checkout: { name: 'actions/checkout', commit: '11bd71901bbe5b1630ceea73d27597364c9af683', tag: 'v4.2.2' },
  cache: { name: 'actions/cache', commit: '5a3ec84eff668545956fd18022155c47e93e2684', tag: 'v4.2.3' },
  upload: { name: 'actions/upload-artifact', commit: 'ea165f8d65b6e75b540449e92b4886f43607fa02', tag: 'v4.6.2' },
} as const

export function githubWorkflow(workflow: Workflow): string {
  const commands = commandsOf(workflow)
  const presence = step('Slipway is on the runner', commands.presence)
  return `# Written by: slipway ci init github. It is yours to change.
${commands.stages.map((line) => `# ${line}\n`).join('')}# ${needs(workflow)}
name: slipway
on:
  pull_request:
  push:
    branches: ["${workflow.branch}"]

permissions: {}

concurrency:
  group: slipway-\${{ github.event.pull_request.number || github.ref }}
  cancel-in-progress: \${{ github.event_name == 'pull_request' }}

jobs:
  check:
    name: Tests and package check
    runs-on: ubuntu-latest
    timeout-minutes: 30
    permissions:
      contents: read
    steps:
${checkout()}
${presence}
${step('Package check', commands.check)}
${workflow.tests === undefined ? '' : `${kept(workflow)}${step('Tests', commands.tests)}\n`}
  # a change of a fork is checked and not trained: its code would run with the rights of the token
  change:
    name: Train, evaluate, gate, register
    needs: check
    if: github.event_name == 'pull_request' && github.event.pull_request.head.repo.full_name == github.repository
    runs-on: ubuntu-latest
    timeout-minutes: 120
    permissions:
      contents: read
      pull-requests: write
      statuses: write
      checks: write${workflow.oidc ? '\n      id-token: write' : ''}
${modelSteps(workflow, presence, 'run')}

  merge:
    name: Train, evaluate, gate, register${commands.merge === 'ship --merge' ? ', canary' : ''}
    needs: check
    if: github.event_name == 'push'
    runs-on: ubuntu-latest
    timeout-minutes: 120
    permissions:
      contents: read
      statuses: write
      checks: write${workflow.oidc ? '\n      id-token: write' : ''}
${modelSteps(workflow, presence, commands.merge)}
${workflow.image === undefined ? '' : imageJob(workflow, workflow.image, presence)}${commands.canaryApart ? canaryJob(workflow, presence) : ''}`
}

const LOGIN = { user: 'REGISTRY_USER', password: 'REGISTRY_PASSWORD' } as const

/** GitHub's own registry takes the token of the job; for another one a login is stored. */
function imageJob(workflow: Workflow, image: ImagePlace, presence: string): string {
  const own = image.repository.startsWith('ghcr.io/')
  const env = `${image.serves ? serverEnv(workflow) : '        env:'}
          ${LOGIN.user}: \${{ ${own ? 'github.actor' : 'vars.REGISTRY_USER'} }}
          ${LOGIN.password}: \${{ ${own ? 'github.token' : 'secrets.REGISTRY_PASSWORD'} }}${image.signed ? `\n          ${IMAGE_KEY}: \${{ secrets.${IMAGE_KEY} }}` : ''}`
  return `
  # of what the gates have passed alone
  image:
    name: Image of the steps
    needs: merge
    if: github.event_name == 'push'
    runs-on: ubuntu-latest
    timeout-minutes: 60
    permissions:
      contents: read${own ? '\n      packages: write' : ''}${image.serves && workflow.oidc ? '\n      id-token: write' : ''}
    steps:
${checkout()}
${presence}
${step('Build and push', imageLines(workflow, image, LOGIN), env)}
`
}

/** The canary begins with what has its image alone. */
function canaryJob(workflow: Workflow, presence: string): string {
  return `
  canary:
    name: Canary
    needs: image
    if: github.event_name == 'push'
    runs-on: ubuntu-latest
    timeout-minutes: 60
    permissions:
      contents: read${workflow.oidc ? '\n      id-token: write' : ''}
    steps:
${checkout()}
${presence}
${step('Ship what was registered', commandsOf(workflow).canary, serverEnv(workflow))}
`
}

function serverEnv({ oidc }: Workflow): string {
  return `        env:
          SLIPWAY_URL: \${{ vars.SLIPWAY_URL }}${oidc ? '' : '\n          SLIPWAY_TOKEN: ${{ secrets.SLIPWAY_TOKEN }}'}`
}

function needs({ oidc, image }: Workflow): string {
  const own = image === undefined || image.repository.startsWith('ghcr.io/')
  const key = image?.signed === true ? ` It is signed by the secret ${IMAGE_KEY}.` : ''
  const login = `${own ? '' : ' The image needs the variable REGISTRY_USER and the secret REGISTRY_PASSWORD.'}${key}`
  const who = 'a contributor of the project, or a maintainer where a merge may change the rollout plan'
  return oidc
    ? `Needs the variable SLIPWAY_URL, and machines that the server trusts (${who}).${login}`
    : `Needs the variable SLIPWAY_URL and the secret SLIPWAY_TOKEN (of ${who}).${login}`
}

function modelSteps(workflow: Workflow, presence: string, act: Act): string {
  const env = `${serverEnv(workflow)}
          GITHUB_TOKEN: \${{ github.token }}`
  const { name, commit, tag } = ACTIONS.upload
  return `    steps:
${checkout(true)}
${presence}
${step(act === 'ship --merge' ? 'Ship and report' : 'Run and report', commandsOf(workflow).model(act, '"$RUNNER_TEMP/slipway-report"'), env)}
      - name: Keep the report
        if: \${{ !cancelled() }}
        uses: ${name}@${commit} # ${tag}
        with:
          name: slipway-report
          path: \${{ runner.temp }}/slipway-report
          if-no-files-found: ignore`
}

/** With the whole history the merge base is known, and of a change its head is checked out, not the merge that GitHub makes. */
function checkout(whole = false): string {
  const { name, commit, tag } = ACTIONS.checkout
  const more = whole
    ? `
          ref: \${{ github.event.pull_request.head.sha || github.sha }}
          fetch-depth: 0`
    : ''
  return `      - uses: ${name}@${commit} # ${tag}
        with:
          persist-credentials: false${more}`
}

/** Packages of the tests from earlier jobs. What a change of a fork keeps is given to that change alone: GitHub keeps caches by branch. */
function kept(workflow: Workflow): string {
  const { name, commit, tag } = ACTIONS.cache
  const files = testFiles(workflow).map((file) => `'${file}'`)
  return `      - name: Packages of earlier jobs
        uses: ${name}@${commit} # ${tag}
        with:
          path: |
            ~/.cache/pip
            ~/.cache/uv
          key: slipway-tests-\${{ runner.os }}-\${{ hashFiles(${files.join(', ')}) }}
          restore-keys: slipway-tests-\${{ runner.os }}-
`
}

function step(name: string, lines: readonly string[], env = ''): string {
  const run = lines.map((line) => `          ${line}`).join('\n')
  return `      - name: ${name}
${env === '' ? '' : `${env}\n`}        run: |
${run}`
}
