/** Addresses of monitors' webhooks: sealed once, for their server alone, and told while they are open. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { problem } from '../contract/errors.ts'
import { openedOnce } from '../../test/opened.ts'
import { awaited, dbWith } from '../store/awaited.fixture.ts'
import type { Db } from '../store/db.ts'
import { openTemporaryStore } from '../store/open.ts'
import { freshSeal } from './seal.fixture.ts'
import { holdsOpenAddress, openedAddress, openedMonitor, sealedMonitor, sealKept } from './sealed-monitor.ts'
import type { KeptMonitor } from './sealed-monitor.ts'

const seal = freshSeal()
const SECRET = 'https://hooks.example:8443/services/T0/B0/key?x=1'
const SEALED = /^https:\/\/hooks\.example:8443\/sealed:[\w-]{38,}$/
const sealedUrl = (url: string): string => String(sealedMonitor(seal, { webhook: url })['webhook'])

/** What an address holds that is none of anybody else's business, and what holds nothing. */
const SECRETS = [SECRET, 'https://user@hooks.example/', 'https://hooks.example/?token=1', 'https://hooks.example/#part']
const OPEN = ['https://hooks.example/', 'http://hooks.example', '$SLIPWAY_WEBHOOK_OPS', 'no address', '']

describe('a sealed address', () => {
  test('shows the server alone, and is opened by the key that sealed it', () => {
    const sealed = sealedUrl(SECRET)
    assert.match(sealed, SEALED)
    assert.equal(openedAddress(seal, sealed), SECRET)
  })

  test('is sealed once: what is sealed stays as it is, and is another one each time before', () => {
    const sealed = sealedUrl(SECRET)
    assert.equal(sealedUrl(sealed), sealed)
    assert.notEqual(sealedUrl(SECRET), sealed)
  })

  test('is one that holds more than the name of a server or variable', () => {
    for (const url of SECRETS) {
      assert.notEqual(sealedUrl(url), url)
      assert.equal(openedAddress(seal, sealedUrl(url)), url)
    }
    for (const url of OPEN) assert.equal(sealedUrl(url), url)
  })

  test('is not opened under another server, nor by another key', () => {
    const moved = sealedUrl(SECRET).replace('hooks.example:8443', 'other.example')
    assert.throws(() => openedAddress(seal, moved), { code: 'unprocessable' })
    assert.throws(() => openedAddress(freshSeal(), sealedUrl(SECRET)), { code: 'unprocessable' })
  })

  test('that is none is what it was', () => {
    for (const url of [...SECRETS, ...OPEN, 'https://hooks.example/sealed:short'])
      assert.equal(openedAddress(seal, url), url)
  })
})

describe('settings', () => {
  const settings = {
    every: 5,
    webhook: SECRET,
    webhooks: [
      { name: 'a', url: SECRET, more: 1 },
      { name: 'b', url: OPEN[0] },
    ],
  }

  test('are sealed at each address, and stay what they are besides', () => {
    const { every, webhook, webhooks } = sealedMonitor(seal, settings) as typeof settings
    assert.equal(every, 5)
    assert.match(webhook, SEALED)
    assert.match(String(webhooks[0]?.url), SEALED)
    assert.deepEqual([webhooks[0]?.name, webhooks[0]?.more, webhooks[1]], ['a', 1, settings.webhooks[1]])
    assert.deepEqual(openedMonitor(seal, { every, webhook, webhooks }), settings)
  })

  test('hold an open address where one of them could be used by who reads it', () => {
    for (const url of SECRETS) assert.equal(holdsOpenAddress({ webhook: url }), true, url)
    for (const url of OPEN) assert.equal(holdsOpenAddress({ webhook: url }), false, url)
    assert.equal(holdsOpenAddress({}), false)
    assert.equal(holdsOpenAddress(sealedMonitor(seal, settings)), false)
    const [one, sealed] = [
      { name: 'a', url: SECRET },
      { name: 'b', url: sealedUrl(SECRET) },
    ]
    assert.equal(holdsOpenAddress({ webhooks: [one, sealed] }), true, 'the first of two')
    assert.equal(holdsOpenAddress({ webhooks: [sealed, one] }), true, 'the last of two')
  })

  test('that another key sealed stay as they are kept; a fault of the key itself is told', () => {
    const foreign = sealedMonitor(freshSeal(), { webhook: SECRET })
    assert.deepEqual(openedMonitor(seal, foreign), foreign)
    for (const fault of [
      new Error('the disk'),
      problem('storage_full', {}),
      Object.assign(new Error('not ours'), { code: 'unprocessable' }),
    ]) {
      const broken = {
        ...seal,
        open: () => {
          throw fault
        },
      }
      assert.throws(() => openedMonitor(broken, foreign), fault)
    }
  })
})

describe('what a server before has kept open', () => {
  let db: Db
  openedOnce(openTemporaryStore, (store) => {
    db = store.db
  })
  /** Rows whose settings are written to a list. */
  function rowsOf(...urls: readonly string[]): { rows: KeptMonitor[]; written: unknown[] } {
    const written: unknown[] = []
    const rows = urls.map((webhook) => ({
      settings: { webhook },
      write: async (t: Parameters<KeptMonitor['write']>[0], sealed: Record<string, unknown>) => {
        await t.get('SELECT 1')
        written.push(openedMonitor(seal, sealed)['webhook'])
        assert.match(String(sealed['webhook']), /\/sealed:/)
      },
    }))
    return { rows, written }
  }

  test('is sealed and written, row by row, and nothing else is', async () => {
    const { rows, written } = rowsOf(SECRET, 'https://hooks.example/', sealedUrl(SECRET), 'https://hooks.example/b')
    await sealKept(awaited(db), seal, rows)
    assert.deepEqual(written, [SECRET, 'https://hooks.example/b'])
  })

  test('stays open where nothing can be written; any other fault is told', async () => {
    const failing = (fault: Error) =>
      sealKept(dbWith(db, { tx: () => Promise.reject(fault) }), seal, rowsOf(SECRET).rows)
    await failing(problem('storage_full', {}))
    await failing(problem('unavailable', { what: 'the database', detail: 'gone' }))
    const corrupt = problem('conflict', { detail: 'other' })
    await assert.rejects(failing(corrupt), corrupt)
  })
})
