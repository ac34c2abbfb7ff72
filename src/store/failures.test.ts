/** Codes of both engines and of the operating system: each means one failure, and nothing else means it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  engineCode,
  explained,
  isBusy,
  isDisconnected,
  isRetryable,
  isStorageFull,
  isUniqueViolation,
  nulText,
  unavailable,
} from './failures.ts'

const coded = (code: unknown, message = 'no'): Error => Object.assign(new Error(message), { code })

const KINDS: Readonly<Record<string, { is: (error: unknown) => boolean; codes: readonly string[] }>> = {
  unique: { is: isUniqueViolation, codes: ['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY', '23505'] },
  full: { is: isStorageFull, codes: ['SQLITE_FULL', 'ENOSPC', 'EDQUOT', '53100'] },
  busy: { is: isBusy, codes: ['SQLITE_BUSY', 'SQLITE_BUSY_SNAPSHOT', 'SQLITE_LOCKED', '55P03'] },
  retryable: { is: isRetryable, codes: ['40001', '40P01'] },
  disconnected: {
    is: isDisconnected,
    codes: [
      '08006',
      '08001',
      '57P01',
      '57P03',
      'ECONNREFUSED',
      'ECONNRESET',
      'EPIPE',
      'ETIMEDOUT',
      'ENOTFOUND',
      'EHOSTUNREACH',
      'EAI_AGAIN',
      '53300',
    ],
  },
  none: {
    is: () => false,
    codes: [
      '',
      'SQLITE_CONSTRAINT_FOREIGNKEY',
      'SQLITE_CORRUPT',
      '23503',
      '42P01',
      '57014',
      '533001',
      '155P03',
      '55P031',
      'XSQLITE_BUSY',
      'ENOENT',
    ],
  },
}

describe('failures of a database', () => {
  for (const [kind, { codes }] of Object.entries(KINDS)) {
    it(`${kind}: of its codes only`, () => {
      for (const code of codes) {
        const means = Object.entries(KINDS).flatMap(([name, { is }]) => (is(coded(code)) ? [name] : []))
        assert.deepEqual(means, kind === 'none' ? [] : [kind], code)
      }
    })
  }

  it('what is no coded error has no code', () => {
    for (const error of [undefined, null, 'ENOSPC', 7, {}, new Error('ENOSPC'), coded(28), coded(undefined)]) {
      assert.equal(engineCode(error), '')
      assert.equal(isStorageFull(error), false)
      assert.equal(isDisconnected(error), false)
    }
    assert.equal(engineCode({ code: 'X' }), 'X')
  })

  it('a broken connection is known by what the client says of it, too', () => {
    for (const text of [
      'Connection terminated unexpectedly',
      'Client has encountered a connection error and is not queryable',
      'timeout exceeded when trying to connect',
    ])
      assert.equal(isDisconnected(new Error(text)), true, text)
    assert.equal(isDisconnected({ message: 'Connection terminated' }), false)
  })

  it('is told as the problem that a caller may see, with its cause', () => {
    for (const [code, problem, detail] of [
      ['ENOSPC', 'storage_full', /./],
      ['SQLITE_BUSY', 'unavailable', /another process holds its lock/],
      ['57P01', 'unavailable', /cannot be reached/],
      ['SQLITE_IOERR_READ', 'unavailable', /the database is not available: its file cannot be read/],
      ['SQLITE_CORRUPT', 'storage_unreadable', /the database cannot be read here: no \(SQLITE_CORRUPT\)/],
      ['SQLITE_NOTADB', 'storage_unreadable', /cannot be read here/],
      ['XX001', 'storage_unreadable', /cannot be read here: no \(XX001\)/],
      ['SQLITE_CANTOPEN', 'unavailable', /its file cannot be read/],
      ['SQLITE_READONLY_ROLLBACK', 'unavailable', /it is read-only \(SQLITE_READONLY_ROLLBACK\)/],
      ['58030', 'unavailable', /the database is not available: it answers with 58030/],
      ['53200', 'unavailable', /it answers with 53200/],
      ['28P01', 'unavailable', /it answers with 28P01/],
      ['3D000', 'unavailable', /it answers with 3D000/],
      ['25006', 'unavailable', /it is read-only \(25006\)/],
      ['EIO', 'unavailable', /the disk is not available: a file cannot be read or written: EIO/],
      ['EACCES', 'unavailable', /the disk is not available/],
      ['22021', 'bad_request', /NUL/],
      ['22P05', 'bad_request', /NUL/],
    ] as const) {
      const cause = coded(code)
      const told = explained(cause) as Error & { code: string; data: Record<string, unknown> }
      assert.equal(told.code, problem)
      assert.match(told.message, detail)
      assert.equal(told.cause, cause)
    }
    for (const error of [coded('23505'), coded('42P01'), coded('ENOENT'), new Error('mine'), 'text', undefined])
      assert.equal(explained(error), error)
  })

  it('of damage is told with the remedy, for to try again changes nothing', () => {
    const { help, data } = explained(coded('SQLITE_CORRUPT_INDEX')) as Error & { help: string; data: object }
    assert.match(help, /restore the newest backup: slipway restore/)
    assert.doesNotMatch(help, /try again/i)
    assert.equal('retry_after' in data, false)
  })

  it('says when to try again', () => {
    const told = unavailable('it sleeps') as Error & { data: Record<string, unknown> }
    assert.match(told.message, /database.*it sleeps/)
    assert.equal(told.data['retry_after'], 1)
    assert.equal((nulText() as Error & { code: string }).code, 'bad_request')
  })
})
