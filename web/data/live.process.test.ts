/** The stream of changes: what it refreshes and how often, what it says when it is lost, that it rests in hidden tabs. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { QueryClient } from '@tanstack/react-query'
import { followChanges } from './live.ts'
import { nextTheme, resolvedColour, setTheme, storedTheme } from './theme.ts'

class FakeStream extends EventTarget {
  static opened: FakeStream[] = []
  closed = false
  readonly url: string
  constructor(url: string) {
    super()
    this.url = url
    FakeStream.opened.push(this)
  }
  close(): void {
    this.closed = true
  }
  say(kind: string): void {
    this.dispatchEvent(new MessageEvent('change', { data: JSON.stringify({ kind }) }))
  }
}

const page = Object.assign(new EventTarget(), { hidden: false })
const globals = { document: globalThis.document, EventSource: globalThis.EventSource }

beforeEach(() => {
  FakeStream.opened = []
  page.hidden = false
  Object.assign(globalThis, { document: page, EventSource: FakeStream })
  mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  // no time passes but what a test lets pass
  mock.method(performance, 'now', () => new Date().getTime())
})

afterEach(() => {
  mock.restoreAll()
  mock.timers.reset()
  Object.assign(globalThis, globals)
})

/** A page that shows some queries; `staleAfter` lets ms pass and tells which of them were refreshed since the last time. */
function watching(): {
  staleAfter: (ms: number) => string[]
  ups: boolean[]
  stream: () => FakeStream
  stop: () => void
} {
  const queries = new QueryClient()
  const keys = [
    ['runs', 'list'],
    ['models', 'one'],
    ['incidents', 'list'],
    ['auth', 'me'],
  ]
  const fresh = (): void => {
    for (const key of keys) queries.setQueryData(key, { read: performance.now() })
  }
  fresh()
  const ups: boolean[] = []
  const stop = followChanges(queries, (up) => ups.push(up))
  return {
    ups,
    stop,
    stream: () => FakeStream.opened.at(-1) ?? assert.fail('no stream was opened'),
    staleAfter: (ms) => {
      mock.timers.tick(ms)
      const found = keys.filter((key) => queries.getQueryState(key)?.isInvalidated).map(([room]) => room ?? '')
      fresh()
      return found
    },
  }
}

test('a change refreshes its room after a moment, and no other', () => {
  const { stream, staleAfter, stop } = watching()
  stream().say('incidents')
  assert.deepEqual(staleAfter(699), [], 'changes are gathered first')
  assert.deepEqual(staleAfter(1), ['incidents'])
  stop()
})

test('changes that come together refresh the page once', () => {
  const { stream, staleAfter, stop } = watching()
  for (const kind of ['runs', 'models', 'runs', 'runs']) stream().say(kind)
  assert.deepEqual(staleAfter(700), ['runs', 'models'])
  assert.deepEqual(staleAfter(10_000), [])
  stop()
})

test('a page that was just read again waits before the next time', () => {
  const { stream, staleAfter, stop } = watching()
  stream().say('runs')
  assert.deepEqual(staleAfter(700), ['runs'])
  stream().say('models')
  assert.deepEqual(staleAfter(1000), [], 'no sooner than 2.5 s after the last time')
  assert.deepEqual(staleAfter(1500), ['models'])
  stop()
})

test('an unknown kind refreshes nothing and breaks nothing', () => {
  const { stream, staleAfter, stop } = watching()
  stream().say('of a later server')
  assert.deepEqual(staleAfter(5000), [])
  stop()
})

test('a stream that is lost is said to be, and everything is read again when it is back', () => {
  const { stream, staleAfter, ups, stop } = watching()
  stream().dispatchEvent(new Event('open'))
  assert.deepEqual(staleAfter(1000), [], 'the first opening has missed nothing')
  stream().dispatchEvent(new Event('error'))
  stream().dispatchEvent(new Event('open'))
  assert.deepEqual(staleAfter(1000), ['runs', 'models', 'incidents', 'auth'])
  assert.deepEqual(ups, [true, false, true])
  stop()
})

test('a hidden tab holds no stream, and reads everything again when it is shown', () => {
  const { stream, staleAfter, stop } = watching()
  const first = stream()
  page.hidden = true
  page.dispatchEvent(new Event('visibilitychange'))
  assert.equal(first.closed, true)
  page.hidden = false
  page.dispatchEvent(new Event('visibilitychange'))
  assert.equal(FakeStream.opened.length, 2)
  assert.deepEqual(staleAfter(1000), ['runs', 'models', 'incidents', 'auth'])
  stop()
})

test('a page that is left closes its stream and refreshes nothing more', () => {
  const { stream, staleAfter, stop } = watching()
  stream().say('runs')
  stop()
  assert.deepEqual(staleAfter(5000), [])
  assert.equal(stream().closed, true)
  page.dispatchEvent(new Event('visibilitychange'))
  assert.equal(FakeStream.opened.length, 1)
})

test('the theme is the system’s, then light, then dark, and is kept', () => {
  const kept = new Map<string, string>()
  const told: string[] = []
  const style = { colorScheme: '' }
  Object.assign(globalThis, {
    localStorage: {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
    },
    window: { dispatchEvent: (event: Event) => told.push(event.type) },
    document: { documentElement: { style } },
  })
  try {
    assert.equal(storedTheme(), 'system')
    const seen = ['system', 'light', 'dark'] as const
    for (const [i, theme] of seen.entries()) {
      assert.equal(nextTheme(theme), seen[(i + 1) % 3])
      setTheme(theme)
      assert.equal(storedTheme(), theme)
      assert.equal(style.colorScheme, theme === 'system' ? '' : theme)
    }
    assert.equal(told.length, 3, 'charts that draw pixels are told')
    kept.set('slipway-theme', 'purple')
    assert.equal(storedTheme(), 'system', 'what cannot be read is the system’s choice')
  } finally {
    for (const name of ['localStorage', 'window']) Reflect.deleteProperty(globalThis, name)
  }
})

test('a colour is looked up on the page, which keeps no trace of it', () => {
  const style = { color: '' }
  let there = 0
  Object.assign(globalThis, {
    document: {
      createElement: () => ({ style, remove: () => (there -= 1) }),
      body: { append: () => (there += 1) },
    },
    getComputedStyle: (element: { style: { color: string } }) => ({ color: `rgb of ${element.style.color}` }),
  })
  try {
    assert.equal(resolvedColour('var(--c1)'), 'rgb of var(--c1)')
    assert.equal(there, 0)
  } finally {
    Reflect.deleteProperty(globalThis, 'getComputedStyle')
  }
})
