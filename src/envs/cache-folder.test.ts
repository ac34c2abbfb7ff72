/** Where environments are cached when nothing or nonsense is said. */
import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { defaultCacheFolder } from './cache-folder.ts'

const home = join(homedir(), '.cache', 'slipway')

test('the variable of Slipway wins, then the cache folder of the user', () => {
  assert.equal(defaultCacheFolder({ SLIPWAY_CACHE: '/mine', XDG_CACHE_HOME: '/xdg' }), '/mine')
  assert.equal(defaultCacheFolder({ XDG_CACHE_HOME: '/xdg' }), join('/xdg', 'slipway'))
  assert.equal(defaultCacheFolder({}), home)
})

test('an empty or a relative XDG_CACHE_HOME is none: environments would land in whatever folder the server was started from', () => {
  assert.equal(defaultCacheFolder({ XDG_CACHE_HOME: '' }), home)
  assert.equal(defaultCacheFolder({ XDG_CACHE_HOME: 'cache' }), home)
  assert.equal(defaultCacheFolder({ SLIPWAY_CACHE: '', XDG_CACHE_HOME: '' }), home)
})
