/** Every route × every kind of caller, over HTTP: who is admitted, who is refused, and how. Nothing else decides than the one matrix. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { auditLog } from '../../src/auth/audit.ts'
import { SYSTEM, tokens } from '../../src/auth/tokens.ts'
import type { NewToken } from '../../src/auth/tokens.ts'
import { permits, ROLES } from '../../src/contract/access.ts'
import type { Principal } from '../../src/contract/access.ts'
import { makeIds } from '../../src/contract/ids.ts'
import type { Route } from '../../src/contract/route.ts'
import { openStore } from '../../src/store/open.ts'
import { contractTables, mountedRoutes } from '../route-tables.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

/** A caller: its token, and who it is when the token is good. */
interface Caller {
  readonly name: string
  readonly header: string | undefined
  readonly who: Principal | undefined
}

const data = mkdtempSync(join(tmpdir(), 'slipway-access-'))
const clock = Date.now
let server: TestServer
let callers: Caller[] = []
const tables = await routeTables()

before(async () => {
  callers = await makeCallers()
  server = await startTestServer({ data })
})
after(async () => {
  await server.stop()
  rmSync(data, { recursive: true, force: true })
})

/** Route tables of the contract by name, and MLflow's as one. */
async function routeTables(): Promise<Map<string, Route[]>> {
  const wire = (await mountedRoutes()).filter((route) => route.dialect === 'mlflow')
  return new Map([...(await contractTables()), ['MLflow', wire]])
}

/** Tokens that only a clock of the past can make (expired ones) are made before the server starts. */
async function makeCallers(): Promise<Caller[]> {
  const store = await openStore({ dataDir: data })
  const access = tokens({ db: store.db, clock, ids: makeIds(clock, randomBytes), audit: auditLog(clock) })
  const make = async (name: string, wanted: Omit<NewToken, 'name'>): Promise<Caller & { id: string }> => {
    const { token, row } = await access.create(SYSTEM, { name, ...wanted })
    const who = { id: row.id, name, role: row.role, project: row.project, token_id: row.id }
    return { name, header: `Bearer ${token}`, who, id: row.id }
  }
  const good: Caller[] = []
  for (const role of ROLES) {
    good.push(await make(role, { role }), await make(`${role} of a project`, { role, project: 'elsewhere' }))
  }
  const revoked = await make('revoked', { role: 'admin' })
  await access.revoke(SYSTEM, revoked.id)
  const expired = await make('expired', { role: 'admin', expires_at: clock() - 1 })
  const forged = { name: 'forged', header: `${good[0]?.header?.split('.')[0]}.${'A'.repeat(32)}`, who: undefined }
  await store.db.close()
  return [
    ...good,
    { ...revoked, who: undefined },
    { ...expired, who: undefined },
    forged,
    { name: 'nobody', header: undefined, who: undefined },
    { name: 'another scheme', header: 'Digest username="admin"', who: undefined },
  ]
}

/** Fills the variable parts of a path with what does not exist. */
function pathOf(route: Route): string {
  const values: Record<string, string> = { version: '7', part: '1' }
  return route.path
    .replace(/(?<=\/):(\w+)/g, (_, key: string) => values[key] ?? 'nothing')
    .replace('*', '9/none/artifacts/x')
}

/** The next of the addresses of this machine: one that sends many wrong credentials is slowed down, and that is not the question here. */
let used = 0
function nextAddress(): string {
  used += 1
  return process.platform === 'linux' ? `127.1.${(used >> 8) & 255}.${used & 255}` : '127.0.0.1'
}

async function call(route: Route, caller: Caller): Promise<{ status: number; text: string }> {
  const body = route.body === undefined ? undefined : route.body === 'stream' ? 'x' : '{}'
  const asked = request(server.url + pathOf(route), {
    method: route.method,
    agent: false,
    localAddress: nextAddress(),
    headers: {
      ...(caller.header !== undefined && { authorization: caller.header }),
      ...(body === '{}' && { 'content-type': 'application/json' }),
      ...(body !== undefined && { 'content-length': body.length }),
    },
  }).end(body)
  const [reply] = (await once(asked, 'response')) as [IncomingMessage]
  const status = reply.statusCode ?? 0
  // a stream of events does not end
  const answered = status < 400 && route.reply === 'events' ? '' : await text(reply)
  asked.destroy()
  return { status, text: answered }
}

