/** Which project a form is of, by what its page shows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formProjects } from './projects.ts'

test('a form is of the only project that its page shows', () => {
  assert.deepEqual(formProjects(null, ['flights', 'flights']), { first: 'flights', offered: ['flights'] })
  assert.deepEqual(formProjects(null, []), { first: 'default', offered: ['default'] })
})

test('of several one is chosen, beginning with the default one', () => {
  assert.deepEqual(formProjects(null, ['red', 'blue']), { first: 'default', offered: ['default', 'blue', 'red'] })
})

test('who has one project is asked for none', () => {
  assert.deepEqual(formProjects('red', ['red', 'red']), { first: 'red', offered: [] })
})
