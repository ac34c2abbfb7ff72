/** Names and addresses of webhooks: what is accepted, and each refusal by its text. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Problem } from '../../contract/errors.ts'
import { ENTITIES, ACTIONS, checkEvent, exampleOf } from './events.ts'
import { checkName, checkTexts, checkUrl } from './rules.ts'
import type { WebhookRules } from './rules.ts'

const RULES: WebhookRules = { allow: ['hooks.internal', '10.1.2.3:8080'], schemes: ['https'], anyAddress: false }

/** The text of a refusal. */
function refusal(work: () => void): string {
  try {
    work()
  } catch (error) {
    return String((error as Problem).data['detail'])
  }
  return 'accepted'
}

describe('addresses', () => {
  const hidden = 'points to a private address'
  const scheme = 'Invalid webhook URL scheme'
  const CASES: readonly (readonly [url: string, says: string])[] = [
    ['https://example.com/hook?x=1', 'accepted'],
    [' https://example.com ', 'accepted'],
    ['https://8.8.8.8/', 'accepted'],
    ['https://[2001:4860:4860::8888]/', 'accepted'],
    ['https://hooks.internal/', 'accepted'],
    ['http://hooks.internal/', 'accepted'],
    ['http://10.1.2.3:8080/', 'accepted'],
    ['http://10.1.2.3:8081/', scheme],
    ['https://10.1.2.3:8081/', hidden],
    ['http://example.com/', scheme],
    ['ftp://hooks.internal/', scheme],
    ['file:///etc/passwd', scheme],
    ['javascript:alert(1)', scheme],
    ['example.com/hook', scheme],
    ['', 'cannot be empty'],
    [' \t', 'cannot be empty'],
    ['https://', 'must include a hostname'],
    ['https:', 'must include a hostname'],
    ['https://exa mple.com/', 'Invalid webhook URL'],
    ['https://user@example.com/', 'must not hold a user name'],
    ['https://:pw@example.com/', 'must not hold a user name'],
    ['https://localhost/', hidden],
    ['https://LOCALHOST./', hidden],
    ['https://a.localhost/', hidden],
    ['https://db.local/', hidden],
    ['https://api.internal/', hidden],
    ['https://notlocal/', 'accepted'],
    ['https://127.0.0.1/', hidden],
    ['https://127.1/', hidden],
    ['https://0x7f.1/', hidden],
    ['https://2130706433/', hidden],
    ['https://0/', hidden],
    ['https://169.254.169.254/latest/meta-data', hidden],
    ['https://192.168.1.1/', hidden],
    ['https://172.31.255.255/', hidden],
    ['https://172.32.0.1/', 'accepted'],
    ['https://100.64.0.1/', hidden],
    ['https://[::1]/', hidden],
    ['https://[::ffff:127.0.0.1]/', hidden],
    ['https://[fd00::1]/', hidden],
    ['https://[fe80::1]/', hidden],
    [`https://example.com/${'x'.repeat(2048 - 20)}`, 'accepted'],
    [`https://example.com/${'x'.repeat(2048 - 19)}`, 'exceeds the maximum length of 2048'],
  ]
  for (const [url, says] of CASES) {
    test(`${url.slice(0, 60)}: ${says}`, () => {
      const told = refusal(() => checkUrl(url, RULES))
      assert.ok(told.includes(says), told)
    })
  }
  test('tests may reach every address, but not by every scheme', () => {
    const open = { ...RULES, anyAddress: true }
    assert.equal(
      refusal(() => checkUrl('https://127.0.0.1/', open)),
      'accepted',
    )
    assert.match(
      refusal(() => checkUrl('http://127.0.0.1/', open)),
      /scheme: 'http'\. Allowed schemes are: https\./,
    )
    assert.equal(
      refusal(() => checkUrl('http://127.0.0.1/', { ...open, schemes: ['http', 'https'] })),
      'accepted',
    )
  })
})

test('names are letters, digits and three signs between them, 63 at most', () => {
  for (const name of ['a', 'A1', 'a.b_c-d', 'x'.repeat(63)])
    assert.equal(
      refusal(() => checkName(name)),
      'accepted',
    )
  for (const name of ['', '-a', 'a-', '.a', 'a_', 'a b', 'ä', 'a/b', 'x'.repeat(64), 'a\n'])
    assert.match(
      refusal(() => checkName(name)),
      /is invalid\. It must start and end with a letter or digit/,
      name,
    )
})

test('descriptions and secrets have a longest length', () => {
  assert.equal(
    refusal(() => checkTexts({})),
    'accepted',
  )
  assert.equal(
    refusal(() => checkTexts({ description: 'x'.repeat(1000), secret: 'x'.repeat(1000) })),
    'accepted',
  )
  assert.match(
    refusal(() => checkTexts({ description: 'x'.repeat(1001) })),
    /description exceeds .* 1000 characters/,
  )
  assert.match(
    refusal(() => checkTexts({ secret: 'x'.repeat(1001) })),
    /secret exceeds .* 1000 characters/,
  )
})

test('each entity has its actions and no other, and an example with what a receiver is told of it', () => {
  const made = ['REGISTERED_MODEL', 'MODEL_VERSION', 'PROMPT', 'PROMPT_VERSION'].map((one) => [one, ['CREATED']])
  const tags = ['MODEL_VERSION_TAG', 'PROMPT_TAG', 'PROMPT_VERSION_TAG'].map((one) => [one, ['SET', 'DELETED']])
  const aliases = ['MODEL_VERSION_ALIAS', 'PROMPT_ALIAS'].map((one) => [one, ['CREATED', 'DELETED']])
  const budgets = ['BUDGET_POLICY', ['EXCEEDED']] as const
  const allowed = Object.fromEntries([...made, ...tags, ...aliases, budgets]) as Readonly<
    Record<string, readonly string[]>
  >
  for (const entity of Object.keys(ENTITIES) as (keyof typeof ENTITIES)[]) {
    for (const action of Object.keys(ACTIONS) as (keyof typeof ACTIONS)[]) {
      const told = refusal(() => checkEvent({ entity, action }, 'events[0]'))
      if (allowed[entity]?.includes(action) !== true) {
        assert.match(told, entity in allowed ? /^Invalid action '/ : /events\[0\]\.entity/)
        continue
      }
      assert.equal(told, 'accepted')
      const data = exampleOf(checkEvent({ entity, action }, ''))
      if (entity === 'BUDGET_POLICY') {
        assert.equal(data['budget_unit'], 'USD')
        continue
      }
      assert.equal(data['name'], entity.startsWith('PROMPT') ? 'example_prompt' : 'example_model')
      assert.equal('value' in data, entity.endsWith('_TAG') && action === 'SET')
      assert.equal('alias' in data, entity.endsWith('_ALIAS'))
      assert.equal('template' in data, entity === 'PROMPT_VERSION')
      assert.equal('source' in data, entity === 'MODEL_VERSION')
      const versioned = /VERSION(_TAG)?$/.test(entity) || (entity.endsWith('_ALIAS') && action === 'CREATED')
      assert.equal('version' in data, versioned, `${entity} ${action}`)
    }
  }
})
