/** The keyboard on a page: what keys do where the focus is, and the two keys of a jump. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { actOf, listenKeys, PLACES } from './keyboard.ts'

/** As much of an element as the keyboard looks at. */
interface Fake {
  readonly tagName: string
  readonly type?: string
  tabIndex?: number
  row?: Fake
  parts?: Readonly<Record<string, Fake>>
  clicks: number
  focused: number
  closest(selector: string): Fake | null
  querySelector(selector: string): Fake | null
  matches(selector: string): boolean
  click(): void
  focus(): void
  scrollIntoView(): void
}

function element(tagName: string, given: Partial<Fake> = {}): Fake {
  const made: Fake = {
    tagName,
    clicks: 0,
    focused: 0,
    closest: (selector) => (selector === '[data-row]' ? (made.row ?? null) : null),
    querySelector: (selector) => made.parts?.[selector] ?? null,
    matches: (selector) => selector === '[data-row]' && made.row === made,
    click: () => {
      made.clicks += 1
    },
    focus: () => {
      made.focused += 1
      page.activeElement = made
    },
    scrollIntoView: () => undefined,
    ...given,
  }
  return made
}

function row(parts: Readonly<Record<string, Fake>> = {}): Fake {
  const made = element('TR', { parts })
  made.row = made
  return made
}

const page = {
  activeElement: null as Fake | null,
  rows: [] as Fake[],
  filter: undefined as Fake | undefined,
  dialog: false,
}
const before = globalThis.document
let keys = new EventTarget()

beforeEach(() => {
  keys = new EventTarget()
  Object.assign(page, { activeElement: null, rows: [], filter: undefined, dialog: false })
  const fake = {
    addEventListener: (kind: string, hear: EventListener) => keys.addEventListener(kind, hear),
    removeEventListener: (kind: string, hear: EventListener) => keys.removeEventListener(kind, hear),
    querySelector: (selector: string) => {
      if (selector === 'dialog[open]') return page.dialog ? element('DIALOG') : null
      return selector === '[data-filter]' ? (page.filter ?? null) : null
    },
    querySelectorAll: () => page.rows,
    get activeElement() {
      return page.activeElement
    },
  }
  globalThis.document = fake as unknown as Document
})

afterEach(() => {
  globalThis.document = before
})

/** Presses a key on an element; true when the page took it for itself. */
function press(
  key: string,
  given: { on?: Fake; ctrlKey?: boolean; metaKey?: boolean; altKey?: boolean; at?: number } = {},
): boolean {
  const { on = element('BODY'), ctrlKey = false, metaKey = false, altKey = false, at = 0 } = given
  const event = new Event('keydown', { cancelable: true })
  for (const [name, value] of Object.entries({ key, ctrlKey, metaKey, altKey, target: on, timeStamp: at })) {
    Object.defineProperty(event, name, { value })
  }
  return !keys.dispatchEvent(event)
}

function listen(): { calls: string[]; stop: () => void } {
  const calls: string[] = []
  const stop = listenKeys({
    go: (path) => calls.push(`go ${path}`),
    search: () => calls.push('search'),
    help: () => calls.push('help'),
  })
  return { calls, stop }
}

test('each place has a key, a word and a path of its own', () => {
  for (const part of ['key', 'word', 'path'] as const) {
    assert.equal(new Set(PLACES.map((place) => place[part])).size, PLACES.length, part)
  }
  const taken = ['j', 'k', 'x', 'g', '/', '?']
  assert.ok(PLACES.every(({ key }) => /^[a-z]$/.test(key) && !taken.includes(key)))
})

test('g and a letter lead to each place, and to no other', () => {
  const { calls } = listen()
  for (const { key } of PLACES) {
    press('g')
    assert.ok(press(key), `g ${key} is taken`)
  }
  press('g')
  press('z')
  assert.deepEqual(
    calls,
    PLACES.map(({ path }) => `go ${path}`),
  )
})

