/** Endpoints over a real database without gateways: settings, variants, deploys, freezes, rollbacks, bounds, and who hears of a change. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { auditLog } from '../../auth/audit.ts'
import { keepBackend } from './preparation.ts'
import { tokens } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import { makeIds } from '../../contract/ids.ts'
import { FeaturesSection } from '../../contract/features/section.ts'
import type { Deployment } from '../../contract/serving.ts'
import { planApply, writePlan } from '../../features/definitions/apply.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { currentEpoch } from '../context/epoch.ts'
import { featuresRoutes } from '../context/features.ts'
import { endpointNames, endpointUsing, holdsEndpoints, inputNames, variantsOf } from '../context/rows.ts'
import type { WantedVariant } from '../context/rows.ts'
import { openDoor } from '../open-door.fixture.ts'
import { servingRoom } from '../room.ts'
import type { ServingDeps } from '../room.ts'
import { endpointChanges } from './changes.ts'
import type { Returned } from './deployment.ts'
import { followEndpoint } from './event-stream.ts'
import { visibleEndpoint } from './visible.ts'
import { ifSound } from '../../store/if-sound.fixture.ts'

const CAUSE = { by: 'ada', way: 'deployed', reason: '' } as const

const WHO: Principal = { id: 'u', name: 'tester', role: 'admin', project: null, token_id: null }
const MLMODEL = `flavors: {}
signature:
  inputs: '[{"name": "distance", "type": "double", "required": true}, {"name": "carrier", "type": "string", "required": false}]'
  outputs: '[{"type": "double"}]'
`

/** A room that is not started: nothing loads what it lays out. The clock moves by one each time it is read. */
async function open(t: TestContext, ports: Partial<ServingDeps> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'endpoints-'))
  mkdirSync(join(folder, 'run'))
  writeFileSync(join(folder, 'MLmodel'), MLMODEL)
  const store = await openTemporaryStore()
  const { db } = store
  t.after(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  let now = 1000
  const clock = (): number => ++now
  const context = { db, clock, ids: makeIds(Date.now, randomBytes), audit: auditLog(clock) }
  const changed: string[] = []
  const room = servingRoom({
    ...context,
    ...openDoor(db),
    dataDir: folder,
    ifSound,
    version: '0.0.0',
    gateways: { count: 0, host: '127.0.0.1', port: 0, allowHosts: [] },
    open: false,
    tokens: tokens(context),
    async versionFiles(_model, version) {
      if (version === 'bad') throw new Error('its files are gone')
      return { dir: folder, python: 'python', native: null, reason: 'nothing loads it' }
    },
    workers: 1,
    memoryMb: 1,
    hooks: () => [],
    changed: (name) => void changed.push(name),
    log: (message, error) => assert.fail(`${message} ${String(error)}`),
    ...ports,
  })
  const audited = async (): Promise<unknown[]> =>
    (await db.all<{ verb: string; detail: string }>("SELECT verb, detail FROM audit WHERE resource = 'endpoints' ORDER BY seq")).map(({ verb, detail }) => [verb, JSON.parse(detail)]) // prettier-ignore
  return { db, room, changed, audited }
}

test('an endpoint is made, changed and removed; each change raises the epoch and is told', async (t) => {
  const { db, room, changed } = await open(t)
  const made = await room.put(WHO, 'e', { project: 'p', model: 'm', threshold: 0.5 })
  assert.deepEqual(
    [made.epoch, made.threshold, made.monitor, made.variants, made.previous_version],
    [1, 0.5, {}, [], null],
  )
  const kept = await room.put(WHO, 'e', { project: 'p', model: 'm', monitor: { slices: ['c'] } })
  assert.deepEqual([kept.epoch, kept.threshold, kept.monitor], [2, 0.5, { slices: ['c'] }])
  assert.equal(kept.created_at, made.created_at)
  assert.equal((await room.put(WHO, 'e', { project: 'p', model: 'm', threshold: null })).threshold, null)
  for (const other of [
    { project: 'q', model: 'm' },
    { project: 'p', model: 'n' },
  ])
    await assert.rejects(room.put(WHO, 'e', other), { code: 'conflict', message: /serves model "m" of project "p"/ })
  // to another project it is not said what has the name
  await assert.rejects(room.put({ ...WHO, project: 'q' }, 'e', { project: 'q', model: 'm' }), {
    code: 'conflict',
    message: 'the name "e" cannot be used in this project; choose another one',
  })
  assert.equal(await currentEpoch(db), 3)
  await room.remove(WHO, 'e')
  await assert.rejects(room.endpoint('e'), { code: 'not_found' })
  await assert.rejects(room.remove(WHO, 'e'), { code: 'not_found' })
  assert.deepEqual([changed, await currentEpoch(db)], [['e', 'e', 'e', 'e'], 4])
})

