/** `slipway ci trust`: what is sent for the flags, what is listed, and what is refused before anything is sent. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { problem } from '../../contract/errors.ts'
import { machinesApi } from '../../contract/identity/machines.ts'
import type { MachineTrust } from '../../contract/identity/machines.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'

const TRUST: MachineTrust = {
  id: 'mt_01m2',
  name: 'models-main',
  issuer: 'https://token.actions.githubusercontent.com',
  audience: 'https://slipway.example',
  subject: 'repo:octo/models:ref:refs/heads/main',
  claims: { repository_id: '4711', environment: 'production' },
  role: 'contributor',
  project: 'flights',
  minutes: 60,
  created_at: '2026-05-03T10:00:00.000Z',
  created_by: 'ada',
}
const ADD =
  `ci trust add models-main --issuer github --project flights --claim repository_id=4711 --subject ${TRUST.subject}`.split(
    ' ',
  )

let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => server.close())
beforeEach(() => {
  server.answer(machinesApi.createTrust, TRUST)
  server.answer(machinesApi.listTrusts, { items: [TRUST] })
  server.answer(machinesApi.removeTrust, {})
})

const sent = (call: number): Record<string, unknown> =>
  (server.asked(machinesApi.createTrust)[call]?.body ?? {}) as Record<string, unknown>

describe('slipway ci trust', () => {
  it('add sends what was said, for this server and an hour where nothing else is', async () => {
    const said = await server.slipway(...ADD)
    assert.deepEqual(
      [said.code, said.lines],
      [
        0,
        [
          `${TRUST.issuer} may vouch for ${TRUST.subject}: it gets a token of project flights as contributor for 60 minutes.`,
        ],
      ],
    )
    assert.deepEqual(sent(0), {
      name: 'models-main',
      issuer: TRUST.issuer,
      audience: server.url,
      subject: TRUST.subject,
      claims: { repository_id: '4711' },
      role: 'contributor',
      project: 'flights',
      minutes: 60,
    })
  })

  it('add takes role, minutes, audience, several claims, and a value with an equals sign', async () => {
    const more = ['--role', 'maintainer', '--minutes', '5', '--audience', 'https://x', '--claim', 'environment=a=b']
    await server.slipway(...ADD, ...more)
    assert.deepEqual(sent(0), {
      name: 'models-main',
      issuer: TRUST.issuer,
      audience: 'https://x',
      subject: TRUST.subject,
      claims: { repository_id: '4711', environment: 'a=b' },
      role: 'maintainer',
      project: 'flights',
      minutes: 5,
    })
    await server.slipway(...ADD.map((word) => (word === 'github' ? 'https://gitlab.corp' : word)))
    assert.equal(sent(1)['issuer'], 'https://gitlab.corp')
  })

  it('lists them, also without a word', async () => {
    for (const words of [['list'], []]) {
      const said = await server.slipway('ci', 'trust', ...words)
      assert.equal(said.code, 0)
      const [table] = said.tables
      const row = Object.fromEntries((table?.head ?? []).map((name, i) => [name, table?.rows[0]?.[i]]))
      assert.deepEqual([row['name'], row['claims']], ['models-main', 'repository_id=4711 environment=production'])
    }
  })

  it('removes one by its name, and says which there are', async () => {
    assert.equal((await server.slipway('ci', 'trust', 'remove', 'models-main')).code, 0)
    assert.deepEqual(server.asked(machinesApi.removeTrust)[0]?.params, ['mt_01m2'])
    await assert.rejects(
      server.slipway('ci', 'trust', 'remove', 'other'),
      usage(/no machine is called "other"; trusted are models-main/),
    )
    server.answer(machinesApi.listTrusts, { items: [] })
    await assert.rejects(server.slipway('ci', 'trust', 'remove', 'other'), usage(/none is trusted/))
  })

  const without = (flag: string): string[] => ADD.filter((word, i) => word !== flag && ADD[i - 1] !== flag)
  for (const [words, message] of [
    [['ci', 'trust', 'grant'], /does not know "grant"; expected add, list or remove/],
    [['ci', 'trust', 'add'], /add needs a NAME/],
    [['ci', 'trust', 'remove'], /remove needs a NAME/],
    [without('--issuer'), /needs --issuer: github, gitlab/],
    [without('--subject'), /needs --subject/],
    [without('--project'), /needs --project/],
    [[...ADD, '--role', 'admin'], /--role is "admin"; expected one of viewer, contributor, maintainer, service/],
    [[...ADD, '--minutes', '361'], /--minutes is "361"; expected a whole number from 1 to 360/],
    [[...ADD, '--claim', 'environment'], /--claim is "environment"; expected NAME=VALUE/],
    [[...ADD, '--claim', 'repository_id=1'], /--claim repository_id is given twice/],
  ] as const) {
    it(`refuses ${words.slice(2).join(' ')}`, async () => {
      await assert.rejects(server.slipway(...words), usage(message))
      assert.deepEqual(server.asked(machinesApi.createTrust), [])
    })
  }

  it('says what the server refuses', async () => {
    const wanted = { field: 'claims', value: {}, expected: 'at least one id' }
    server.answer(machinesApi.createTrust, problem('invalid_field', wanted))
    await assert.rejects(server.slipway(...ADD), /claims.*at least one id/)
  })
})
