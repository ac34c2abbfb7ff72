/** `slipway doctor` on machines that lack something: each finding, what it says to do, and the exit code. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { freePort } from '../../../test/programs/free-port.ts'
import * as llm from '../../../test/web/recorded/llm-state.ts'
import { endpointViewApi } from '../../contract/endpoint-view.ts'
import { authApi } from '../../contract/auth.ts'
import { problem } from '../../contract/errors.ts'
import type { Watched } from '../../contract/endpoint-view.ts'
import { llmStateApi } from '../../contract/llm/state.ts'
import { imagesApi } from '../../contract/images/images.ts'
import { lineApi } from '../../contract/pipelines/line.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import type { Reply } from '../../contract/route.ts'
import { servingApi } from '../../contract/serving.ts'
import { storageApi, systemApi } from '../../contract/system.ts'
import { AT, endpoint, monitor, variant } from '../answers.fixture.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { withToken } from '../run-command.fixture.ts'

let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => server.close())

const python = process.env['SLIPWAY_PYTHON']
afterEach(() => {
  if (python === undefined) delete process.env['SLIPWAY_PYTHON']
  else process.env['SLIPWAY_PYTHON'] = python
})

interface Finding {
  readonly what: string
  readonly ok: boolean
  readonly warn?: boolean
  readonly detail: string
}

/** What the doctor says of one part. */
async function finding(what: string, data = server.data): Promise<Finding> {
  const { code, data: given, lines } = await server.slipway('doctor', '--data', data)
  const findings = given[0] as Finding[]
  assert.equal(code, findings.every(({ ok }) => ok) ? 0 : 1)
  assert.deepEqual(
    lines,
    findings.map((one) => `${one.ok ? (one.warn === true ? 'warn' : 'ok  ') : 'FAIL'} ${one.what}: ${one.detail}`),
  )
  const found = findings.find((one) => one.what === what)
  assert.ok(found)
  return found
}

function folder(name: string, file: object, token?: string): string {
  const path = join(server.data, name)
  mkdirSync(path)
  writeFileSync(join(path, 'server.json'), JSON.stringify({ token_file: join(path, 'token'), ...file }))
  if (token !== undefined) writeFileSync(join(path, 'token'), token)
  return path
}

/** The server says that all is well, but for what is given. */
function healthy(but: Partial<Reply<typeof systemApi.live>> = {}): void {
  const corrupt = { database: false, blobs: 0 }
  server.answer(systemApi.live, { ok: true, writable: true, corrupt, room: 'enough', version: '1', ...but })
}

