/** Reads what Python source imports, without running it. */
import type { Token } from './tokens.ts'

/** One import: `level` dots, the module after them, and the names taken from it ('*' or [] for a plain import). */
export interface Import {
  readonly level: number
  readonly module: string
  readonly names: readonly string[]
}

export interface Imports {
  readonly imports: readonly Import[]
  /** Name in the source → what it stands for, for example `np` → `numpy`; only of imports without dots before them. */
  readonly bound: ReadonlyMap<string, string>
  /** The tokens that are no part of an import. */
  readonly rest: readonly Token[]
}

/** Finds every import, also inside functions and conditions. */
export function importsOf(tokens: readonly Token[]): Imports {
  const reader = new Reader(tokens)
  reader.read()
  return reader
}

/** Names that a source defines by def, class, assignment or import; '*' where `import *` may define any. */
export function definedNames(tokens: readonly Token[]): Set<string> {
  const { imports, bound } = importsOf(tokens)
  const assigned = tokens.filter(({ kind }, i) => {
    const [before, after] = [tokens[i - 1], tokens[i + 1]?.text ?? '']
    if (kind !== 'name') return false
    return ['def', 'class', 'as'].includes(before?.text ?? '') || (startsStatement(before) && /^[:=]$/.test(after))
  })
  const stars = imports.flatMap(({ names }) => names.filter((name) => name === '*'))
  return new Set([...assigned.map(({ text }) => text), ...bound.keys(), ...stars])
}

/** Whether a token may be the first of a statement, by the one before it. */
export function startsStatement(before: Token | undefined): boolean {
  if (before === undefined || ['newline', 'indent', 'dedent'].includes(before.kind)) return true
  return (before.kind === 'mark' && /^(?:[;:]|#.*)$/.test(before.text)) || before.text === 'lazy'
}

class Reader implements Imports {
  readonly imports: Import[] = []
  readonly bound = new Map<string, string>()
  readonly rest: Token[] = []
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  read(): void {
    while (this.#at < this.#tokens.length) {
      const starts = startsStatement(this.#tokens[this.#at - 1])
      if (starts && this.#take('from')) this.#from()
      else if (starts && this.#take('import')) this.#plain()
      else this.#rest()
    }
  }

  #rest(): void {
    const token = this.#tokens[this.#at++]
    if (token !== undefined) this.rest.push(token)
  }

  #from(): void {
    let level = 0
    while (/^\.+$/.test(this.#next)) level += this.#any().length
    const module = this.#next === 'import' ? '' : this.#dotted()
    if (!this.#take('import')) return
    this.#take('(')
    const names: string[] = []
    do {
      if (this.#tokens[this.#at]?.kind !== 'name' && this.#next !== '*') break
      const name = this.#any()
      names.push(name)
      const local = this.#take('as') ? this.#any() : name
      // a name of a relative import is one of the project, which is read itself
      if (name !== '*') this.bound.set(local, level === 0 ? `${module}.${name}` : local)
    } while (this.#take(','))
    this.#take(')')
    this.imports.push({ level, module, names })
  }

  #plain(): void {
    do {
      const module = this.#dotted()
      if (module === '') break
      this.imports.push({ level: 0, module, names: [] })
      if (this.#take('as')) this.bound.set(this.#any(), module)
      else this.bound.set(module.split('.')[0] ?? '', module.split('.')[0] ?? '')
    } while (this.#take(','))
  }

  #dotted(): string {
    let name = ''
    while (this.#tokens[this.#at]?.kind === 'name') {
      name += this.#any()
      if (this.#next !== '.') break
      name += this.#any()
    }
    return name
  }

  get #next(): string {
    return this.#tokens[this.#at]?.text ?? ''
  }

  #any(): string {
    return this.#tokens[this.#at++]?.text ?? ''
  }

  #take(text: string): boolean {
    if (this.#next !== text || this.#tokens[this.#at]?.kind === 'text') return false
    this.#at++
    return true
  }
}
