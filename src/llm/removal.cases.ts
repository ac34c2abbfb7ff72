/** Cases: the settings of a project: named, removed, given to another, and refused where names are there twice. */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { tableOwners } from '../../test/rooms.ts'
import type { Bench } from '../tracking/bench.cases.ts'
import { llmPart, resetLlm } from './removal.ts'
import { getEndpoint } from './settings/endpoints.ts'
import { bindEndpoint, setEndpointTag } from './settings/links.ts'
import { getSecret } from './settings/secrets.ts'
import { settingsMaker } from './settings/settings.fixture.ts'
import type { Endpoint } from './settings/settings.fixture.ts'

/** The tables of the room, as the migrations say it. */
const TABLES = [...tableOwners(resolve(import.meta.dirname, '..'))]
  .filter(([, owner]) => owner === 'llm')
  .map(([table]) => table)

export function llmRemovalCases(bench: Bench): void {
  describe('the settings of a project', () => {
    const { secret, definition, endpoint } = settingsMaker(bench, 'removal')
    const part = () => llmPart(bench.room.db)
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
      const theirs = await counts()
      assert.ok(
        Object.values(theirs).every((count) => count > 0),
        JSON.stringify(theirs),
      )
      await fill('red', 'ours')
      await part().remove?.(bench.root, 'red')
      assert.deepEqual(await counts(), theirs)
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

    it('a reset leaves no row in any table of the room', async () => {
      await fill('red', 'reset')
      await resetLlm(bench.room.db)
      assert.ok(TABLES.length >= 6)
      assert.deepEqual(
        Object.values(await counts()).filter((count) => count > 0),
        [],
      )
    })
  })
}
