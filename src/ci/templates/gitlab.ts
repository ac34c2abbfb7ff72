/** The pipeline of GitLab CI: merge requests are trained and reported, the default branch is shipped, one at a time. */
import { commandsOf, IMAGE_KEY, imageLines, quoted, testFiles } from './stages.ts'
import type { Act, ImagePlace, Workflow } from './stages.ts'

export const GITLAB_FILE = '.gitlab-ci.yml'

const REPORT = 'slipway-report'

export function gitlabPipeline(workflow: Workflow): string {
  const commands = commandsOf(workflow)
  const jobs = [
    job('package check', 'check', {
      lines: [...commands.presence, ...commands.check],
      timeout: '30 minutes',
    }),
    ...(workflow.tests === undefined
      ? []
      : [job('tests', 'check', { lines: commands.tests, timeout: '30 minutes', more: NOT_OF_FORKS + kept(workflow) })]),
    model(
      workflow,
      'change',
      '$CI_PIPELINE_SOURCE == "merge_request_event" && $CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID',
      'run',
    ),
    model(workflow, 'merge', ofBranch(workflow), commands.merge),
    ...imageJob(workflow),
    ...canaryJob(workflow),
  ]
  return `# Written by: slipway ci init gitlab. It is yours to change.
${commands.stages
  .map((line) => `# ${line}\n`)
  .join(
    '',
  )}# Needs the variables SLIPWAY_URL,${workflow.oidc ? '' : ' SLIPWAY_TOKEN (masked)'} and GITLAB_TOKEN (masked, a project access token with the scope api).${
    workflow.image?.signed === true
      ? `\n# The image is signed by the variable ${IMAGE_KEY} (of type File, protected).`
      : ''
  }${
    workflow.image === undefined
      ? ''
      : '\n# An image in another registry than GitLab’s own needs the variables REGISTRY_USER and REGISTRY_PASSWORD (masked).'
  }
workflow:
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == "${workflow.branch}"

stages: [check, model${workflow.image === undefined ? '' : ', image'}${commands.canaryApart ? ', canary' : ''}]

variables:
  # the merge base is known with the whole history
  GIT_DEPTH: "0"

${jobs.join('\n\n')}
`
}

/** In pipelines of forks that run in this project the variables are there, and so the code of the fork is not run. */
const NOT_OF_FORKS = `  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event" && $CI_MERGE_REQUEST_SOURCE_PROJECT_ID != $CI_PROJECT_ID
      when: never
    - when: on_success
`

/** Packages of the tests from earlier jobs; GitLab keeps those of protected branches apart. */
function kept(workflow: Workflow): string {
  return `  variables:
    PIP_CACHE_DIR: $CI_PROJECT_DIR/.cache/pip
    UV_CACHE_DIR: $CI_PROJECT_DIR/.cache/uv
  cache:
    key:
      files: [${testFiles(workflow).join(', ')}]
    paths: [.cache/]
`
}

function ofBranch({ branch }: Workflow): string {
  return `$CI_COMMIT_BRANCH == "${branch}"`
}

/** Of what the gates have passed alone; GitLab's own registry gives each job a login. */
function imageJob(workflow: Workflow): string[] {
  if (workflow.image === undefined) return []
  const login = { user: 'REGISTRY_USER', password: 'REGISTRY_PASSWORD' }
  const more = `  # its report is no part of the commit
  needs: [{job: merge, artifacts: false}]
  rules:
    - if: ${ofBranch(workflow)}
${workflow.image.serves ? idToken(workflow) : ''}`
  const { presence } = commandsOf(workflow)
  const lines = [...presence, ...ownLogin(workflow.image), ...imageLines(workflow, workflow.image, login)]
  return [job('push image', 'image', { lines, timeout: '1 hour', more })]
}

/** GitLab's login of the job is for its own registry, and goes to no other. */
export function ownLogin({ repository }: Pick<ImagePlace, 'repository'>): string[] {
  const [host = ''] = repository.split('/')
  return [
    `if [ "\${CI_REGISTRY:-}" = ${quoted(host)} ]; then`,
    '  REGISTRY_USER=$CI_REGISTRY_USER',
    '  REGISTRY_PASSWORD=$CI_REGISTRY_PASSWORD',
    'fi',
  ]
}

/** The canary begins with what has its image alone. */
function canaryJob(workflow: Workflow): string[] {
  const commands = commandsOf(workflow)
  if (!commands.canaryApart) return []
  const more = `  needs: [{job: push image, artifacts: false}]
  resource_group: slipway
  rules:
    - if: ${ofBranch(workflow)}
${idToken(workflow)}`
  const lines = [...commands.presence, ...commands.canary]
  return [job('canary', 'canary', { lines, timeout: '1 hour', more })]
}

function idToken({ oidc }: Workflow): string {
  return oidc ? '  id_tokens:\n    SLIPWAY_ID_TOKEN:\n      aud: $SLIPWAY_URL\n' : ''
}

interface Job {
  readonly lines: readonly string[]
  readonly timeout: string
  readonly more?: string
}

function job(name: string, stage: string, { lines, timeout, more = '' }: Job): string {
  return `${name}:
  stage: ${stage}
  timeout: ${timeout}
${more}  script:
    - |
${lines.map((line) => `      ${line}`).join('\n')}`
}

/** Two merges are shipped one after the other; a change that was pushed again is not trained to its end. */
function model(workflow: Workflow, name: string, rule: string, act: Act): string {
  const more = `  interruptible: ${name === 'change'}
${name === 'merge' ? '  resource_group: slipway\n' : ''}  rules:
    - if: ${rule}
${idToken(workflow)}  artifacts:
    when: always
    paths: [${REPORT}/]
    reports:
      junit: ${REPORT}/junit.xml
`
  const commands = commandsOf(workflow)
  const lines = [...commands.presence, ...commands.model(act, REPORT)]
  return job(name, 'model', { lines, timeout: '2 hours', more })
}
