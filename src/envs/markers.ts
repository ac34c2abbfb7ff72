/** Conditions behind a requirement, such as `python_version < "3.11" and sys_platform == "linux"`, for one interpreter on this machine. */
import { satisfies } from './versions.ts'

/** For whom a condition is read. */
export interface Target {
  /** Full version of Python. */
  readonly python: string
  /** As Node names them. */
  readonly platform: string
  readonly arch: string
}

/** Whether a condition holds. One that cannot be read, or asks what is not known here, is taken to hold. */
export function holds(marker: string, target: Target): boolean {
  const words = [...marker.matchAll(WORD)].map(([word]) => word)
  if (words.join('').replaceAll(/\s/g, '') !== marker.replaceAll(/\s/g, '')) return true
  const reader = new Reader(words, valuesOf(target))
  try {
    return reader.whole()
  } catch (error) {
    if (!(error instanceof Unknown)) throw error
    return true
  }
}

const WORD = /"[^"]*"|'[^']*'|\bnot\s+in\b|[A-Za-z_][\w.]*|===?|~=|!=|<=|>=|<|>|[()]/g
const SYSTEMS: Readonly<Record<string, string>> = { linux: 'Linux', darwin: 'Darwin', win32: 'Windows' }
const MACHINES: Readonly<Record<string, readonly [string, string]>> = {
  x64: ['x86_64', 'AMD64'],
  arm64: ['aarch64', 'ARM64'],
}

/** An operator whose sides are changed. */
const TURNED: Readonly<Record<string, string>> = { '<': '>', '>': '<', '<=': '>=', '>=': '<=' }

function isVersion(text: string): boolean {
  return /^\d+(?:\.\d+)*(?:\.\*)?$/.test(text)
}

class Unknown extends Error {}

function valuesOf({ python, platform, arch }: Target): ReadonlyMap<string, string> {
  const windows = platform === 'win32'
  const [machine = arch, named = arch] = MACHINES[arch] ?? []
  const short = python.split('.').slice(0, 2).join('.')
  return new Map([
    ['python_version', short],
    ['python_full_version', python],
    ['implementation_version', python],
    ['os_name', windows ? 'nt' : 'posix'],
    ['sys_platform', platform],
    ['platform_system', SYSTEMS[platform] ?? platform],
    ['platform_machine', windows ? named : platform === 'darwin' && arch === 'arm64' ? 'arm64' : machine],
    ['implementation_name', 'cpython'],
    ['platform_python_implementation', 'CPython'],
    ['extra', ''],
  ])
}

/** Reads a condition from left to right. */
class Reader {
  readonly #words: readonly string[]
  readonly #values: ReadonlyMap<string, string>
  #at = 0

  constructor(words: readonly string[], values: ReadonlyMap<string, string>) {
    this.#words = words
    this.#values = values
  }

  whole(): boolean {
    const found = this.#either()
    if (this.#at < this.#words.length) throw new Unknown()
    return found
  }

  #take(word: string): boolean {
    const there = this.#words[this.#at] === word
    if (there) this.#at += 1
    return there
  }

  #either(): boolean {
    let found = this.#both()
    while (this.#take('or')) found = this.#both() || found
    return found
  }

  #both(): boolean {
    let found = this.#one()
    while (this.#take('and')) found = this.#one() && found
    return found
  }

  #one(): boolean {
    if (!this.#take('(')) return this.#comparison()
    const found = this.#either()
    if (!this.#take(')')) throw new Unknown()
    return found
  }

  #comparison(): boolean {
    const [left = '', operator = '', right = ''] = this.#words.slice(this.#at, this.#at + 3)
    this.#at += 3
    const [a, b] = [this.#value(left), this.#value(right)]
    if (operator === 'in') return b.includes(a)
    if (/^not\s+in$/.test(operator)) return !b.includes(a)
    if (operator === '===') return a === b
    if (left.endsWith('version') && isVersion(b)) return satisfies(a, `${operator}${b}`)
    if (right.endsWith('version') && isVersion(a)) return satisfies(b, `${TURNED[operator] ?? operator}${a}`)
    if (operator === '==') return a === b
    if (operator === '!=') return a !== b
    throw new Unknown()
  }

  #value(word: string): string {
    if (/^["']/.test(word)) return word.slice(1, -1)
    const known = this.#values.get(word)
    if (known === undefined) throw new Unknown()
    return known
  }
}
