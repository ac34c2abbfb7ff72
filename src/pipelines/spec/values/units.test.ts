/** Durations and sizes as people write them, and what is none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBytes, parseDuration } from './units.ts'

const DURATIONS: Readonly<Record<string, number | undefined>> = {
  '250ms': 250,
  '90s': 90_000,
  '10m': 600_000,
  '10min': 600_000,
  '1.5h': 5_400_000,
  '2d': 172_800_000,
  ' 3 s ': 3000,
  '24 hours': 86_400_000,
  '1 day': 86_400_000,
  '1 minute': 60_000,
  '30seconds': 30_000,
  '3 hourss': undefined,
  '0s': undefined,
  '': undefined,
  '5': undefined,
  '-5s': undefined,
  '5 weeks': undefined,
  '1e3s': undefined,
  '5S': undefined,
  '.5s': undefined,
  '5s5s': undefined,
}

const SIZES: Readonly<Record<string, number | undefined>> = {
  '512': 512,
  '512b': 512,
  '512B': 512,
  '2kb': 2000,
  '2KB': 2000,
  '2k': 2000,
  '2K': 2000,
  '2KiB': 2048,
  '2kib': 2048,
  '2Ki': 2048,
  '3MB': 3e6,
  '3M': 3e6,
  '3MiB': 3 * 2 ** 20,
  '3Mi': 3 * 2 ** 20,
  '1.5GB': 1.5e9,
  '1G': 1e9,
  '1GiB': 2 ** 30,
  '1Gi': 2 ** 30,
  '1TB': 1e12,
  '1T': 1e12,
  '1TiB': 2 ** 40,
  '1Ti': 2 ** 40,
  ' 7 MB ': 7e6,
  '1.0006kb': 1000,
  '500m': undefined,
  '500g': undefined,
  '2gi': undefined,
  '0': undefined,
  '0.4': undefined,
  '0.9B': undefined,
  '0.0009kB': undefined,
  '0.001kB': 1,
  '1.9': 1,
  '-1': undefined,
  '': undefined,
  GB: undefined,
  '1PB': undefined,
  '1 2': undefined,
}

for (const [text, ms] of Object.entries(DURATIONS)) {
  test(`a duration of "${text}" is ${ms} ms`, () => assert.equal(parseDuration(text), ms))
}

for (const [text, bytes] of Object.entries(SIZES)) {
  test(`a size of "${text}" is ${bytes} bytes`, () => assert.equal(parseBytes(text), bytes))
}

test('plain numbers are seconds and whole bytes; none below nothing, none without end', () => {
  assert.deepEqual([90, 0.5].map(parseDuration), [90_000, 500])
  assert.deepEqual([512, 512.9].map(parseBytes), [512, 512])
  for (const odd of [0, -1, Number.NaN, Infinity]) {
    assert.equal(parseDuration(odd), undefined)
    assert.equal(parseBytes(odd), undefined)
  }
  for (const part of [0.4, 0.999]) assert.equal(parseBytes(part), undefined)
})
