/** The online store as the control process holds it. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openOnline } from './open.ts'

test('the file is made when it is first written, and not after the end', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-online-'))
  try {
    const online = openOnline(folder)
    assert.equal(online.path, join(folder, 'features', 'online.db'))
    assert.equal(existsSync(join(folder, 'features')), false)
    assert.equal(online.store(), online.store())
    assert.equal(existsSync(online.path), true)
    online.close()
    online.close()
    assert.throws(() => online.store(), /the online store is closed/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