test('a model of another project is refused, one that is not there yet is not', async (t) => {
  const { room } = await open(t, { modelProject: async (_, model) => (model === 'theirs' ? 'q' : undefined) })
  const put = (who: Principal) => room.put(who, 'e', { project: 'p', model: 'theirs' })
  await assert.rejects(put(WHO), {
    code: 'conflict',
    message: 'the model "theirs" belongs to the project "q", not to "p"; name that one',
  })
  await assert.rejects(put({ ...WHO, project: 'p' }), {
    message: 'the model "theirs" belongs to another project than "p"',
  })
  await room.put(WHO, 'e', { project: 'p', model: 'new' })
  const stranger: Principal = { ...WHO, project: 'p' }
  await assert.rejects(room.scoring(stranger, 'theirs', '1'), { code: 'not_found' })
  const ready = await room.scoring({ ...WHO, project: 'q' }, 'theirs', '1')
  assert.deepEqual(ready.inputs.map(({ name }) => name), ['distance', 'carrier']) // prettier-ignore
})

test('lists and questions by project: names, who uses a version, whether a project holds any', async (t) => {
  const { db, room } = await open(t)
  for (const [name, project] of [['b', 'p'], ['a', 'p'], ['c', 'q']] as const) await room.put(WHO, name, { project, model: 'm' }) // prettier-ignore
  await room.deploy(WHO, 'a', { version: '3' })
  assert.deepEqual((await room.list()).map(({ name }) => name), ['a', 'b', 'c']) // prettier-ignore
  assert.deepEqual((await room.list('q')).map(({ name }) => name), ['c']) // prettier-ignore
  assert.deepEqual([await endpointNames(db, 'p'), await endpointNames(db, null)], [['a', 'b'], ['a', 'b', 'c']]) // prettier-ignore
  assert.deepEqual([await endpointUsing(db, 'm', 3), await endpointUsing(db, 'm', 4), await endpointUsing(db, 'm', null)], ['endpoint "a"', null, 'endpoint "a"']) // prettier-ignore
  assert.deepEqual([await holdsEndpoints(db, 'q'), await holdsEndpoints(db, 'r')], ['endpoints', undefined])
  assert.deepEqual([await inputNames(db, 'a', '3'), await inputNames(db, 'a', '4')], [['distance', 'carrier'], []]) // prettier-ignore
  await assert.rejects(visibleEndpoint(room, { ...WHO, project: 'q' }, 'a'), { code: 'not_found' })
  assert.equal((await visibleEndpoint(room, { ...WHO, project: 'p' }, 'a')).name, 'a')
})

test('the first version of an endpoint is not kept waiting for its native form; a later one is, for it is compared', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'provisional-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  writeFileSync(join(dir, 'MLmodel'), MLMODEL)
  const asked: [string, number | undefined][] = []
  const { db, room } = await open(t, {
    async versionFiles(_model, version, waitMs) {
      asked.push([version, waitMs])
      const files = { dir, python: 'python', native: null, reason: 'its native form is being proved' }
      return { ...files, provisional: waitMs !== undefined }
    },
  })
  for (const name of ['e', 'f']) await room.put(WHO, name, { project: 'p', model: 'm' })
  await room.deploy(WHO, 'e', { version: '1' })
  await room.deploy(WHO, 'f', { version: '2' })
  assert.deepEqual(asked, [['1', 5000], ['2', 5000]]) // prettier-ignore
  await room.deploy(WHO, 'e', { version: '2' })
  assert.deepEqual(asked.slice(2), [['2', undefined]])
  await room.deploy(WHO, 'e', { version: '3' })
  assert.deepEqual(asked.slice(3), [['3', undefined]])
  const native = { inputs: [], backend: { kind: 'native', dir: '/n' }, reason: null, provisional: false } as const
  await db.tx((tx) => keepBackend(tx, { model: 'm', version: '2' }, native))
  const shown = await Promise.all(['e', 'f'].map((name) => db.all('SELECT version, backend, reason FROM endpoint_versions WHERE endpoint = ? ORDER BY version', [name]))) // prettier-ignore
  const python = { backend: '{"kind":"python"}', reason: 'its native form is being proved' }
  const proved = { version: '2', backend: '{"kind":"native"}', reason: null }
  assert.deepEqual(shown, [[{ version: '1', ...python }, proved, { version: '3', ...python }], [proved]])
})