describe('the doctor', () => {
  it('finds nothing wrong where no server runs yet, in a folder that is still to be made', async () => {
    const data = join(server.data, 'deep/er/new')
    assert.deepEqual(await finding('Server', data), { what: 'Server', ok: true, detail: `none runs in ${data}` })
    assert.deepEqual(await finding('Token', data), { what: 'Token', ok: true, detail: 'made at the first start' })
    const disk = await finding('Disk', data)
    assert.match(disk.detail, new RegExp(` GiB free in ${server.data}(?:$|;)`), 'the folder that is there')
    assert.deepEqual(await finding('Node', data), { what: 'Node', ok: true, detail: process.version })
  })

  it('says that a server answers, or that its store cannot be written', async () => {
    healthy()
    assert.deepEqual(await finding('Server'), { what: 'Server', ok: true, detail: `${server.url} answers` })
    healthy({ room: 'low' })
    const low = await finding('Server')
    assert.equal(low.ok, false)
    assert.match(low.detail, / answers, and its disk is almost full: large writes are refused; free space in /)
    healthy({ writable: false, room: 'low' })
    const detail = `${server.url} refuses writes: is the disk full, or the database out of reach?`
    assert.deepEqual(await finding('Server'), { what: 'Server', ok: false, detail })
  })

  it('finds a server that is gone and has left its file', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    const data = folder('gone', { url }, 'slw_a')
    const detail = `${url} does not answer although server.json names it; start it again: slipway serve --data ${data}`
    assert.deepEqual(await finding('Server', data), { what: 'Server', ok: false, detail })
  })

  it('names a server file that no server wrote, and looks at the rest', async () => {
    const data = folder('cut', { url: 5 })
    const found = await finding('Server', data)
    assert.equal(found.ok, false)
    assert.match(
      found.detail,
      /^"url" of .*server\.json is 5; expected string, received number; A server writes that file/,
    )
    assert.deepEqual(await finding('Token', data), {
      what: 'Token',
      ok: false,
      detail: 'server.json is to say which it is',
    })
    assert.equal((await finding('Node', data)).ok, true)
  })

  it('reads the token of the folder, and takes no other text for one', async () => {
    const file = { url: server.url }
    const [good, odd, none] = [folder('good', file, 'slw_a'), folder('odd', file, 'secret'), folder('none', file)]
    assert.deepEqual(await finding('Token', good), { what: 'Token', ok: true, detail: join(good, 'token') })
    const detail = `${join(odd, 'token')} holds no token`
    assert.deepEqual(await finding('Token', odd), { what: 'Token', ok: false, detail })
    const missing = await finding('Token', none)
    assert.equal(missing.ok, false)
    assert.match(missing.detail, /^No token was sent: there is no .*token; set SLIPWAY_TOKEN to one of http/)
  })

  it('asks whose the token of the environment is', async () => {
    const who = { id: 'u1', name: 'ada', role: 'viewer', project: null } as const
    server.answer(authApi.whoami, who)
    const found = await withToken('slw_mine', () => finding('Token'))
    assert.deepEqual(found, { what: 'Token', ok: true, detail: 'SLIPWAY_TOKEN, of ada (viewer)' })
    assert.equal(server.asked(authApi.whoami)[0]?.authorization, 'Bearer slw_mine')
    server.answer(authApi.whoami, problem('unauthenticated', { detail: 'it is revoked' }))
    const detail = 'SLIPWAY_TOKEN does not hold: no valid credential: it is revoked'
    assert.deepEqual(await withToken('slw_old', () => finding('Token')), { what: 'Token', ok: false, detail })
  })

  it('does not blame the token for a server that is dead, or that cannot look', async () => {
    const data = folder('dead', { url: 'http://127.0.0.1:9' })
    const { ok, detail } = await withToken('slw_good', () => finding('Token', data))
    assert.equal(ok, false)
    assert.match(detail, /^SLIPWAY_TOKEN could not be tried: no answer from http:\/\/127\.0\.0\.1:9: /)
    assert.match((await finding('Server', data)).detail, /does not answer although server\.json names it/)

    const fault = problem('unavailable', { what: 'the database', detail: 'it cannot be reached' })
    server.answer(authApi.whoami, fault)
    assert.deepEqual(await withToken('slw_good', () => finding('Token')), {
      what: 'Token',
      ok: false,
      detail: 'SLIPWAY_TOKEN could not be tried: the database is not available: it cannot be reached',
    })
    server.answer(systemApi.live, fault)
    const said = `${server.url}: the database is not available: it cannot be reached`
    assert.deepEqual(await finding('Server'), { what: 'Server', ok: false, detail: said })
  })

  describe('of a server that the environment names', () => {
    const away = join(tmpdir(), 'slipway-doctor-of-nobody')
    const state = (low: boolean): Reply<typeof storageApi.state> => ({
      disk: { free_bytes: low ? 107_374_182 : 40 * 1024 ** 3, least_bytes: 0.25 * 1024 ** 3, low },
      database: { kind: 'sqlite', state: 'sound', detail: 'sound', remedy: null, looked_at: null, checksums: null },
      blobs: {
        corrupt: [],
        corrupt_count: 0,
        missing_count: 0,
        compared_at: null,
        looked_at: null,
        round: { began_at: null, ended_at: null, blobs: 0, bytes: 0 },
      },
    })
    const said = async (url = server.url): Promise<Map<string, string>> => {
      process.env['SLIPWAY_URL'] = url
      try {
        const { lines } = await server.slipway('doctor', '--data', away)
        return new Map(lines.map((line) => [/^\S+ +([^:]+): /.exec(line)?.[1] ?? '', line]))
      } finally {
        delete process.env['SLIPWAY_URL']
      }
    }

    it('tells its disk and its state, and not those of a folder here', async () => {
      server.answer(storageApi.state, state(false))
      server.answer(authApi.whoami, { id: 'u1', name: 'ada', role: 'viewer', project: null })
      healthy({ room: 'low' })
      server.answer(servingApi.listEndpoints, { items: [endpoint()] })
      const found = await withToken('slw_mine', () => said())
      assert.deepEqual(
        ['Disk', 'Folder', 'Server', 'Token', 'Endpoints', 'Storage'].map((what) => found.get(what)),
        [
          `ok   Disk: 40.0 GiB free in the data folder of ${server.url}`,
          `warn Folder: that of ${server.url} cannot be seen from here; run slipway doctor on its machine`,
          `FAIL Server: ${server.url} answers, and its disk is almost full: large writes are refused; free space in its data folder`,
          'ok   Token: SLIPWAY_TOKEN, of ada (viewer)',
          'ok   Endpoints: 1 answer',
          'ok   Storage: database: sound; files are looked at each night',
        ],
      )
      assert.equal(server.asked(storageApi.state)[0]?.authorization, 'Bearer slw_mine')
      server.answer(storageApi.state, state(true))
      const low = await withToken('slw_mine', () => said())
      assert.equal(
        low.get('Disk'),
        `FAIL Disk: 0.1 GiB free in the data folder of ${server.url}; free at least 0.3 GiB`,
      )
      server.answer(storageApi.state, problem('forbidden', { role: 'service', verb: 'read', resource: 'server' }))
      const refused = await withToken('slw_mine', () => said())
      assert.match(refused.get('Disk') ?? '', /^FAIL Disk: could not be asked for: /)
    })

    it('says what stands in the way: no token, and nobody who answers', async () => {
      const none = await said()
      assert.match(
        none.get('Token') ?? '',
        /^FAIL Token: No token was sent: there is no .*; set SLIPWAY_TOKEN to one of http/,
      )
      const dead = await withToken('slw_mine', () => said('http://127.0.0.1:9'))
      const gone = 'FAIL Server: http://127.0.0.1:9 does not answer; is the address right, and does it run?'
      assert.equal(dead.get('Server'), gone)
      assert.match(dead.get('Disk') ?? '', /^FAIL Disk: could not be asked for: no answer from http:\/\/127\.0\.0\.1:9/)
    })

    it('is as without it where the folder is that of the server', async () => {
      process.env['SLIPWAY_URL'] = `${server.url}/`
      try {
        assert.match((await finding('Disk')).detail, new RegExp(` GiB free in ${server.data}`))
        assert.match((await finding('Folder')).detail, new RegExp(server.data))
      } finally {
        delete process.env['SLIPWAY_URL']
      }
    })
  })

  it('names the endpoints that nobody watches, with the remedy; one that was switched off is no fault', async () => {
    const of = (endpoint: string, watched: Partial<Watched> = {}) => ({ endpoint, watched: monitor(watched).watched })
    const bare = {
      state: 'unwatched',
      reason: 'no_reference',
      detail: 'no table',
      remedy: 'give one',
      since: AT,
    } as const
    const off = { state: 'unwatched', reason: 'off', detail: 'switched off', remedy: null } as const
    const young = { state: 'waiting', reason: 'no_rows', detail: 'no rows yet' } as const
    for (const [items, ok, detail] of [
      [[], true, 'no endpoints yet'],
      [[of('a'), of('b', young)], true, '1 of 2 endpoints are watched; b: no rows yet'],
      [[of('a'), of('c', off)], true, 'c is not watched: switched off; 1 of 2 endpoints are watched'],
      [
        [of('a'), of('c', off), of('d', bare)],
        false,
        `c is not watched: switched off; d is not watched since ${AT}: no table; give one; 1 of 3 endpoints are watched`,
      ],
    ] as const) {
      server.answer(endpointViewApi.listWatched, { items: [...items] })
      assert.deepEqual(await withToken('slw_a', () => finding('Monitors')), { what: 'Monitors', ok, detail })
    }
    server.answer(endpointViewApi.listWatched, problem('unavailable', { what: 'it', detail: 'busy' }))
    assert.equal((await withToken('slw_a', () => finding('Monitors'))).ok, false)
  })

  it('says how steps stand in line, and that they wait though none runs', async () => {
    const GIB = 1024 ** 3
    const queue = (
      running: number,
      waiting: number,
      oldest_s: number | null,
    ): Reply<typeof pipelinesApi.stepQueue> => ({
      cpus: { taken: running, total: 4 },
      memory_bytes: { taken: running * GIB, total: 6.5 * GIB },
      running,
      waiting,
      oldest_wait_ms: oldest_s === null ? null : oldest_s * 1000,
      failed_last_day: 2,
      slow_starts: null,
      clusters: [],
    })
    const places = (taken: number): string =>
      `${taken} of 4 cores and ${taken}.0 of 6.5 GiB taken; 2 failed in 24 hours`
    const cases: [Reply<typeof pipelinesApi.stepQueue>, boolean, string][] = [
      [queue(0, 0, null), true, `0 running, 0 waiting; ${places(0)}`],
      [queue(1, 3, 900), true, `1 running, 3 waiting, the oldest for 900 s; ${places(1)}`],
      [queue(0, 3, 60), true, `0 running, 3 waiting, the oldest for 60 s; ${places(0)}`],
      [
        queue(0, 3, 61),
        false,
        `0 running, 3 waiting, the oldest for 61 s; ${places(0)}, and nothing moves them: the log of the server says why`,
      ],
    ]
    for (const [answer, ok, detail] of cases) {
      server.answer(pipelinesApi.stepQueue, answer)
      assert.deepEqual(await withToken('slw_a', () => finding('Steps')), { what: 'Steps', ok, detail })
    }
    const away = { name: 'kubernetes', ok: false, detail: 'the server may not create jobs in ml' }
    server.answer(pipelinesApi.stepQueue, { ...queue(0, 0, null), clusters: [away] })
    const refused = await withToken('slw_a', () => finding('Steps'))
    assert.equal(refused.ok, false)
    assert.match(refused.detail, /; kubernetes: the server may not create jobs in ml$/)
    const wait = { place: 1, project: 'p', run: 'r1', priority: 0, pool: null, wait: 'places' as const }
    const line = [
      { ...wait, step: 'raised', waited_ms: 5000, why: 'others come first' },
      { ...wait, step: 'train', waited_ms: 1_860_000, why: 'it asks for 8 cores' },
    ]
    server.answer(lineApi.waitingSteps, { items: line, left_out: 0 })
    server.answer(pipelinesApi.stepQueue, queue(1, 2, 1800))
    assert.equal((await withToken('slw_a', () => finding('Steps'))).warn, undefined)
    server.answer(pipelinesApi.stepQueue, queue(1, 2, 1860))
    const late = await withToken('slw_a', () => finding('Steps'))
    assert.deepEqual([late.ok, late.warn], [true, true])
    assert.match(late.detail, /; step train of run r1 has waited 31 min: it asks for 8 cores$/)
    server.answer(pipelinesApi.stepQueue, { ...queue(0, 0, null), slow_starts: 'what forks steps was lost' })
    const slow = `0 running, 0 waiting; ${places(0)}; what forks steps was lost`
    const said = await withToken('slw_a', () => finding('Steps'))
    assert.deepEqual(said, { what: 'Steps', ok: true, warn: true, detail: slow })
  })

  it('has a line for each loop of language models that is wrong or off, and none where all is well', async () => {
    const lines = async () => {
      const { data, code } = await withToken('slw_a', () => server.slipway('doctor', '--data', server.data))
      const found = (data[0] as Finding[]).filter(({ what }) => /^(?:LLM|Language)/.test(what))
      return { code, found: found.map(({ what, ok, warn, detail }) => [what, ok, warn ?? false, detail] as const) }
    }
    const now = Date.parse(AT)
    const well = llm.state(now)
    server.answer(llmStateApi.llmState, well)
    assert.deepEqual((await lines()).found, [])
    server.answer(llmStateApi.llmState, {
      ...well,
      retention: { ...well.retention, state: 'off', calls_ms: null, content_ms: null },
    })
    const [[what, ok, warn, detail] = []] = (await lines()).found
    assert.deepEqual([what, ok, warn], ['LLM retention', true, true])
    assert.match(detail ?? '', /kept for ever .*SLIPWAY_LLM_CALLS_DAYS/)
    server.answer(llmStateApi.llmState, llm.brokenState(now))
    const { code, found } = await lines()
    assert.deepEqual(
      found.map(([part, isOk]) => [part, isOk]),
      [
        ['LLM budgets', true],
        ['LLM budgets', true],
        ['LLM settings', false],
        ['LLM retention', false],
        ['LLM log', false],
        ['LLM log', true],
      ],
    )
    assert.equal(code, 1)
    server.answer(llmStateApi.llmState, problem('unavailable', { what: 'it', detail: 'busy' }))
    assert.match(String((await lines()).found[0]), /^Language models,false,false,could not be asked for: .*busy/)
  })

  it('names the images that stand where they would be refused now', async () => {
    const environment = { name: 'staging', after: null, repository: 'r.example/m', keys: [], gated: true }
    const staging = { ...environment, updated_at: AT, updated_by: 'ada' }
    const asked = () => withToken('slw_a', () => finding('Images'))
    server.answer(imagesApi.listEnvironments, { items: [], faults: [] })
    assert.deepEqual(await asked(), { what: 'Images', ok: true, detail: 'no environments yet' })
    server.answer(imagesApi.listEnvironments, { items: [staging], faults: [] })
    assert.deepEqual(await asked(), { what: 'Images', ok: true, detail: 'what stands in staging would be let in now' })
    const refusal = 'signature names the key 7af5f4a7aa117e72…, which is revoked'
    const fault = { model: 'm', environment: 'staging', digest: `sha256:${'a'.repeat(64)}`, version: '3', at: AT }
    server.answer(imagesApi.listEnvironments, {
      items: [staging],
      faults: [{ ...fault, actor: 'ada', refusal, revoked: true }],
    })
    const { ok, detail } = await asked()
    assert.equal(ok, false)
    assert.match(detail, new RegExp(`m/3 in staging: ${refusal}; slipway image promote `))
  })

  it('names the versions that endpoints want and that do not answer', async () => {
    server.answer(servingApi.listEndpoints, { items: [endpoint(), endpoint({ name: 'other' })] })
    const healthy = { what: 'Endpoints', ok: true, detail: '2 answer' }
    assert.deepEqual(await withToken('slw_a', () => finding('Endpoints')), healthy)
    const variants = [variant(), variant({ role: 'canary', version: '4', fault: 'its environment is missing' })]
    server.answer(servingApi.listEndpoints, { items: [endpoint(), endpoint({ name: 'other', variants })] })
    const detail = 'these do not answer: other version 4: its environment is missing'
    assert.deepEqual(await withToken('slw_a', () => finding('Endpoints')), { what: 'Endpoints', ok: false, detail })
    server.answer(servingApi.listEndpoints, { items: [endpoint(), endpoint({ name: 'new', variants: [] })] })
    assert.deepEqual(await withToken('slw_a', () => finding('Endpoints')), {
      ...healthy,
      detail: '1 answer; without a version: new',
    })
    server.answer(servingApi.listEndpoints, { items: [] })
    assert.equal((await withToken('slw_a', () => finding('Endpoints'))).detail, 'none yet')
    server.answer(servingApi.listEndpoints, problem('unauthenticated', { detail: 'it is revoked' }))
    const asked = await withToken('slw_old', () => finding('Endpoints'))
    assert.deepEqual(asked.ok, false)
    assert.match(asked.detail, /^could not be asked for: .*it is revoked/)
  })

  for (const [version, ok] of [
    ['3.10.0', true],
    ['3.14.2', true],
    ['3.9.18', false],
    ['4.0.0', false],
    ['2.7.18', false],
  ] as const)
    it(`${ok ? 'takes' : 'refuses'} Python ${version}`, async () => {
      const program = join(server.data, `python-${version}`)
      writeFileSync(program, `#!/bin/sh\necho ${version}\n`, { mode: 0o755 })
      process.env['SLIPWAY_PYTHON'] = program
      const detail = ok ? version : `${version}; needs 3.10 or newer: set SLIPWAY_PYTHON`
      assert.deepEqual(await finding('Python'), { what: 'Python', ok, detail })
    })

  it('names the Python that is not there, or has no venv', async () => {
    const program = join(server.data, 'python-bare')
    writeFileSync(program, '#!/bin/sh\necho "No module named venv" >&2\nexit 1\n', { mode: 0o755 })
    for (const name of [program, join(server.data, 'nowhere')]) {
      process.env['SLIPWAY_PYTHON'] = name
      const { ok, detail } = await finding('Python')
      assert.deepEqual([ok, detail.startsWith(`${name} with venv was not found; install Python 3.10`)], [false, true])
    }
  })
})
