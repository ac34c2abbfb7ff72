/** Wrong credentials by address: how many are let pass, when more are, and that the table stays small. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FailedCredentials } from './failed-credentials.ts'

/** Sends wrong credentials until one is refused; gives how many were not. */
function untilRefused(failed: FailedCredentials, address: string, now: number): number {
  for (let count = 0; count < 100; count++) {
    try {
      failed.failed(address, now)
    } catch {
      return count
    }
  }
  return 100
}

test('twenty pass at once, then one each three seconds; the wait is told', () => {
  const failed = new FailedCredentials()
  assert.equal(untilRefused(failed, '192.0.2.1', 0), 20)
  assert.throws(() => failed.failed('192.0.2.1', 1000), {
    code: 'too_many_requests',
    status: 429,
    message: 'the number of wrong credentials from 192.0.2.1 is at its limit',
    data: { what: 'the number of wrong credentials from 192.0.2.1', retry_after: 2 },
  })
  assert.equal(untilRefused(failed, '192.0.2.1', 3000), 1)
  assert.equal(untilRefused(failed, '192.0.2.1', 1_000_000), 20)
  assert.equal(untilRefused(failed, '192.0.2.2', 3000), 20, 'another address has its own count')
  assert.deepEqual(failed.counts, { failed: 66, throttled: 5 })
})

test('a clock that was set back empties nobody', () => {
  const failed = new FailedCredentials()
  failed.failed('a', 1000)
  assert.equal(untilRefused(failed, 'a', 0), 19)
})

test('the first refusal is told once, and again only after all was forgiven', () => {
  const failed = new FailedCredentials()
  let told = 0
  const send = (now: number): void => {
    try {
      failed.failed('a', now, () => told++)
    } catch {
      // refused
    }
  }
  for (let i = 0; i < 50; i++) send(0)
  for (let i = 0; i < 50; i++) send(30_000)
  assert.equal(told, 1)
  for (let i = 0; i < 50; i++) send(1_000_000)
  assert.equal(told, 2)
})

for (const [one, same, other] of [
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:3::1'],
  ['2001:db8::', '2001:db8:0:0:1:2:3:4', '2001:db8:0:1::'],
  ['::1', '::ffff:0:1', '1::1'],
  ['fe80::1%eth0', 'fe80::2%eth1', 'fe81::1'],
  ['::ffff:192.0.2.1', '192.0.2.1', '::ffff:192.0.2.2'],
] as const)
  test(`${one} and ${same} are one caller, ${other} is another`, () => {
    const failed = new FailedCredentials()
    assert.equal(untilRefused(failed, one, 0), 20)
    assert.equal(untilRefused(failed, same, 0), 0)
    assert.equal(untilRefused(failed, other, 0), 20)
  })

test('ten thousand addresses are kept; who goes on is not forgotten by the number of others', () => {
  const failed = new FailedCredentials()
  untilRefused(failed, 'busy', 0)
  untilRefused(failed, 'quiet', 0)
  for (let i = 0; i < 12_000; i++) {
    failed.failed(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0)
    if (i % 5000 === 0) assert.equal(untilRefused(failed, 'busy', 0), 0)
  }
  assert.equal(untilRefused(failed, 'busy', 0), 0)
  assert.equal(untilRefused(failed, 'quiet', 0), 20)
})