test('a deploy makes a version stable and keeps the one before; a rollback returns to it and tells the registry', async (t) => {
  const returns: Returned[] = []
  const { room, audited } = await open(t, { returned: async (_t, _who, back) => void returns.push(back) })
  await room.put(WHO, 'e', { project: 'p', model: 'm' })
  await assert.rejects(room.rollback(WHO, 'e', 'why'), { code: 'conflict' })
  await room.deploy(WHO, 'e', { version: '1' })
  const second = await room.deploy(WHO, 'e', { version: '2', reason: 'newer' })
  assert.deepEqual([second.variants.map(({ version, weight }) => [version, weight]), second.previous_version], [[['2', 10_000]], '1']) // prettier-ignore
  const back = await room.rollback(WHO, 'e', 'it is slow')
  assert.deepEqual([back.variants[0]?.version, back.previous_version], ['1', '2'])
  assert.deepEqual(returns, [{ endpoint: 'e', model: 'm', from: '2', to: '1', reason: 'it is slow' }])
  assert.deepEqual((await audited()).slice(1), [
    ['deploy', { version: '1' }],
    ['deploy', { version: '2', reason: 'newer' }],
    ['deploy', { action: 'rollback', version: '1', reason: 'it is slow' }],
  ])
})

test('a version that cannot be served changes nothing', async (t) => {
  const { db, room } = await open(t)
  await room.put(WHO, 'e', { project: 'p', model: 'm' })
  await room.deploy(WHO, 'e', { version: '1' })
  const epoch = await currentEpoch(db)
  await assert.rejects(room.deploy(WHO, 'e', { version: 'bad' }), {
    code: 'unprocessable',
    data: { detail: 'version bad does not load: its files are gone' },
  })
  assert.deepEqual((await variantsOf(db, 'e')).map(({ version }) => version), ['1']) // prettier-ignore
  assert.equal(await currentEpoch(db), epoch)
})

test('what the transaction of a change refuses is not written, in the rollback either', async (t) => {
  const { db, room } = await open(t, { returned: async () => Promise.reject(new Error('the alias is held')) })
  await room.put(WHO, 'e', { project: 'p', model: 'm' })
  for (const version of ['1', '2']) await room.deploy(WHO, 'e', { version })
  await assert.rejects(room.rollback(WHO, 'e', ''), /the alias is held/)
  const also = async (): Promise<void> => Promise.reject(new Error('no'))
  await assert.rejects(
    room.setVariants('e', [{ role: 'stable', version: '1', weight: 0 }], { cause: CAUSE, also }),
    /no/,
  )
  assert.deepEqual((await variantsOf(db, 'e')).map(({ version }) => version), ['2']) // prettier-ignore
})

test('each change of the stable version is kept with who made it, when and why, also the one back', async (t) => {
  const { room } = await open(t)
  await room.put(WHO, 'e', { project: 'p', model: 'm' })
  assert.equal((await room.endpoint('e')).deployment, null)
  await room.deploy(WHO, 'e', { version: '1' })
  await room.deploy(WHO, 'e', { version: '2', reason: 'better' })
  await room.deploy(WHO, 'e', { version: '2', reason: 'once more, which changes nothing' })
  const { deployment } = await room.rollback(WHO, 'e', 'worse')
  const told = (one: Deployment | null): unknown[] => [one?.number, one?.version, one?.previous_version, one?.way, one?.by, one?.reason] // prettier-ignore
  assert.deepEqual(told(deployment), [3, '1', '2', 'rolled_back', WHO.name, 'worse'])
  const page = await room.deployments('e', { limit: 2 })
  assert.deepEqual(page.items.map(told), [
    [3, '1', '2', 'rolled_back', WHO.name, 'worse'],
    [2, '2', '1', 'deployed', WHO.name, 'better'],
  ])
  const rest = await room.deployments('e', { limit: 2, page_token: page.next_page_token })
  assert.deepEqual(
    [rest.items.map(told), rest.next_page_token],
    [[[1, '1', null, 'deployed', WHO.name, '']], undefined],
  )
  await assert.rejects(room.deployments('e', { limit: 2, page_token: 'x' }), { code: 'invalid_field' })
  await room.remove(WHO, 'e')
  await room.put(WHO, 'e', { project: 'p', model: 'm' })
  assert.deepEqual(await room.deployments('e', { limit: 2 }), { items: [] }, 'another endpoint of the name begins anew')
})

