/** Cases: definitions of models: their shape, names within a project, changes in part, lists. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { createDefinition, getDefinition, listDefinitions, updateDefinition } from './definitions.ts'
import { settingsMaker } from './settings.fixture.ts'
import type { Definition } from './settings.fixture.ts'

export function definitionCases(bench: Bench): void {
  describe('definitions of models', () => {
    const { secret, definition, name } = settingsMaker(bench, 'definitions')
    const get = async (id: string, who = bench.root) => (await getDefinition(bench.room, who, id)) as Definition
    const update = async (
      model_definition_id: string,
      more: Partial<Parameters<typeof updateDefinition>[2]>,
      who = bench.root,
    ) =>
      (await updateDefinition(bench.room, who, {
        model_definition_id,
        name: undefined,
        secret_id: undefined,
        provider: undefined,
        model_name: undefined,
        ...more,
      })) as Definition

    it('are shown with the name of their secret, and not with their project', async () => {
      const own = await secret(bench.root, 'shown by name')
      const given = { name: 'shown', secret_id: own.secret_id, provider: 'openai', model_name: 'gpt-x' }
      const made = (await createDefinition(bench.room, bench.root, given)) as Definition
      const { model_definition_id, created_at, ...rest } = made
      assert.match(model_definition_id, /^d-[0-9a-f]{32}$/)
      assert.deepEqual(rest, {
        ...given,
        secret_name: 'shown by name',
        last_updated_at: created_at,
        created_by: 'root',
        last_updated_by: 'root',
      })
      assert.deepEqual(await get(model_definition_id), made)
    })

    it('lie in the project of their secret when their maker has none', async () => {
      const { secret_id } = await secret(bench.member('red'))
      const given = { name: name(), secret_id, provider: 'openai', model_name: 'gpt-x' }
      const { model_definition_id } = (await createDefinition(bench.room, bench.root, given)) as Definition
      assert.equal((await get(model_definition_id, bench.member('red'))).created_by, 'root')
      await refused(
        get(model_definition_id, bench.member('blue')),
        'RESOURCE_DOES_NOT_EXIST',
        /Model definition not found/,
      )
    })

    it('what is given is changed, an empty text is nothing, and the time moves on though the clock stands', async () => {
      const made = await definition()
      const other = await secret()
      const changed = await update(made.model_definition_id, {
        secret_id: other.secret_id,
        model_name: 'gpt-y',
        name: '',
      })
      assert.deepEqual([changed.secret_id, changed.model_name, changed.name], [other.secret_id, 'gpt-y', made.name])
      assert.notEqual(changed.secret_name, made.secret_name)
      const renamed = await update(made.model_definition_id, { name: 'renamed', provider: '' })
      assert.deepEqual([renamed.name, renamed.provider, renamed.model_name], ['renamed', 'openai', 'gpt-y'])
      assert.ok(made.last_updated_at < changed.last_updated_at && changed.last_updated_at < renamed.last_updated_at)
      assert.deepEqual(await get(made.model_definition_id), renamed)
      assert.equal(renamed.created_at, made.created_at)
      bench.wait(1000)
      assert.equal((await update(made.model_definition_id, {})).last_updated_at, made.created_at + 1000)
    })

    it('who changed one last is named', async () => {
      const made = await definition(bench.member('red'))
      assert.deepEqual([made.created_by, made.last_updated_by], ['red', 'red'])
      const changed = await update(made.model_definition_id, { provider: 'azure' })
      assert.deepEqual([changed.created_by, changed.last_updated_by], ['red', 'root'])
    })

    it('one name is taken once in a project, also by a rename, and is free in another', async () => {
      const [one, two] = [await definition(), await definition()]
      const taken = ['RESOURCE_ALREADY_EXISTS', /Model definition with name '.*' already exists/] as const
      await refused(definition(bench.root, { name: one.name }), ...taken)
      await refused(update(two.model_definition_id, { name: one.name, provider: 'azure' }), ...taken)
      assert.deepEqual(await get(two.model_definition_id), two, 'a refused change changes nothing')
      assert.equal(
        (await update(one.model_definition_id, { name: one.name })).name,
        one.name,
        'its own name is its own',
      )
      assert.equal((await definition(bench.member('red'), { name: one.name })).name, one.name)
      const blank = ['INVALID_PARAMETER_VALUE', /Model definition name cannot be empty/] as const
      await refused(update(one.model_definition_id, { name: '  ' }), ...blank)
      const long = update(one.model_definition_id, { name: 'x'.repeat(256) })
      await refused(long, 'INVALID_PARAMETER_VALUE', /maximum length of 255/)
      assert.equal((await update(one.model_definition_id, { name: 'x'.repeat(255) })).name.length, 255)
    })

    it('two that are renamed to one name at once do not both get it', async () => {
      const made = await Promise.all(Array.from({ length: 4 }, () => definition()))
      const wanted = name()
      const renamed = await Promise.allSettled(made.map((one) => update(one.model_definition_id, { name: wanted })))
      assert.equal(renamed.filter((one) => one.status === 'fulfilled').length, 1)
      const all = (await listDefinitions(bench.room, bench.root, {
        provider: undefined,
        secret_id: undefined,
      })) as Definition[]
      assert.equal(all.filter((one) => one.name === wanted).length, 1)
    })

    it('take no secret of another project', async () => {
      const made = await definition(bench.member('red'))
      const foreign = await secret(bench.member('blue'))
      const change = update(made.model_definition_id, { secret_id: foreign.secret_id }, bench.member('red'))
      await refused(change, 'RESOURCE_DOES_NOT_EXIST', /Secret not found/)
      assert.equal((await get(made.model_definition_id)).secret_id, made.secret_id)
    })

    it('are listed oldest first, by provider and by secret, in the projects that are seen', async () => {
      const provider = name()
      const red = bench.member('red')
      const made: Definition[] = []
      for (const who of [red, bench.root, red]) {
        bench.wait(1)
        made.push(await definition(who, { provider }))
      }
      const [first, second, third] = made.map((one) => one.model_definition_id)
      const ids = async (of: { provider?: string; secret_id?: string | undefined }, who = bench.root) => {
        const found = await listDefinitions(bench.room, who, { provider: of.provider, secret_id: of.secret_id })
        return (found as Definition[]).map((one) => one.model_definition_id)
      }
      assert.deepEqual(await ids({ provider }), [first, second, third])
      assert.deepEqual(await ids({ provider }, red), [first, third])
      assert.deepEqual(await ids({ provider, secret_id: made[2]?.secret_id }), [third])
      assert.deepEqual(await ids({ provider: 'openai', secret_id: made[2]?.secret_id }), [])
      assert.deepEqual(await ids({ secret_id: made[1]?.secret_id }), [second])
      assert.ok(!(await ids({}, bench.member('blue'))).some((id) => [first, second, third].includes(id)))
    })
  })
}
