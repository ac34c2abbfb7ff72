/** Amounts are exact and rounded once. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { amountOf, kibSeconds } from './price.ts'

const PRICES = { cpu_price: 40_000, memory_price: 5000, storage_price: 80_000 }
const NOTHING = { cpu_ms: 0, memory_kib_s: 0, storage_kib_s: 0 }
const GIB = 1024 * 1024

describe('price', () => {
  it('one unit of each costs its price', () => {
    assert.equal(amountOf({ ...NOTHING, cpu_ms: 3_600_000 }, PRICES), 40_000)
    assert.equal(amountOf({ ...NOTHING, memory_kib_s: GIB * 3600 }, PRICES), 5000)
    assert.equal(amountOf({ ...NOTHING, storage_kib_s: GIB * 30 * 86_400 }, PRICES), 80_000)
    assert.equal(amountOf(NOTHING, PRICES), 0)
  })

  it('rounds the sum, not its parts, and a half upwards', () => {
    // 45 ms of CPU are exactly half a micro-dollar
    assert.equal(amountOf({ ...NOTHING, cpu_ms: 45 }, PRICES), 1)
    assert.equal(amountOf({ ...NOTHING, cpu_ms: 44 }, PRICES), 0)
    // 0.4 of CPU and 0.4 of memory are 0.8 together
    assert.equal(amountOf({ cpu_ms: 36, memory_kib_s: Math.round(GIB * 0.288), storage_kib_s: 0 }, PRICES), 1)
  })

  it('agrees with the plain formula, and is exact where that is not', () => {
    for (let i = 1; i < 200; i++) {
      const used = { cpu_ms: i * 7919, memory_kib_s: i * 104_729, storage_kib_s: i * 15_485_863 }
      const plain =
        (used.cpu_ms / 3.6e6) * 40_000 +
        (used.memory_kib_s / (GIB * 3600)) * 5000 +
        (used.storage_kib_s / (GIB * 30 * 86_400)) * 80_000
      assert.ok(Math.abs(amountOf(used, PRICES) - plain) <= 0.5 + 1e-6)
    }
    const year = { ...NOTHING, storage_kib_s: 100 * GIB * 360 * 86_400 }
    assert.equal(amountOf(year, { ...PRICES, storage_price: 999_999_999 }), 999_999_999 * 1200)
  })

  it('KiB seconds are whole', () => {
    assert.equal(kibSeconds(1024 * 1024, 1500), 1536)
    assert.equal(kibSeconds(1, 1), 0)
  })
})