test('a freeze holds up a deploy; overriding it needs a reason and leaves a trace', async (t) => {
  let why: string | null = null
  const { room, audited } = await open(t, { frozen: async () => why })
  await room.put(WHO, 'e', { project: 'p', model: 'm' })
  await room.deploy(WHO, 'e', { version: '1' })
  why = 'frozen until Monday'
  await assert.rejects(room.deploy(WHO, 'e', { version: '2' }), {
    code: 'conflict',
    data: { detail: 'e is frozen until Monday; wait, or set override_freeze and a reason' },
  })
  await assert.rejects(room.deploy(WHO, 'e', { version: '2', override_freeze: true }), {
    code: 'invalid_field',
    data: { field: 'reason', value: null, expected: 'why the freeze is overridden' },
  })
  await room.deploy(WHO, 'e', { version: '2', override_freeze: true, reason: 'a fix' })
  assert.deepEqual((await audited()).at(-1), [
    'deploy',
    { version: '2', reason: 'a fix', overrides: 'frozen until Monday' },
  ])
  await room.rollback(WHO, 'e', 'a rollback always may')
})

test('a variant that stays keeps its time, one that tripped stays tripped, and a new one begins now', async (t) => {
  const { db, room } = await open(t)
  await room.put(WHO, 'e', { project: 'p', model: 'm' })
  const canary = (weight: number): WantedVariant[] => [
    { role: 'stable', version: '1', weight: 0 },
    { role: 'canary', version: '2', weight, breaker: { limit: 0.1, alpha: 0.01 } },
    { role: 'shadow', version: '3', weight: 0 },
  ]
  await room.setVariants('e', canary(1000), { cause: CAUSE })
  const before = await variantsOf(db, 'e')
  assert.deepEqual(before.map(({ role, version, weight }) => [role, version, weight]), [['stable', '1', 0], ['canary', '2', 1000], ['shadow', '3', 0]]) // prettier-ignore
  await db.tx((w) => w.run("UPDATE endpoint_variants SET tripped = 'it failed', weight = 0 WHERE role = 'canary'"))
  await room.setVariants('e', canary(5000), { cause: CAUSE })
  const after = await variantsOf(db, 'e')
  assert.deepEqual(after.map(({ since }) => since), before.map(({ since }) => since)) // prettier-ignore
  assert.deepEqual(
    [after[1]?.tripped, after[1]?.weight, after[1]?.breaker],
    ['it failed', 0, '{"limit":0.1,"alpha":0.01}'],
  )
  const view = await room.endpoint('e')
  assert.deepEqual(view.variants.map(({ weight, tripped }) => [weight, tripped]), [[10_000, null], [0, 'it failed'], [0, null]]) // prettier-ignore
  await room.setVariants('e', [{ role: 'stable', version: '2', weight: 0 }], { cause: CAUSE })
  assert.ok(((await variantsOf(db, 'e'))[0]?.since ?? 0) > (after[1]?.since ?? 0))
})

const stable: WantedVariant = { role: 'stable', version: '1', weight: 0 }
for (const [what, variants] of [
  ['two stable versions', [stable, { ...stable, version: '2' }]],
  ['two canaries', [stable, { ...stable, role: 'canary' }, { ...stable, role: 'canary', version: '2' }]],
  ['a canary alone', [{ ...stable, role: 'canary' }]],
  ['a shadow twice', [stable, { ...stable, role: 'shadow' }, { ...stable, role: 'shadow' }]],
  ['a weight of a half', [stable, { ...stable, role: 'canary', weight: 0.5 }]],
  ['a weight below 0', [stable, { ...stable, role: 'canary', weight: -1 }]],
  ['a weight beyond all', [stable, { ...stable, role: 'canary', weight: 10_001 }]],
  ['a weight of a shadow', [stable, { ...stable, role: 'shadow', weight: 1 }]],
] as const) {
  test(`variants are refused: ${what}`, async (t) => {
    const { db, room } = await open(t)
    await room.put(WHO, 'e', { project: 'p', model: 'm' })
    await assert.rejects(room.setVariants('e', variants, { cause: CAUSE }), { code: 'invalid_field' })
    assert.deepEqual(await variantsOf(db, 'e'), [])
  })
}

test('variants written in a caller’s transaction are there with it, or not at all', async (t) => {
  const { db, room, changed } = await open(t)
  await room.put(WHO, 'e', { project: 'p', model: 'm' })
  await room.prepare('e', [stable])
  const fault = db.tx(async (w) => {
    await room.writeVariants(w, 'e', [stable], CAUSE)
    throw new Error('rolled back')
  })
  await assert.rejects(fault, /rolled back/)
  assert.deepEqual([await variantsOf(db, 'e'), changed], [[], ['e']])
  await db.tx((w) => room.writeVariants(w, 'e', [stable], CAUSE))
  await room.refresh()
  assert.equal((await variantsOf(db, 'e')).length, 1)
})

