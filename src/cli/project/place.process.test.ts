/** Jobs of forks: whatever a workflow says, nothing of theirs is run, shipped or given a token. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { TIDES } from '../../../test/fixtures/tides.ts'
import { runProgram } from '../program.fixture.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import { machinesApi } from '../../contract/identity/machines.ts'

const side = (full_name: string) => ({ sha: 'a'.repeat(40), repo: { full_name } })
/** What GitHub says of an event that has the secrets of the repository, and the head of a fork. */
const TARGET = { pull_request: { number: 7, head: side('eve/models'), base: side('octo/models') } }

describe('a job of a fork', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-fork-'))
  let server: RecordedServer
  before(async () => {
    server = await startRecorded()
    writeFileSync(join(root, 'slipway.yaml'), TIDES['slipway.yaml'] ?? '')
    writeFileSync(join(root, 'fork.json'), JSON.stringify(TARGET))
    const own = { pull_request: { ...TARGET.pull_request, head: side('octo/models') } }
    writeFileSync(join(root, 'own.json'), JSON.stringify(own))
  })
  after(() => {
    server.close()
    rmSync(root, { recursive: true, force: true })
  })

  const JOBS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'GitHub, by pull_request_target': {
      GITHUB_ACTIONS: 'true',
      GITHUB_EVENT_NAME: 'pull_request_target',
      GITHUB_EVENT_PATH: join(root, 'fork.json'),
    },
    'GitLab, in the parent project': {
      GITLAB_CI: 'true',
      CI_MERGE_REQUEST_IID: '3',
      CI_MERGE_REQUEST_PROJECT_ID: '5',
      CI_MERGE_REQUEST_SOURCE_PROJECT_ID: '6',
    },
    Jenkins: { CHANGE_ID: '7', CHANGE_FORK: 'eve' },
  }
  const ACTS = [
    ['run', '.'],
    ['ship', '.', '--merge'],
    ['ci', 'token'],
  ] as const

  const slipway = (words: readonly string[], job: Readonly<Record<string, string>>) => {
    server.answer(pipelinesApi.uploadTree)
    server.answer(machinesApi.exchange)
    const clean = { GITHUB_ACTIONS: '', GITLAB_CI: '', GITHUB_EVENT_PATH: '', CHANGE_FORK: '' }
    const env = { ...clean, SLIPWAY_URL: server.url, SLIPWAY_TOKEN: 'slw_x', SLIPWAY_ID_TOKEN: 'a.b.c', ...job }
    return runProgram(words, { cwd: root, env })
  }
  const asked = (): number => server.asked(pipelinesApi.uploadTree).length + server.asked(machinesApi.exchange).length

  for (const [system, job] of Object.entries(JOBS)) {
    for (const words of ACTS) {
      it(`of ${system} does not ${words.join(' ')}`, async () => {
        const { code, said } = await slipway(words, job)
        assert.equal(code, 2, said)
        assert.match(said, /this job is of a fork/)
        assert.equal(asked(), 0, 'the server is asked nothing')
      })
    }
  }

  it('is told apart from one of the repository', async () => {
    const { said } = await slipway(['run', '.'], { GITHUB_ACTIONS: 'true', GITHUB_EVENT_PATH: join(root, 'own.json') })
    assert.doesNotMatch(said, /fork/)
    assert.ok(asked() > 0)
  })

  it('may be checked', async () => {
    const { said } = await slipway(['validate', '.'], JOBS['Jenkins'] ?? {})
    assert.doesNotMatch(said, /fork/)
  })
})