test('a jump is given up after a moment, and by another key in between', () => {
  const { calls } = listen()
  press('g', { at: 0 })
  press('m', { at: 1300 })
  assert.deepEqual(calls, [], 'the second key came too late')
  press('g', { at: 2000 })
  press('z', { at: 2100 })
  press('m', { at: 2200 })
  assert.deepEqual(calls, [], 'z ended the jump')
  press('g', { at: 3000 })
  press('m', { at: 4100 })
  assert.deepEqual(calls, ['go /models'])
})

test('letters that are typed into a field are no commands, but Ctrl-K and Cmd-K are', () => {
  const { calls } = listen()
  for (const field of ['INPUT', 'TEXTAREA', 'SELECT']) {
    assert.equal(press('?', { on: element(field) }), false, field)
    assert.equal(press('g', { on: element(field) }), false, field)
    assert.ok(press('k', { on: element(field), ctrlKey: true }))
  }
  press('K', { metaKey: true })
  assert.deepEqual(calls, ['search', 'search', 'search', 'search'])
})

test('a checkbox is no text field', () => {
  const { calls } = listen()
  press('?', { on: element('INPUT', { type: 'checkbox' }) })
  assert.deepEqual(calls, ['help'])
})

test('an open dialog keeps its keys, except those of the search', () => {
  const { calls } = listen()
  page.dialog = true
  press('?')
  press('g')
  press('h')
  press('k', { ctrlKey: true })
  assert.deepEqual(calls, ['search'])
})

test('other keys with Ctrl or Alt belong to the browser', () => {
  const { calls } = listen()
  assert.equal(press('r', { ctrlKey: true }), false)
  assert.equal(press('?', { altKey: true }), false)
  assert.deepEqual(calls, [])
})

test('j and k move between rows and stop at the ends', () => {
  listen()
  page.rows = [row(), row(), row()]
  const at = (): number => page.rows.findIndex((one) => one === page.activeElement)
  press('k')
  assert.equal(at(), 0, 'without a row in focus either key goes to the first')
  press('j')
  press('j')
  assert.equal(at(), 2)
  press('j')
  assert.equal(at(), 2, 'the last row stays')
  press('k')
  assert.equal(at(), 1)
  press('k')
  press('k')
  assert.equal(at(), 0, 'the first row stays')
  assert.equal(page.rows[0]?.tabIndex, -1)
})

test('j without any row does nothing', () => {
  listen()
  press('j')
  assert.equal(page.activeElement, null)
})

test('x selects the row in focus by its checkbox, Enter opens it by its link', () => {
  listen()
  const [box, link] = [element('INPUT', { type: 'checkbox' }), element('A')]
  const here = row({ 'input[type=checkbox]': box, a: link })
  page.rows = [here]
  page.activeElement = here
  press('x')
  assert.equal(box.clicks, 1)
  press('Enter', { on: here })
  assert.equal(link.clicks, 1)
})

test('Enter on a button inside a row belongs to the button', () => {
  listen()
  const link = element('A')
  const here = row({ a: link })
  page.activeElement = here
  const button = element('BUTTON', { row: here })
  assert.equal(press('Enter', { on: button }), false)
  assert.equal(link.clicks, 0)
})

test('the filter gets the focus, where a page has one', () => {
  listen()
  page.filter = element('INPUT')
  press('/')
  assert.equal(page.filter.focused, 1)
  page.filter = undefined
  press('/')
})

test('a page that is left hears no more keys', () => {
  const { calls, stop } = listen()
  stop()
  press('?')
  assert.deepEqual(calls, [])
})

test('keys that mean nothing are nobody’s', () => {
  for (const key of ['a', 'F5', 'Escape', 'Tab', ' ', 'J']) {
    assert.equal(actOf({ key, ctrl: false, typing: false, afterG: false }), undefined, key)
  }
})
