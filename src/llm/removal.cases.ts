/** Cases: the settings of a project: named, removed, given to another, and refused where names are there twice. */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { tableOwners } from '../../test/rooms.ts'
import type { Bench } from '../tracking/bench.cases.ts'
import { NewBudget } from '../contract/llm/budgets.ts'
import { NewPrice } from '../contract/llm/prices.ts'
import { callOf } from './calls/call.fixture.ts'
import { writeCalls } from './calls/rows.ts'
import { createBudget, listBudgets } from './keys/budgets.ts'
import { createKey, removeKey } from './keys/keys.ts'
import { roomWithTokens } from './keys/room.fixture.ts'
import { setPrice } from './prices/kept.ts'
import { llmPart, resetLlm } from './removal.ts'
import { getEndpoint } from './settings/endpoints.ts'
import { bindEndpoint, setEndpointTag } from './settings/links.ts'
import { getSecret } from './settings/secrets.ts'
import { settingsMaker } from './settings/settings.fixture.ts'
import type { Endpoint } from './settings/settings.fixture.ts'

const OF_SERVERS = new Set(['llm_offsets', 'llm_servers'])

/** The tables of the room that have something of projects, as the migrations say it. */
const TABLES = [...tableOwners(resolve(import.meta.dirname, '..'))]
  .filter(([table, owner]) => owner === 'llm' && !OF_SERVERS.has(table))
  .map(([table]) => table)

/** Calls are rows here, and nothing else. */
const NO_PORTS = { charge: () => Promise.resolve(), trace: () => Promise.resolve([]) }

export function llmRemovalCases(bench: Bench): void {
  describe('the settings of a project', () => {
    const { secret, definition, endpoint } = settingsMaker(bench, 'removal')
    const room = () => roomWithTokens(bench)
    const part = () => llmPart(bench.room.db, room().tokens)
    beforeEach(() => resetLlm(bench.room.db))

    /** One of everything, its names led by a word. */
    async function fill(project: 'red' | 'blue', word: string): Promise<Endpoint> {
      const who = bench.member(project)
      await secret(who, `${word} secret`)
      const made = await endpoint([await definition(who, { name: `${word} model` })], { name: `${word} endpoint` }, who)
      const { endpoint_id } = made
      await bindEndpoint(bench.room, who, { endpoint_id, resource_type: 'scorer', resource_id: 's' })
      await setEndpointTag(bench.room, who, { endpoint_id, key: 'k', value: 'v' })
      return made
    }
    /** What a project has that is for it alone, and what all have. */
    async function fillMore(project: 'red' | 'blue') {
      const who = bench.member(project)
      const made = await createKey(room(), who, { name: `${project} bot` })
      await createBudget(room(), who, NewBudget.parse({ scope: 'project', window: 'day', limit: 1 }))
      const price = { provider: 'x', model: 'y', input: 1, output: 1, from: '2026-01-01T00:00:00Z' }
      await setPrice(room(), bench.root, NewPrice.parse(price))
      await bench.room.db.tx((t) => writeCalls(t, [callOf(`${project} call`, { project })], NO_PORTS))
      const told = ['b', 0, 1, 1, project, 0]
      await bench.room.db.tx((t) => t.run('INSERT INTO llm_alerts VALUES (?, ?, ?, ?, ?, ?)', told.with(0, project)))
      const share = ['b', 0, project, project, null, 1, 0]
      await bench.room.db.tx((t) => t.run('INSERT INTO llm_shares VALUES (?, ?, ?, ?, ?, ?, ?)', share))
      return made
    }
    const counts = async () => {
      const found: Record<string, number> = {}
      for (const table of TABLES) found[table] = (await bench.room.db.all(`SELECT * FROM ${table}`)).length
      return found
    }
    const conflicts = () => bench.room.db.tx(async (t) => part().conflicts?.(t, 'red', 'blue'))

    it('are named while there is some of any kind', async () => {
      assert.equal(await part().holds(bench.room.db, 'red'), undefined)
      assert.deepEqual(await part().projects?.(bench.room.db), [])
      await secret(bench.member('red'))
      assert.equal(await part().holds(bench.room.db, 'red'), 'gateway_secrets')
      assert.deepEqual(await part().projects?.(bench.room.db), ['red'])
      assert.deepEqual(await part().projects?.(bench.room.db, 'red'), ['red'])
      assert.deepEqual(await part().projects?.(bench.room.db, 'blue'), [])
      await fill('red', 'more')
      await bench.room.db.tx(async (t) => {
        await t.run('DELETE FROM gateway_secrets')
        await t.run('DELETE FROM gateway_model_definitions')
      })
      assert.equal(await part().holds(bench.room.db, 'red'), 'gateway_endpoints')
    })

    it('go whole, and another keeps as much as it had', async () => {
      await fill('blue', 'theirs')
      const kept = await fillMore('blue')
      const theirs = await counts()
      assert.ok(
        Object.values(theirs).every((count) => count > 0),
        JSON.stringify(theirs),
      )
      await fill('red', 'ours')
      const gone = await fillMore('red')
      await part().remove?.(bench.root, 'red')
      assert.deepEqual(await counts(), theirs)
      // a key that lost its limits is not one without limits
      await assert.rejects(room().tokens.find(gone.token), /unauthenticated|revoked/)
      assert.equal((await room().tokens.find(kept.token)).id, kept.key.id)
      assert.equal(await part().holds(bench.room.db, 'red'), undefined)
    })

    it('are given with their models, bindings and tags', async () => {
      const made = await fill('red', 'given')
      await bench.room.db.tx(async (t) => part().give?.(t, 'red', 'blue'))
      const by = { id: made.endpoint_id, name: undefined }
      const found = (await getEndpoint(bench.room, bench.member('blue'), by)) as Endpoint
      assert.deepEqual(found, { ...made, tags: [{ key: 'k', value: 'v' }] })
      await getSecret(bench.room, bench.member('blue'), { id: undefined, name: 'given secret' })
      await assert.rejects(getEndpoint(bench.room, bench.member('red'), by))
      assert.equal(await part().holds(bench.room.db, 'red'), undefined)
    })

    it('names that both projects have are told by their table, others are not', async () => {
      await fill('red', 'same')
      await fill('red', 'other')
      assert.deepEqual(await conflicts(), [])
      await fill('blue', 'same')
      assert.deepEqual((await conflicts())?.sort(), [
        "gateway_endpoints: 'same endpoint'",
        "gateway_model_definitions: 'same model'",
        "gateway_secrets: 'same secret'",
      ])
    })

    it('a key is given to nobody, a budget of the project becomes one of the other', async () => {
      const { key } = await fillMore('red')
      assert.deepEqual(await conflicts(), ["llm_keys: 'red bot', which is for one project; revoke it"])
      await removeKey(room(), bench.root, key.id)
      assert.deepEqual(await conflicts(), [])
      await bench.room.db.tx(async (t) => part().give?.(t, 'red', 'blue'))
      const [budget] = await listBudgets(room(), bench.member('blue'))
      assert.deepEqual([budget?.project, budget?.of], ['blue', 'blue'])
    })

    it('a reset leaves no row in any table of the room', async () => {
      await fill('red', 'reset')
      await fillMore('red')
      await resetLlm(bench.room.db)
      assert.ok(TABLES.length >= 9)
      assert.deepEqual(
        Object.values(await counts()).filter((count) => count > 0),
        [],
      )
    })
  })
}