function expected(route: Route, caller: Caller): 401 | 403 | 'admitted' {
  if (route.access === 'public') return 'admitted'
  if (caller.who === undefined) return 401
  return permits(caller.who, route.access) ? 'admitted' : 403
}

function judge(route: Route, caller: Caller, answer: { status: number; text: string }): string | undefined {
  const wanted = expected(route, caller)
  const said = `${route.method} ${route.path} by ${caller.name}: ${answer.status} ${answer.text.slice(0, 160)}`
  if (answer.status >= 500) return said
  if (wanted === 'admitted') {
    // the code of a login link is a credential of its own
    // and so is the signature of a call of a trigger
    const own = ['/login/:code', '/v1/hooks/:project/:name'].includes(route.path) && answer.status === 401
    return (answer.status === 401 || answer.status === 403) && !own ? said : undefined
  }
  if (answer.status !== wanted) return `${said}, expected ${wanted}`
  const code = (JSON.parse(answer.text) as { error?: { code: string }; error_code?: string }) ?? {}
  const words = wanted === 401 ? ['unauthenticated', 'UNAUTHENTICATED'] : ['forbidden', 'PERMISSION_DENIED']
  return words.includes(code.error?.code ?? code.error_code ?? '') ? undefined : said
}

describe('every route × every caller', () => {
  for (const [name, routes] of tables) {
    test(name, async (t) => {
      const admin = callers.find((caller) => caller.name === 'admin')
      assert.ok(admin)
      const probes = await Promise.all(routes.map((route) => call(route, admin)))
      const absent = routes.filter((_, i) => /no_route|ENDPOINT_NOT_FOUND/.test(probes[i]?.text ?? ''))
      if (absent.length === routes.length) return t.skip(`the server does not have any route of ${name} yet`)
      assert.deepEqual(
        absent.map((route) => `${route.method} ${route.path}`),
        [],
        'described, but not answered',
      )
      const wrong: string[] = []
      for (const route of routes) {
        const answers = await Promise.all(
          callers.map(async (caller) => judge(route, caller, await call(route, caller))),
        )
        wrong.push(...answers.filter((one) => one !== undefined))
      }
      assert.deepEqual(wrong, [])
    })
  }

  test('the tables are whole: MLflow has all its routes under both prefixes, every room is there', () => {
    const mlflow = tables.get('MLflow') ?? []
    const below = (prefix: string): string[] =>
      mlflow
        .filter(({ path }) => path.startsWith(`${prefix}/`))
        .map(({ method, path }) => method + path.slice(prefix.length))
        .sort()
    assert.deepEqual(below('/api'), below('/ajax-api'))
    assert.ok(below('/api').length > 60, `only ${below('/api').length}`)
    for (const name of [
      'authApi',
      'systemApi',
      'trackingApi',
      'registryApi',
      'pipelinesApi',
      'servingApi',
      'rolloutApi',
    ]) {
      assert.ok((tables.get(name)?.length ?? 0) > 0, name)
    }
  })
})

