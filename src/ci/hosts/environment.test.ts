/** Where a job runs, by the variables of GitHub Actions, GitLab CI and Jenkins. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { placeOf, providerOf } from './environment.ts'

const [HEAD, MERGE, TARGET] = ['a'.repeat(40), 'm'.repeat(40), 'b'.repeat(40)]
const GITHUB = {
  GITHUB_ACTIONS: 'true',
  GITHUB_API_URL: 'https://ghe.corp/api/v3',
  GITHUB_REPOSITORY: 'octo/models',
  GITHUB_SHA: MERGE,
  GITHUB_TOKEN: 't',
}
const side = (sha: string, full_name: string) => ({ sha, repo: { full_name } })

describe('a job', () => {
  it('is known by its system', () => {
    assert.deepEqual([GITHUB, { GITLAB_CI: 'true' }, { JENKINS_URL: 'http://j' }, {}].map(providerOf), [
      'github',
      'gitlab',
      'none',
      'none',
    ])
  })

  it('of a pull request is about its head, not the merge that GitHub made', () => {
    const event = { pull_request: { number: 7, head: side(HEAD, 'octo/models'), base: side(TARGET, 'octo/models') } }
    const { commit, change, target, isBase, fork, api } = placeOf('github', GITHUB, event)
    assert.deepEqual(
      { commit, change, target, isBase, fork, api },
      { commit: HEAD, change: 7, target: TARGET, isBase: false, fork: false, api: 'https://ghe.corp/api/v3' },
    )
  })

  it('of a fork, also of one that is gone, is one', () => {
    const base = side(TARGET, 'octo/models')
    for (const head of [side(HEAD, 'eve/models'), { sha: HEAD, repo: null }])
      assert.equal(placeOf('github', GITHUB, { pull_request: { number: 7, head, base } }).fork, true)
  })

  it('that another workflow of a fork has started is of the fork', () => {
    const repository = { full_name: 'octo/models' }
    for (const [head_repository, fork] of [
      [{ full_name: 'eve/models' }, true],
      [null, true],
      [repository, false],
    ] as const)
      assert.equal(placeOf('github', GITHUB, { workflow_run: { head_repository, repository } }).fork, fork)
  })

  it('of a push is held against what was there before, if anything was', () => {
    const { commit, change, target, isBase } = placeOf('github', GITHUB, { before: TARGET })
    assert.deepEqual(
      { commit, change, target, isBase },
      { commit: MERGE, change: undefined, target: TARGET, isBase: true },
    )
    assert.equal(placeOf('github', GITHUB, { before: '0'.repeat(40) }).target, undefined)
    assert.equal(placeOf('github', GITHUB, undefined).target, undefined)
  })

  it('of a merge request has the merge base that GitLab names', () => {
    const env = {
      CI_API_V4_URL: 'https://gl/api/v4',
      CI_PROJECT_ID: '5',
      CI_COMMIT_SHA: HEAD,
      CI_MERGE_REQUEST_IID: '3',
      CI_MERGE_REQUEST_DIFF_BASE_SHA: TARGET,
      CI_MERGE_REQUEST_PROJECT_ID: '5',
      CI_MERGE_REQUEST_SOURCE_PROJECT_ID: '5',
      GITLAB_TOKEN: 't',
    }
    const place = placeOf('gitlab', env, undefined)
    assert.deepEqual(
      [place.commit, place.change, place.target, place.isBase, place.fork],
      [HEAD, 3, TARGET, true, false],
    )
    assert.equal(placeOf('gitlab', { ...env, CI_MERGE_REQUEST_SOURCE_PROJECT_ID: '6' }, undefined).fork, true)
    assert.equal(
      placeOf('gitlab', { ...env, CI_COMMIT_SHA: MERGE, CI_MERGE_REQUEST_SOURCE_BRANCH_SHA: HEAD }, undefined).commit,
      HEAD,
    )
  })

  it('of a branch of GitLab is of no request', () => {
    const place = placeOf(
      'gitlab',
      { CI_PROJECT_ID: '5', CI_COMMIT_SHA: HEAD, CI_COMMIT_BEFORE_SHA: TARGET },
      undefined,
    )
    assert.deepEqual([place.change, place.target, place.fork], [undefined, TARGET, false])
    assert.equal(placeOf('gitlab', { CI_COMMIT_BEFORE_SHA: '0'.repeat(40) }, undefined).target, undefined)
  })

  it('of Jenkins has its commit and no host', () => {
    const place = placeOf('none', { GIT_COMMIT: HEAD, GIT_PREVIOUS_SUCCESSFUL_COMMIT: TARGET }, undefined)
    assert.deepEqual([place.commit, place.target, place.token, place.fork], [HEAD, TARGET, '', false])
    assert.equal(placeOf('none', { CHANGE_FORK: 'eve' }, undefined).fork, true)
    assert.equal(placeOf('none', { CHANGE_FORK: '' }, undefined).fork, false)
  })
})
