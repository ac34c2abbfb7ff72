/** The name that a new endpoint is offered: one that the server takes, whatever the model is called. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { name } from '../../../src/contract/fields.ts'
import { endpointNameFor } from './new-endpoint.ts'

test('a name is made of the name of the model', () => {
  assert.equal(endpointNameFor('flight-delay'), 'flight-delay')
  assert.equal(endpointNameFor('Why? 50 % / Ångström'), 'Why-50-ngstr-m')
  assert.equal(endpointNameFor('__x__'), 'x__')
  assert.equal(endpointNameFor('a'.repeat(300)).length, 128)
  assert.equal(endpointNameFor('日本語'), '')
})

test('what is offered is taken by the server', () => {
  for (const model of ['a b', '-x-', '..', 'x/y:z', 'A%20b', 'é', '7', ' lead', 'trail ', `${'x'.repeat(127)}-y`]) {
    const offered = endpointNameFor(model)
    assert.ok(offered === '' || name.safeParse(offered).success, `${model}: ${offered}`)
  }
})
