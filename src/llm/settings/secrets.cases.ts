/** Cases: what is kept, shown and audited of secrets: sealed for their id alone, masked by length, nothing without a key to seal with. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Problem } from '../../contract/errors.ts'
import { NewProvider } from '../../contract/llm/providers.ts'
import { refused } from '../../tracking/bench.cases.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import type { Llm } from '../context/context.ts'
import { createProvider } from './plain-providers.ts'
import { createSecret, getSecret, listSecrets, updateSecret } from './secrets.ts'
import { KEY, settingsMaker } from './settings.fixture.ts'
import type { Secret } from './settings.fixture.ts'

export function secretCases(bench: Bench): void {
  describe('what is kept of secrets', () => {
    const { secret, name } = settingsMaker(bench, 'secrets')
    const create = async (more: Partial<Parameters<typeof createSecret>[2]> = {}, room: Llm = bench.room) =>
      (await createSecret(room, bench.root, {
        secret_name: name(),
        secret_value: { api_key: KEY },
        provider: undefined,
        auth_config: undefined,
        ...more,
      })) as Secret & Record<string, unknown>
    const change = async (secret_id: string, more: Partial<Parameters<typeof updateSecret>[2]>, who = bench.root) =>
      (await updateSecret(bench.room, who, {
        secret_id,
        secret_value: undefined,
        auth_config: undefined,
        ...more,
      })) as Secret & Record<string, unknown>
    /** What was given to the seal of the bench, which does not hide it. */
    const unsealed = async (id: string) => {
      const query = 'SELECT sealed FROM gateway_secrets WHERE secret_id = ?'
      const row = await bench.room.db.get<{ sealed: string }>(query, [id])
      return Buffer.from(row?.sealed ?? '', 'base64').toString()
    }

    it('is sealed for its own id, and sealed anew for the same when it is set anew', async () => {
      const { secret_id } = await create()
      assert.match(secret_id, /^s-[0-9a-f]{32}$/)
      assert.equal(await unsealed(secret_id), `gateway secret ${secret_id}: {"api_key":"${KEY}"}`)
      await change(secret_id, { auth_config: { a: 'b' } })
      assert.equal(await unsealed(secret_id), `gateway secret ${secret_id}: {"api_key":"${KEY}"}`)
      await change(secret_id, { secret_value: { token: 'another' } })
      assert.equal(await unsealed(secret_id), `gateway secret ${secret_id}: {"token":"another"}`)
    })

    for (const [value, masked] of [
      ['', '***'],
      ['1234567', '***'],
      ['12345678', '123...5678'],
      [KEY, 'sk-...6789'],
    ] as const) {
      it(`a value of ${value.length} characters is shown as ${masked}`, async () => {
        assert.deepEqual((await create({ secret_value: { v: value } }))['masked_values'], { v: masked })
      })
    }

    it('is shown with its provider and settings where it has some, and with who set it last', async () => {
      const bare = await create()
      assert.deepEqual(Object.keys(bare).sort(), [
        'created_at',
        'created_by',
        'last_updated_at',
        'last_updated_by',
        'masked_values',
        'secret_id',
        'secret_name',
      ])
      const full = await create({ provider: 'azure', auth_config: { api_base: 'https://x' } })
      assert.deepEqual([full['provider'], full['auth_config']], ['azure', { api_base: 'https://x' }])
      assert.deepEqual(await getSecret(bench.room, bench.root, { id: full.secret_id, name: undefined }), full)
      const of = await create({}, { ...bench.room, clock: () => 1 })
      assert.deepEqual([of['created_at'], of['last_updated_at']], [1, 1])
      const mine = await secret(bench.member('red'))
      const auth_config = { api_base: 'https://api.example', api_version: '2' }
      const theirs = await change(mine.secret_id, { auth_config })
      assert.deepEqual(
        [theirs['created_by'], theirs['last_updated_by'], theirs['auth_config']],
        ['red', 'root', auth_config],
      )
    })

    it('are listed oldest first, or those of a provider', async () => {
      const provider = name()
      const made: string[] = []
      for (const one of [provider, 'other', provider]) {
        bench.wait(1)
        made.push((await create({ provider: one })).secret_id)
      }
      const ids = async (of: string | undefined) =>
        ((await listSecrets(bench.room, bench.root, of)) as Secret[]).map((one) => one.secret_id)
      assert.deepEqual(await ids(provider), [made[0], made[2]])
      assert.deepEqual((await ids(undefined)).slice(-3), made)
      assert.deepEqual(await ids('unheard of'), [])
    })

    it('a key goes to no other address unless it is given again', async () => {
      const api_base = 'https://api.example/v1'
      const { secret_id } = await create({ auth_config: { api_base, api_version: '1' } })
      const bare = await create()
      const kept = async () => (await getSecret(bench.room, bench.root, { id: secret_id, name: undefined })) as Secret
      const before = await kept()
      for (const [auth_config, field] of [
        [{ api_base: 'https://evil.example/v1' }, 'auth_config.api_base'],
        [{ api_base: 'https://api.example/v2' }, 'auth_config.api_base'],
        [{ base_url: 'https://user:pw-1@evil.example' }, 'auth_config.base_url'],
        [{ api_base: '', base_url: 'https://evil.example' }, 'auth_config.base_url'],
        // the vendor's own address then, to which this key was not given
        [{ api_version: '2' }, 'auth_config.api_base'],
      ] as const) {
        await assert.rejects(change(secret_id, { auth_config }), (error: Problem) => {
          assert.deepEqual([error.code, error.data['field']], ['invalid_field', field])
          assert.match(error.message, /the key given again with a new address/)
          assert.doesNotMatch(`${error.message} ${JSON.stringify(error.data)}`, /pw-1|sk-live/)
          return true
        })
      }
      await assert.rejects(change(bare.secret_id, { auth_config: { api_base } }), /the key given again/)
      assert.deepEqual(await kept(), before)
      await change(secret_id, { auth_config: { base_url: api_base, api_version: '2' } })
      const moved = { auth_config: { api_base: 'https://new.example' }, secret_value: { api_key: 'another-key' } }
      assert.deepEqual((await change(secret_id, moved))['auth_config'], moved.auth_config)
      assert.doesNotMatch(await unsealed(secret_id), new RegExp(KEY))
    })

    it('a provider without a key may go anywhere', async () => {
      const given = { name: name(), provider: 'vllm', base_url: 'http://gpu-1:8000/v1' }
      const { secret_id } = await createProvider(bench.room, bench.root, NewProvider.parse(given))
      const auth_config = { api_base: 'http://gpu-2:8000/v1' }
      assert.deepEqual((await change(secret_id, { auth_config }))['auth_config'], auth_config)
    })

    it('a server without a key to seal with keeps none', async () => {
      const room: Llm = { ...bench.room, seal: undefined } as unknown as Llm
      const count = (await listSecrets(bench.room, bench.root, undefined)).length
      await refused(create({}, room), 'NOT_IMPLEMENTED', /no key to seal secrets with/)
      assert.equal((await listSecrets(bench.room, bench.root, undefined)).length, count)
    })

    it('what is too long is refused, and then nothing is changed', async () => {
      const overhead = JSON.stringify({ v: '' }).length
      const of = (length: number) => ({ v: 'x'.repeat(length - overhead) })
      const { secret_id } = await create({ secret_value: of(64_000), auth_config: of(64_000) })
      const whole = await unsealed(secret_id)
      const limit = ['INVALID_PARAMETER_VALUE', /maximum length of 64000/] as const
      await refused(create({ secret_value: of(64_001) }), ...limit)
      await refused(create({ auth_config: of(64_001) }), ...limit)
      await refused(change(secret_id, { secret_value: of(64_001) }), ...limit)
      await refused(change(secret_id, { secret_value: { a: 'b' }, auth_config: of(64_001) }), ...limit)
      await refused(change(secret_id, { secret_value: {} }), 'INVALID_PARAMETER_VALUE', /secret_value/)
      assert.equal(await unsealed(secret_id), whole)
      await refused(change('s-none', { auth_config: {} }), 'RESOURCE_DOES_NOT_EXIST', /Secret not found/)
      await refused(
        change(secret_id, { auth_config: {} }, bench.member('blue')),
        'RESOURCE_DOES_NOT_EXIST',
        /not found/,
      )
    })

    it('made at once under one name, one is kept', async () => {
      const secret_name = name()
      const made = await Promise.allSettled(Array.from({ length: 6 }, () => create({ secret_name })))
      assert.equal(made.filter((one) => one.status === 'fulfilled').length, 1)
      const listed = (await listSecrets(bench.room, bench.root, undefined)) as { secret_name: string }[]
      assert.equal(listed.filter((one) => one.secret_name === secret_name).length, 1)
    })

    it('every change is audited, and no value of it', async () => {
      const { secret_id } = await create({ secret_value: { v: 'never-told-1' } })
      await change(secret_id, { secret_value: { v: 'never-told-2' } })
      const rows = await bench.room.db.all<{ detail: string; resource: string }>(
        'SELECT detail, resource FROM audit WHERE resource_id = ? ORDER BY seq',
        [secret_id],
      )
      assert.deepEqual(
        rows.map((row) => [row.resource, JSON.parse(row.detail)]),
        [
          ['endpoints', { gateway: 'secret created' }],
          ['endpoints', { gateway: 'secret changed' }],
        ],
      )
    })
  })
}