test('bounds are replaced as a whole, and an endpoint of none has none', async (t) => {
  const { room } = await open(t)
  await assert.rejects(room.setLimits(WHO, 'e', {}), { code: 'not_found' })
  await room.put(WHO, 'e', { project: 'p', model: 'm' })
  assert.deepEqual(await room.limits('e'), {})
  const limits = { per_token: { per_second: 5, burst: 9 }, timeout_ms: 100 }
  assert.deepEqual(await room.setLimits(WHO, 'e', limits), limits)
  await room.setLimits(WHO, 'e', { timeout_ms: 7 })
  assert.deepEqual(await room.limits('e'), { timeout_ms: 7 })
})

test('a feature service is set in the version that it has then, for all or for one version of the model, and is ended', async (t) => {
  const { db, room, audited } = await open(t)
  const set = (service: string | null, more: object = {}) => room.setFeatures(WHO, 'e', { service, ...more })
  await assert.rejects(set(null), { code: 'not_found' })
  await room.put(WHO, 'e', { project: 'p', model: 'm' })
  await assert.rejects(set('eta'), { code: 'not_found' })
  const apply = async (features: object): Promise<void> => {
    const view = { entities: ['driver'], push: true, event_time: 'at', features }
    const section = FeaturesSection.parse({
      entities: { driver: { keys: { driver_id: 'int' } } },
      views: { stats: view },
      services: { eta: { features: ['stats'] } },
    })
    await db.tx(async (w) => {
      const planned = await planApply(w, 'p', { section, sources: {} })
      assert.deepEqual(planned.faults, [])
      await writePlan(w, 'p', { planned, at: 1, by: 'ada' })
    })
  }
  const columnsOf = async (version: string): Promise<string[] | undefined> => {
    const { features } = (await featuresRoutes(db, { name: 'e', project: 'p' }))(version)
    return features?.views['stats']?.features.map(({ name }) => name)
  }
  const [first, second] = [1, 2].map((version) => ({ service: 'eta', version }))
  await apply({ rate: 'float' })
  const epoch = await currentEpoch(db)
  assert.deepEqual(await set('eta'), { all: first, model_versions: {} })
  assert.ok((await currentEpoch(db)) > epoch)
  await apply({ rate: 'float', trips: 'int' })
  assert.deepEqual(await room.features('e'), { all: first, model_versions: {} })
  assert.deepEqual(await set('eta', { model_version: '7' }), { all: first, model_versions: { 7: second } })
  assert.deepEqual([await columnsOf('6'), await columnsOf('7')], [['rate'], ['rate', 'trips']])
  await assert.rejects(set('eta', { version: 3 }), { code: 'not_found' })
  assert.deepEqual(await room.features('e'), { all: first, model_versions: { 7: second } })
  assert.deepEqual(await set(null), { all: null, model_versions: { 7: second } })
  assert.deepEqual([await columnsOf('6'), await columnsOf('7')], [undefined, ['rate', 'trips']])
  assert.deepEqual(
    (await audited()).slice(1),
    [first, { ...second, model_version: '7' }, { service: null, version: null }].map((one) => [
      'write',
      { action: 'features', ...one },
    ]),
  )
})

test('who listens hears of changes and answers until it stops; pages hear of changes only', () => {
  const announced: string[] = []
  const heard: string[] = []
  const changes = endpointChanges((name) => void announced.push(name))
  const stop = changes.listen((name) => void heard.push(name))
  changes.changed('a')
  changes.answered('b')
  stop()
  changes.changed('c')
  assert.deepEqual([announced, heard], [['a', 'c'], ['a', 'b']]) // prettier-ignore
})

test('the stream of an endpoint begins with what it is, names a breaker that trips, and ends with its reader', async () => {
  const changes = endpointChanges(() => undefined)
  const reader = new AbortController()
  let tripped: string | null = null
  const view = () => ({ name: 'e', updated_at: 'now', variants: [{ role: 'canary', version: '2', tripped }] })
  const stream = followEndpoint({ listen: changes.listen, endpoint: async () => view() as never }, 'e', reader.signal)
  assert.deepEqual((await stream.next()).value, { event: 'endpoint', data: view() })
  const next = stream.next()
  tripped = 'it failed'
  changes.changed('other')
  changes.changed('e')
  assert.deepEqual((await next).value, {
    event: 'breaker',
    data: { endpoint: 'e', version: '2', reason: 'it failed', at: 'now' },
  })
  assert.deepEqual((await stream.next()).value, { event: 'endpoint', data: view() })
  const last = stream.next()
  reader.abort()
  assert.deepEqual(await last, { value: undefined, done: true })
})
