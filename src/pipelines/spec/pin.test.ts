/** Pinning of aliases in params. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPinned, pinAliases } from './pin.ts'
import type { PipelineSpec } from './spec.ts'

const spec = {
  steps: [
    { name: 'train', params: { rate: 0.1 } },
    { name: 'evaluate', params: { incumbent: 'models:/flight-delay@production', seed: 1 } },
  ],
} as unknown as PipelineSpec

test('an alias becomes the version that it names now, by default and when it is given', async () => {
  const now = async (model: string, alias: string) => (model === 'flight-delay' && alias === 'production' ? '7' : '3')
  assert.deepEqual(await pinAliases(spec, { train: { rate: 0.2 } }, now), {
    train: { rate: 0.2 },
    evaluate: { incumbent: 'models:/flight-delay/7' },
  })
  assert.deepEqual(await pinAliases(spec, { evaluate: { incumbent: 'models:/other@best' } }, now), {
    evaluate: { incumbent: 'models:/other/3' },
  })
})

test('an alias that names nothing becomes an empty text; a version and other values stay', async () => {
  const never = async () => undefined
  assert.deepEqual(await pinAliases(spec, {}, never), { evaluate: { incumbent: '' } })
  const given = { evaluate: { incumbent: 'models:/flight-delay/2' }, train: { rate: 'a@b' } }
  assert.deepEqual(await pinAliases(spec, given, never), given)
})

test('params that aliases alone have put there are told from those that somebody gave', async () => {
  const now = async () => '7'
  assert.equal(isPinned(spec, {}), true)
  assert.equal(isPinned(spec, await pinAliases(spec, {}, now)), true)
  assert.equal(isPinned(spec, await pinAliases(spec, {}, async () => undefined)), true)
  assert.equal(isPinned(spec, { elsewhere: { incumbent: 'models:/flight-delay/7' } }), false)
  for (const given of [
    { train: { rate: 0.2 } },
    { evaluate: { incumbent: 'models:/other@best' } },
    { evaluate: { incumbent: 'models:/flight-delay-2/7' } },
    { evaluate: { seed: 1 } },
    JSON.parse('{"evaluate": {"__proto__": "models:/flight-delay/7"}}') as Record<string, Record<string, unknown>>,
  ])
    assert.equal(isPinned(spec, await pinAliases(spec, given, now)), false, JSON.stringify(given))
})
