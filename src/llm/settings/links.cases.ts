/** Cases: what uses an endpoint, and its tags: searched by every part, within limits, in their project alone. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { getEndpoint } from './endpoints.ts'
import { bindEndpoint, deleteEndpointTag, listBindings, setEndpointTag, unbindEndpoint } from './links.ts'
import type { Binding } from './links.ts'
import { settingsMaker } from './settings.fixture.ts'
import type { Endpoint } from './settings.fixture.ts'

const MISSING = ['RESOURCE_DOES_NOT_EXIST', /Endpoint not found/] as const
const INVALID = 'INVALID_PARAMETER_VALUE'

export function linkCases(bench: Bench): void {
  describe('bindings and tags of endpoints', () => {
    const { definition, endpoint } = settingsMaker(bench, 'links')
    let first = ''
    let second = ''
    before(async () => {
      const model = await definition(bench.member('red'))
      first = (await endpoint([model])).endpoint_id
      second = (await endpoint([model])).endpoint_id
    })
    const binding = (endpoint_id: string, resource_id: string): Binding => ({
      endpoint_id,
      resource_type: 'scorer',
      resource_id,
    })
    const list = async (of: Partial<Binding>, who = bench.root) => {
      const { endpoint_id, resource_type, resource_id } = of
      const found = (await listBindings(bench.room, who, { endpoint_id, resource_type, resource_id })) as Binding[]
      return found.map((one) => [one.endpoint_id, one.resource_id])
    }
    const tagsOf = async (id: string) =>
      ((await getEndpoint(bench.room, bench.root, { id, name: undefined })) as Endpoint).tags

    it('bindings are found by each of their parts, oldest first, where their endpoint is seen', async () => {
      for (const [endpoint_id, resource_id] of [
        [first, 'b'],
        [second, 'a'],
        [first, 'a'],
      ] as const) {
        const made = await bindEndpoint(bench.room, bench.root, binding(endpoint_id, resource_id))
        const now = bench.room.clock()
        assert.deepEqual(made, {
          ...binding(endpoint_id, resource_id),
          created_at: now,
          created_by: 'root',
          last_updated_at: now,
          last_updated_by: 'root',
        })
        bench.wait(1)
      }
      assert.deepEqual(await list({ endpoint_id: first }), [
        [first, 'b'],
        [first, 'a'],
      ])
      assert.deepEqual(await list({ resource_id: 'a' }), [
        [second, 'a'],
        [first, 'a'],
      ])
      assert.deepEqual(await list({ endpoint_id: second, resource_id: 'b' }), [])
      assert.deepEqual(await list({ resource_type: 'scorer', resource_id: 'b' }), [[first, 'b']])
      assert.deepEqual(await list({ resource_type: 'judge' }), [])
      assert.deepEqual(await list({}, bench.member('red')), [
        [first, 'b'],
        [second, 'a'],
        [first, 'a'],
      ])
      assert.deepEqual(await list({}, bench.member('blue')), [])
    })

    it('one goes without the others', async () => {
      await bindEndpoint(bench.room, bench.root, binding(first, 'gone'))
      await bindEndpoint(bench.room, bench.root, binding(second, 'gone'))
      await unbindEndpoint(bench.room, bench.root, binding(first, 'gone'))
      assert.deepEqual(await list({ resource_id: 'gone' }), [[second, 'gone']])
      const other = unbindEndpoint(bench.room, bench.root, { ...binding(second, 'gone'), resource_type: 'judge' })
      await refused(other, 'RESOURCE_DOES_NOT_EXIST', /no such binding/)
      assert.deepEqual(await list({ resource_id: 'gone' }), [[second, 'gone']])
    })

    it('made at once, a binding is there once and refused otherwise', async () => {
      const made = await Promise.allSettled(
        Array.from({ length: 5 }, () => bindEndpoint(bench.room, bench.root, binding(first, 'at once'))),
      )
      assert.equal(made.filter((one) => one.status === 'fulfilled').length, 1)
      assert.deepEqual(await list({ resource_id: 'at once' }), [[first, 'at once']])
    })

    it('ids of what uses an endpoint have at most 255 characters', async () => {
      await bindEndpoint(bench.room, bench.root, binding(first, 'x'.repeat(255)))
      const long = bindEndpoint(bench.room, bench.root, binding(first, 'x'.repeat(256)))
      await refused(long, INVALID, /'resource_id' exceeds the maximum length of 255/)
    })

    it('tags are shown by key; a missing one goes without complaint', async () => {
      for (const [key, value] of [
        ['b', '1'],
        ['a', ''],
        ['b', '2'],
      ] as const) {
        await setEndpointTag(bench.room, bench.root, { endpoint_id: second, key, value })
      }
      assert.deepEqual(await tagsOf(second), [
        { key: 'a', value: '' },
        { key: 'b', value: '2' },
      ])
      assert.deepEqual(await tagsOf(first), [])
      await deleteEndpointTag(bench.room, bench.root, { endpoint_id: second, key: 'none' })
      await deleteEndpointTag(bench.room, bench.root, { endpoint_id: first, key: 'a' })
      assert.equal((await tagsOf(second)).length, 2)
      await deleteEndpointTag(bench.room, bench.root, { endpoint_id: second, key: 'a' })
      assert.deepEqual(await tagsOf(second), [{ key: 'b', value: '2' }])
    })

    it('tags keep MLflow’s limits', async () => {
      const set = (key: string, value: string) =>
        setEndpointTag(bench.room, bench.root, { endpoint_id: first, key, value })
      await set('k'.repeat(250), 'v'.repeat(8000))
      await refused(set('k'.repeat(251), ''), INVALID, /maximum length of 250/)
      await refused(set('long', 'v'.repeat(8001)), INVALID, /maximum length of 8000/)
      await refused(set('a/../b', ''), INVALID, /resolve/)
      assert.equal((await tagsOf(first)).length, 1)
    })

    it('an endpoint that is not seen has none of it', async () => {
      for (const [endpoint_id, who] of [
        ['e-none', bench.root],
        [first, bench.member('blue')],
      ] as const) {
        const tag = { endpoint_id, key: 'k', value: 'v' }
        await refused(bindEndpoint(bench.room, who, binding(endpoint_id, 'x')), ...MISSING)
        await refused(unbindEndpoint(bench.room, who, binding(endpoint_id, 'x')), ...MISSING)
        await refused(setEndpointTag(bench.room, who, tag), ...MISSING)
        await refused(deleteEndpointTag(bench.room, who, tag), ...MISSING)
      }
    })
  })
}
