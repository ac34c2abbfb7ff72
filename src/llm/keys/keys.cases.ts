/** Cases: virtual keys and budgets: made with their tokens, seen by their project alone, changed, revoked, exact in their money. */
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Principal } from '../../contract/access.ts'
import { NewBudget } from '../../contract/llm/budgets.ts'
import { isKeyId } from '../../contract/llm/key-id.ts'
import type { Problem } from '../../contract/errors.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import type { SpentOf } from '../context/context.ts'
import { llmPart, resetLlm } from '../removal.ts'
import { budgetRoutes, changeBudget, createBudget, listBudgets, removeBudget } from './budgets.ts'
import { changeKey, createKey, keyRoutes, listKeys, removeKey } from './keys.ts'
import { roomWithTokens } from './room.fixture.ts'

const code = (wanted: string) => (error: unknown) => {
  assert.equal((error as Problem).code, wanted, String(error))
  return true
}

export function keyCases(bench: Bench): void {
  const room = () => roomWithTokens(bench)
  const red = (): Principal => bench.member('red')
  const blue = (): Principal => bench.member('blue')

  describe('virtual keys', () => {
    beforeEach(() => resetLlm(bench.room.db))

    it('are tokens of the role service and the project, with limits beside them', async () => {
      const limits = {
        models: ['chat'],
        rpm: 60,
        tpm: 90_000,
        concurrency: 4,
        user: 'ada',
        team: 'search',
        tags: ['a'],
      }
      const { token, key } = await createKey(room(), red(), { name: 'bot', ...limits, content: false })
      const who = await room().tokens.find(token)
      assert.deepEqual([who.id, who.role, who.project], [key.id, 'service', 'red'])
      assert.ok(isKeyId(key.id))
      const plain = await room().tokens.create(bench.root, { name: 'no key', role: 'service', project: 'red' })
      assert.ok(!isKeyId(plain.row.id))
      assert.deepEqual(await keyRoutes(bench.room.db), [{ token: key.id, ...limits, content: false }])
      assert.deepEqual(await listKeys(room(), red()), [key])
      const { rpm, tpm, concurrency, models, tags, content } = (await createKey(room(), red(), { name: 'bare' })).key
      assert.deepEqual(
        { rpm, tpm, concurrency, models, tags, content },
        {
          rpm: null,
          tpm: null,
          concurrency: null,
          models: null,
          tags: [],
          content: true,
        },
      )
    })

    it('of which neither the row nor the trail has the secret', async () => {
      const { token, key } = await createKey(room(), red(), { name: 'bot', expires_in_days: 1 })
      const secret = token.split('.')[1] ?? ''
      assert.ok(secret.length > 16)
      const kept = JSON.stringify([
        await bench.room.db.all('SELECT * FROM llm_keys'),
        await bench.room.db.all('SELECT * FROM tokens'),
        await bench.room.db.all('SELECT * FROM audit'),
        await listKeys(room(), bench.root),
      ])
      assert.ok(kept.includes(key.id))
      assert.ok(!kept.includes(secret))
      assert.equal(key.expires_at, new Date(bench.room.clock() + 86_400_000).toISOString())
    })

    it('are seen and changed within their project alone', async () => {
      const { key } = await createKey(room(), red(), { name: 'bot', rpm: 1 })
      assert.deepEqual(await listKeys(room(), blue()), [])
      assert.deepEqual(await listKeys(room(), blue(), 'red'), [])
      await assert.rejects(changeKey(room(), blue(), key.id, { rpm: 2 }), code('not_found'))
      await assert.rejects(removeKey(room(), blue(), key.id), code('not_found'))
      await assert.rejects(createKey(room(), blue(), { name: 'x', project: 'red' }), code('not_found'))
      assert.deepEqual(await listKeys(room(), bench.root, 'red'), [key])
    })

    it('change in what is given: null takes a limit away, what is absent stays', async () => {
      const { key } = await createKey(room(), red(), { name: 'bot', rpm: 1, tpm: 5, user: 'ada', tags: ['a'] })
      const changed = await changeKey(room(), red(), key.id, {
        rpm: null,
        user: 'bea',
        models: ['chat'],
        content: false,
      })
      assert.deepEqual(changed, { ...key, rpm: null, user: 'bea', models: ['chat'], content: false })
      assert.deepEqual(await changeKey(room(), red(), key.id, {}), changed)
    })

    it('end with their token, and a key that is half gone goes whole', async () => {
      const { token, key } = await createKey(room(), red(), { name: 'bot' })
      await removeKey(room(), red(), key.id)
      await assert.rejects(room().tokens.find(token), code('unauthenticated'))
      assert.deepEqual(await keyRoutes(bench.room.db), [])
      const other = await createKey(room(), red(), { name: 'other' })
      await room().tokens.revoke(bench.root, other.key.id)
      assert.deepEqual(
        (await listKeys(room(), red())).map(({ id, revoked }) => [id, revoked]),
        [[other.key.id, true]],
      )
      await removeKey(room(), red(), other.key.id)
      assert.deepEqual(await listKeys(room(), red()), [])
    })
  })

  describe('virtual keys of a project that is removed', () => {
    beforeEach(() => resetLlm(bench.room.db))

    it('are revoked; one that is made meanwhile keeps its limits, and the project is held by it', async () => {
      const gone = await createKey(room(), red(), { name: 'gone', rpm: 1 })
      const { tokens } = room()
      const made: string[] = []
      const revoke = async (who: Principal, id: string): Promise<void> => {
        made.push((await createKey(room(), red(), { name: 'late', rpm: 7 })).token)
        await tokens.revoke(who, id)
      }
      const part = llmPart(bench.room.db, { ...tokens, revoke })
      await part.remove?.(bench.root, 'red')
      await assert.rejects(room().tokens.find(gone.token), code('unauthenticated'))
      const late = await room().tokens.find(made[0] ?? '')
      assert.deepEqual(
        (await keyRoutes(bench.room.db)).map(({ token, rpm }) => [token, rpm]),
        [[late.id, 7]],
      )
      assert.equal(await part.holds(bench.room.db, 'red'), 'llm_keys')
      await llmPart(bench.room.db, tokens).remove?.(bench.root, 'red')
      assert.equal(await part.holds(bench.room.db, 'red'), undefined)
      await assert.rejects(room().tokens.find(made[0] ?? ''), code('unauthenticated'))
    })

    it('stay where their tokens cannot be revoked', async () => {
      const { key } = await createKey(room(), red(), { name: 'bot' })
      const fails = { ...room().tokens, revoke: () => Promise.reject(new Error('no more room')) }
      for (const [tokens, why] of [
        [fails, /no more room/],
        [undefined, /virtual keys is not available/],
      ] as const)
        await assert.rejects(async () => llmPart(bench.room.db, tokens).remove?.(bench.root, 'red'), why)
      assert.deepEqual(
        (await keyRoutes(bench.room.db)).map(({ token }) => token),
        [key.id],
      )
    })
  })

  describe('budgets', () => {
    beforeEach(() => resetLlm(bench.room.db))

    const budget = (given: object) => NewBudget.parse({ scope: 'project', window: 'month', ...given })

    it('are kept to the nanodollar and reach gateways as whole numbers', async () => {
      const made = await createBudget(room(), red(), budget({ limit: '0.000000001', alert_at: [0.9, 0.5, 0.9] }))
      assert.deepEqual([made.limit, made.of, made.project], ['0.000000001', 'red', 'red'])
      assert.deepEqual([made.hard, made.alert_at, made.spent], [true, [0.5, 0.9], null])
      const changed = await changeBudget(room(), red(), made.id, { limit: 12_345_678_901, hard: false })
      assert.deepEqual([changed.limit, changed.hard], ['12.345678901', false])
      assert.deepEqual(await budgetRoutes(room()), [
        {
          id: made.id,
          project: 'red',
          scope: 'project',
          of: 'red',
          window: 'month',
          limit: 12_345_678_901,
          hard: false,
          spent: 0,
          since: 0,
        },
      ])
    })

    it('are of a key, a user, a team or a tag that is named, a key of the same project', async () => {
      const { key } = await createKey(room(), red(), { name: 'bot' })
      const made = await createBudget(room(), red(), budget({ scope: 'key', of: key.id, limit: 1 }))
      assert.equal(made.of, key.id)
      await createBudget(room(), red(), budget({ scope: 'team', of: 'search', limit: 1, window: 'day' }))
      await assert.rejects(
        createBudget(room(), blue(), budget({ scope: 'key', of: key.id, limit: 1 })),
        code('not_found'),
      )
      await assert.rejects(
        createBudget(room(), bench.root, budget({ scope: 'key', of: key.id, limit: 1, project: 'blue' })),
        code('not_found'),
      )
      await assert.rejects(createBudget(room(), red(), budget({ scope: 'user', limit: 1 })), code('invalid_field'))
      await assert.rejects(createBudget(room(), red(), budget({ of: 'blue', limit: 1 })), code('invalid_field'))
    })

    it('are seen, changed and removed within their project alone', async () => {
      const { id } = await createBudget(room(), red(), budget({ limit: 1 }))
      assert.deepEqual(await listBudgets(room(), blue()), [])
      await assert.rejects(changeBudget(room(), blue(), id, { hard: false }), code('not_found'))
      await assert.rejects(removeBudget(room(), blue(), id), code('not_found'))
      await removeBudget(room(), red(), id)
      assert.deepEqual(await listBudgets(room(), bench.root), [])
    })

    it('say what the port says was spent', async () => {
      const { id } = await createBudget(room(), red(), budget({ limit: 5 }))
      const since = Date.parse('2026-12-01T00:00:00Z')
      const spentOf: SpentOf = (budgets, now) => {
        assert.deepEqual([budgets.map((one) => one.id), now], [[id], bench.room.clock()])
        return Promise.resolve(new Map([[id, { spent: 1_500_000_000, since }]]))
      }
      const [shown] = await listBudgets({ ...room(), spentOf }, red())
      assert.deepEqual([shown?.spent, shown?.since], ['1.5', '2026-12-01T00:00:00.000Z'])
      const [route] = await budgetRoutes({ ...room(), spentOf })
      assert.deepEqual([route?.spent, route?.since], [1_500_000_000, since])
    })

    it('leave a row in the trail at each change', async () => {
      const trail = async () => (await bench.room.db.all<{ id: string }>('SELECT * FROM audit')).length
      const before = await trail()
      const { id } = await createBudget(room(), red(), budget({ limit: 5 }))
      await changeBudget(room(), red(), id, { limit: 7 })
      await removeBudget(room(), red(), id)
      assert.equal((await trail()) - before, 3)
    })
  })
}
