/** Packages of earlier jobs, in the workflows of both hosts: told apart by what decides them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { ACTIONS, githubWorkflow } from './github.ts'
import { gitlabPipeline } from './gitlab.ts'
import type { Workflow } from './stages.ts'

const WORKFLOW: Workflow = {
  folder: 'models/tides',
  branch: 'main',
  install: undefined,
  tests: { install: ['pip install x'], decidedBy: 'uv.lock', module: ['pytest'] },
  oidc: false,
  endpoint: 'tides',
  image: undefined,
}
const tested = (decidedBy: string): Workflow => ({
  ...WORKFLOW,
  tests: { install: [], decidedBy, module: ['pytest'] },
})

test('of GitHub, before the tests, by the files that decide which they are', () => {
  const steps = (workflow: Workflow): { name?: string; uses?: string; with?: { key: string; path: string } }[] =>
    parse(githubWorkflow(workflow)).jobs.check.steps
  const at = steps(WORKFLOW).findIndex(({ uses }) => uses?.startsWith(`${ACTIONS.cache.name}@${ACTIONS.cache.commit}`))
  const { name, commit } = ACTIONS.cache
  assert.match(commit, /^[0-9a-f]{40}$/)
  assert.equal(steps(WORKFLOW)[at]?.uses, `${name}@${commit}`)
  assert.equal(steps(WORKFLOW)[at + 1]?.name, 'Tests')
  assert.match(steps(WORKFLOW)[at]?.with?.key ?? '', /hashFiles\('models\/tides\/uv\.lock'\) \}\}$/)
  assert.match(steps(tested(''))[at]?.with?.key ?? '', /hashFiles\('models\/tides\/slipway\.yaml'\)/)
  assert.deepEqual(
    steps({ ...WORKFLOW, tests: undefined }).filter(({ uses }) => uses?.startsWith(name)),
    [],
  )
})

test('of GitLab, for the tests alone, inside of the checkout, where it keeps them', () => {
  const jobs = parse(gitlabPipeline(WORKFLOW)) as Record<string, { cache?: object; variables?: Record<string, string> }>
  assert.deepEqual(jobs['tests']?.cache, { key: { files: ['models/tides/uv.lock'] }, paths: ['.cache/'] })
  for (const place of Object.values(jobs['tests']?.variables ?? {})) assert.match(place, /^\$CI_PROJECT_DIR\/\.cache\//)
  for (const job of ['package check', 'change', 'merge']) assert.equal(jobs[job]?.cache, undefined, job)
})
