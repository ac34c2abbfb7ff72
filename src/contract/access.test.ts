/** Who may do what, written out by hand: the table that the matrix of roles must come to. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { allows, permits, RESOURCES, ROLES, VERBS } from './access.ts'
import type { Principal, Resource, Role, Verb } from './access.ts'

type Grants = Partial<Record<Verb, readonly Resource[]>>

const READABLE = 'server runs artifacts models pipelines attempts endpoints rollouts monitors incidents cost'.split(
  ' ',
) as Resource[]

/** docs/guides and the screens of tokens describe the roles like this. An admin may everything. */
const EXPECTED: Readonly<Record<Exclude<Role, 'admin'>, Grants>> = {
  viewer: { read: READABLE },
  contributor: {
    read: READABLE,
    write: ['runs', 'artifacts', 'models', 'pipelines'],
    predict: ['endpoints'],
    label: ['endpoints'],
  },
  maintainer: {
    read: [...READABLE, 'audit'],
    write: ['runs', 'artifacts', 'models', 'pipelines', 'endpoints', 'rollouts', 'monitors', 'incidents'],
    predict: ['endpoints'],
    label: ['endpoints'],
    promote: ['models'],
    approve: ['models', 'pipelines', 'rollouts'],
    deploy: ['endpoints', 'rollouts'],
    read_predictions: ['endpoints'],
  },
  service: { read: ['server', 'endpoints'], predict: ['endpoints'], label: ['endpoints'] },
}

describe('roles', () => {
  for (const role of ROLES) {
    for (const verb of VERBS) {
      test(`${role} may ${verb} what the table says, and nothing else`, () => {
        const granted = RESOURCES.filter((resource) => allows(role, { verb, resource }))
        const expected = role === 'admin' ? [...RESOURCES] : [...(EXPECTED[role][verb] ?? [])]
        assert.deepEqual(granted.toSorted(), expected.toSorted())
      })
    }

    test(`${role} may what is public`, () => assert.equal(allows(role, 'public'), true))
  }

  test('secrets of others, the trail of acts and rates are out of reach of everyone but admins', () => {
    for (const role of ROLES.filter((one) => one !== 'admin')) {
      assert.equal(allows(role, { verb: 'manage', resource: 'tokens' }), false)
      assert.equal(allows(role, { verb: 'manage', resource: 'cost' }), false)
      assert.equal(allows(role, { verb: 'manage', resource: 'server' }), false)
      assert.equal(allows(role, { verb: 'read', resource: 'tokens' }), false)
    }
  })
})

/** What people and programs are asked about: how an attempt goes is said by its node alone. */
const ASKED = RESOURCES.filter((resource) => resource !== 'attempts')

describe('a token of one project', () => {
  const who = (role: Role, project: string | null): Principal => ({ id: 'x', name: 'x', role, project, token_id: 'x' })

  test('of an admin reaches all but what concerns every project at once', () => {
    const refused = VERBS.flatMap((verb) =>
      ASKED.filter((resource) => !permits(who('admin', 'blue'), { verb, resource })).map(
        (resource) => `${verb} ${resource}`,
      ),
    )
    const managed = ASKED.filter((resource) => resource !== 'tokens').map((resource) => `manage ${resource}`)
    const audit = VERBS.map((verb) => `${verb} audit`)
    assert.deepEqual(new Set(refused), new Set([...managed, ...audit]))
  })

  test('of any role may no more than one of all projects', () => {
    for (const role of ROLES)
      for (const verb of VERBS)
        for (const resource of ASKED) {
          const access = { verb, resource }
          assert.equal(permits(who(role, null), access), allows(role, access))
          if (permits(who(role, 'blue'), access)) assert.ok(allows(role, access), `${role} ${verb} ${resource}`)
        }
  })

  test('of a node says how its attempt goes, and may nothing else', () => {
    const node: Principal = { ...who('admin', null), attempt: 'a', node: 'work' }
    const granted = VERBS.flatMap((verb) => RESOURCES.filter((resource) => permits(node, { verb, resource })))
    assert.deepEqual(new Set(granted), new Set(['attempts']))
    for (const role of ROLES)
      for (const verb of VERBS) assert.equal(permits(who(role, null), { verb, resource: 'attempts' }), false)
  })

  test('may what is public', () => assert.equal(permits(who('service', 'blue'), 'public'), true))
})