describe('a token of one project', () => {
  const as = async (project: string | null, method: string, path: string, body?: unknown) => {
    const caller = callers.find(({ who }) => who?.role === 'admin' && who.project === project)
    const response = await fetch(server.url + path, {
      method,
      headers: {
        authorization: caller?.header ?? '',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: response.status, json: (await response.json()) as Record<string, never> & Record<string, unknown> }
  }

  test('cannot make, see or revoke tokens of others, nor take more than its project', async () => {
    const mine = (body: object) => as('elsewhere', 'POST', '/v1/tokens', { name: 'x', role: 'admin', ...body })
    assert.equal((await mine({ project: null })).status, 403)
    assert.equal((await mine({ project: 'other' })).status, 403)
    const made = (await mine({})).json['row'] as unknown as { project: string }
    assert.equal(made.project, 'elsewhere')
    const { items } = (await as('elsewhere', 'GET', '/v1/tokens')).json as unknown as {
      items: { project: string }[]
    }
    assert.deepEqual([...new Set(items.map(({ project }) => project))], ['elsewhere'])
    const victim = callers.find(({ name }) => name === 'viewer')?.who?.id ?? ''
    assert.equal((await as('elsewhere', 'DELETE', `/v1/tokens/${victim}`)).status, 404)
    const viewer = callers.find(({ name }) => name === 'viewer')?.header ?? ''
    assert.equal((await fetch(`${server.url}/v1/me`, { headers: { authorization: viewer } })).status, 200)
  })

  test('does not see runs, models and endpoints of another project, and cannot change them', async () => {
    const wire = (path: string, body: unknown) => as(null, 'POST', `/api/2.0/mlflow/${path}`, body)
    const run = (await wire('runs/create', { experiment_id: '0' })).json['run'] as unknown as {
      info: { run_id: string }
    }
    const id = run.info.run_id
    assert.equal((await wire('registered-models/create', { name: 'secret' })).status, 200)
    assert.equal((await as(null, 'PUT', '/v1/endpoints/secret', { project: 'default', model: 'secret' })).status, 200)
    const rollout = (await as(null, 'POST', '/v1/endpoints/secret/rollouts', { version: '1' })).json['id']
    const tries: [string, string, unknown?][] = [
      ['GET', `/v1/runs/${id}`],
      ['GET', `/api/2.0/mlflow/runs/get?run_id=${id}`],
      ['POST', '/api/2.0/mlflow/runs/log-metric', { run_id: id, key: 'a', value: 1, timestamp: 1 }],
      ['POST', '/api/2.0/mlflow/runs/delete', { run_id: id }],
      ['GET', `/get-artifact?run_id=${id}&path=x`],
      ['GET', '/v1/models/secret'],
      ['GET', '/v1/models/secret/history'],
      ['GET', '/api/2.0/mlflow/registered-models/get?name=secret'],
      ['DELETE', '/api/2.0/mlflow/registered-models/delete', { name: 'secret' }],
      ['POST', '/api/2.0/mlflow/registered-models/rename', { name: 'secret', new_name: 'mine' }],
      ['GET', '/v1/endpoints/secret'],
      ['DELETE', '/v1/endpoints/secret'],
      ['POST', '/v1/endpoints/secret/deploy', { version: '1' }],
      ['POST', '/v1/endpoints/secret/rollback', {}],
      ['GET', '/v1/endpoints/secret/predictions'],
      ['POST', '/v1/endpoints/secret/rollouts', { version: '1' }],
      ['GET', `/v1/rollouts/${rollout}`],
      ['GET', '/v1/endpoints/secret/monitor'],
      ['PUT', '/v1/endpoints/secret/monitor', {}],
      ['GET', '/v1/endpoints/secret/monitor/heatmap'],
      ['GET', '/v1/endpoints/secret/monitor/features/a'],
      ['GET', '/v1/endpoints/secret/performance'],
      ['GET', '/v1/endpoints/secret/bad-rows'],
      ['POST', '/v1/endpoints/secret/labels', { labels: [{ prediction_id: 'a', label: 1 }] }],
      ['GET', `/v1/rollouts/${rollout}/curve`],
      ['POST', `/v1/rollouts/${rollout}/actions`, { action: 'abort', reason: 'none' }],
    ]
    for (const [method, path, body] of tries) {
      const { status, json } = await as('elsewhere', method, path, body)
      assert.equal(status, 404, `${method} ${path}: ${status} ${JSON.stringify(json).slice(0, 200)}`)
    }
    const taken = await as('elsewhere', 'PUT', '/v1/endpoints/secret', { project: 'elsewhere', model: 'm' })
    assert.ok(taken.status === 404 || taken.status === 409, String(taken.status))
    const lists = ['/v1/runs', '/v1/models', '/v1/endpoints', '/v1/rollouts', '/v1/incidents', '/v1/cost?by=endpoint']
    for (const path of lists) {
      const seen = JSON.stringify((await as('elsewhere', 'GET', path)).json)
      assert.ok(
        ![id, 'secret', String(rollout)].some((hidden) => seen.includes(hidden)),
        `${path}: ${seen.slice(0, 300)}`,
      )
    }
    assert.equal((await as(null, 'GET', `/v1/runs/${id}`)).status, 200)
    assert.equal((await as(null, 'GET', '/v1/models/secret')).status, 200)
    assert.notEqual((await as(null, 'GET', `/v1/rollouts/${rollout}`)).json['reason'], 'none')
  })
})
