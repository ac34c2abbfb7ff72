/** The workspace header: whose project a call is about, and what it can never reach. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Principal } from '../contract/access.ts'
import type { Call } from '../http/mount.ts'
import { callInWorkspace, inWorkspace } from './workspace.ts'

const EVERYWHERE: Principal = { id: 'u', name: 'root', role: 'admin', project: null, token_id: 't' }
const TEAM: Principal = { ...EVERYWHERE, role: 'viewer', project: 'team' }
const header = (value: string | string[] | undefined) => ({ 'x-mlflow-workspace': value })

test('without a header the caller is as it is', () => {
  for (const headers of [{}, header(undefined), header(''), { 'x-workspace': 'other' }]) {
    assert.equal(inWorkspace(EVERYWHERE, headers), EVERYWHERE)
    assert.equal(inWorkspace(TEAM, headers), TEAM)
  }
})

test('who may see every project sees the one that it names, with the same rights', () => {
  assert.deepEqual(inWorkspace(EVERYWHERE, header('team')), { ...EVERYWHERE, project: 'team' })
})

test('who belongs to a project may name that one and no other', () => {
  assert.equal(inWorkspace(TEAM, header('team')), TEAM)
  for (const other of ['other', 'Team', 'team.', 'tea'])
    assert.throws(() => inWorkspace(TEAM, header(other)), { code: 'forbidden', data: denied(other) })
})

/** The data of the refusal of a project. */
function denied(project: string) {
  const detail = `Permission denied for workspace '${project}'.`
  return { detail, what: 'resource', id: detail, value: detail, mlflow_code: 'PERMISSION_DENIED' }
}

for (const value of [' team', 'a b', '-a', '../a', 'a'.repeat(129), ['team', 'other'], 'é']) {
  test(`${JSON.stringify(value).slice(0, 30)} is the name of no project`, () => {
    for (const who of [EVERYWHERE, TEAM]) {
      assert.throws(
        () => inWorkspace(who, header(value)),
        (error: { data: Record<string, unknown> }) => {
          assert.equal(error.data['mlflow_code'], 'INVALID_PARAMETER_VALUE')
          const shown = String(value).slice(0, 100)
          assert.equal(error.data['detail'], `Invalid workspace name '${shown}'.`)
          return true
        },
      )
    }
  })
}

test('a call in a workspace is the same call by another principal, and makes its signal only when it is asked for', () => {
  let made = 0
  const signal = new AbortController().signal
  const call = {
    params: { id: 'p' },
    query: { q: 1 },
    body: { b: 1 },
    who: EVERYWHERE,
    headers: header('team'),
    request_id: 'r',
    ip: '127.0.0.1',
    origin: 'http://h',
    search: new URLSearchParams('a=1'),
    get signal() {
      made++
      return signal
    },
  } as unknown as Call
  const within = callInWorkspace(call)
  assert.equal(made, 0)
  assert.deepEqual(within.who, { ...EVERYWHERE, project: 'team' })
  for (const key of ['params', 'query', 'body', 'headers', 'request_id', 'ip', 'origin', 'search', 'signal'] as const)
    assert.equal(within[key], call[key], key)
  const plain = { ...call, headers: {} } as Call
  assert.equal(callInWorkspace(plain), plain)
})
