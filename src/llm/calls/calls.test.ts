/** Calls of language models over HTTP: who may look, what a query may be, and that the log is followed as it grows. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { permits, ROLES } from '../../contract/access.ts'
import type { Principal, Role } from '../../contract/access.ts'
import { llmCallsApi } from '../../contract/llm-calls.ts'
import { tracesApi } from '../../contract/traces.ts'
import { partOf } from '../../../test/mlflow-calls.ts'
import type { MlflowAnswer } from '../../../test/mlflow-calls.ts'
import { serveRoutes } from '../../../test/routes.ts'
import type { ServedRoutes } from '../../../test/routes.ts'
import { until } from '../../../test/until.ts'
import { callOf, folders, NOON, partOn, writeCallLog } from './call.fixture.ts'
import type { CallsPart } from './calls.ts'

describe('calls of language models over HTTP', () => {
  const made = folders()
  const folder = made.make()
  let served: ServedRoutes
  let part: CallsPart
  async function get(path: string, query: Record<string, string> = {}, role: Role = 'admin'): Promise<MlflowAnswer> {
    const reply = await fetch(`${served.server.url}/v1/llm/${path}?${new URLSearchParams(query).toString()}`, {
      headers: { authorization: `Bearer ${served.tokenOf(role)}` },
    })
    return { status: reply.status, body: (await reply.json()) as MlflowAnswer['body'] }
  }
  before(async () => {
    served = await serveRoutes(['admin', 'viewer', 'maintainer', 'service'], (deps) => {
      part = partOn(deps, folder)
      return part.routes
    })
    part.start()
    await writeCallLog(folder, [
      callOf('one', { content: { request: '{}', answer: 'yes' } }),
      callOf('two', { started: NOON + 1, outcome: 'failed', status: 502 }),
      callOf('odd/ name?', { started: NOON + 2 }),
    ])
    await until('the calls to be taken in', async () => {
      return (partOf(await get('calls'), 'items') as unknown[]).length === 3
    })
  })
  after(async () => {
    await part.stop()
    await served.stop()
    made.remove()
  })
  const idsOf = (items: unknown) => (items as { id: string }[]).map((item) => item.id)

  it('are listed in pages, by what they are asked for', async () => {
    const first = await get('calls', { limit: '2' }, 'viewer')
    assert.deepEqual(idsOf(partOf(first, 'items')), ['odd/ name?', 'two'])
    const page_token = String(partOf(first, 'next_page_token'))
    assert.deepEqual(idsOf(partOf(await get('calls', { limit: '2', page_token }), 'items')), ['one'])
    const failed = await get('calls', {
      outcome: 'failed',
      endpoint: 'chat',
      key: 'tok_1',
      since: '2026-05-06T10:00:00Z',
    })
    assert.deepEqual(idsOf(partOf(failed, 'items')), ['two'])
  })

  it('are shown one by one, with their content where it was kept, to whom their traces are shown', async () => {
    const content = { request: '{}', answer: 'yes' }
    for (const role of ['viewer', 'maintainer'] as const)
      assert.deepEqual(partOf(await get('calls/one', {}, role), 'content'), content)
    assert.equal(partOf(await get('calls/two', {}, 'viewer'), 'content'), null)
    assert.equal(partOf(await get(`calls/${encodeURIComponent('odd/ name?')}`), 'id'), 'odd/ name?')
    assert.equal((await get('calls/nobody')).status, 404)
  })

  it('are told to people, and not to a program: a virtual key is one', async () => {
    for (const path of ['calls', 'calls/one', 'overview']) {
      assert.equal((await get(path, {}, 'viewer')).status, 200, path)
      assert.equal((await get(path, {}, 'service')).status, 403, path)
    }
  })

  it('have no reader who may not read their traces, which hold the same words', () => {
    const one = { id: 'x', name: 'x', token_id: 'x' }
    const kinds: readonly Partial<Principal>[] = [
      {},
      { attempt: 'a' },
      { attempt: 'a', node: 'claim' },
      { node: 'work' },
    ]
    const all = ROLES.flatMap((role) =>
      [null, 'red'].flatMap((project) => kinds.map((kind): Principal => ({ ...one, role, project, ...kind }))),
    )
    const readers = all.filter((who) => permits(who, llmCallsApi.getLlmCall.access))
    assert.ok(readers.length > 0 && readers.length < all.length)
    for (const who of readers) assert.ok(permits(who, tracesApi.getTrace.access), JSON.stringify(who))
  })

  it('come to an overview', async () => {
    const query = { since: '2026-05-06T00:00:00Z', until: '2026-05-07T00:00:00Z' }
    const answer = await get('overview', { ...query, by: 'user' }, 'viewer')
    assert.deepEqual(partOf(answer, 'total', 'outcomes'), { ok: 2, refused: 0, failed: 1, aborted: 0, cut: 0, lost: 0 })
    assert.equal(partOf(answer, 'total', 'cost_nanodollars'), 3 * 1_234_567)
    assert.equal(partOf(answer, 'groups', 0, 'key'), 'ann')
  })

  it('queries that cannot be are refused with their field', async () => {
    const refusals: readonly (readonly [path: string, query: Record<string, string>, field: RegExp])[] = [
      ['overview', { by: 'weather' }, /by/],
      ['overview', { since: 'yesterday' }, /since/],
      ['overview', { since: '2026-05-07T00:00:00Z', until: '2026-05-06T00:00:00Z' }, /until/],
      ['calls', { outcome: 'fine' }, /outcome/],
      ['calls', { limit: '0' }, /limit/],
      ['calls', { page_token: 'nonsense' }, /page_token/],
    ]
    for (const [path, query, field] of refusals) {
      const { status, body } = await get(path, query)
      assert.equal(status, 400, JSON.stringify(body))
      assert.match(JSON.stringify(body), field)
    }
  })
})
