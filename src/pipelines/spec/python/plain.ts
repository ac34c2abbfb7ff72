/**
 * A source without what neither Python nor well-known libraries look at: descriptions, type hints, and the order of imports that have
 * no effect on each other. Python itself keeps descriptions and hints for whoever asks (`__doc__`, `__annotations__`), as PEP 257, 3107
 * and 563 have it; a source that asks has no such form.
 */
import { withoutHints } from './hints.ts'
import { importsIn, isKnown, rootOf, type Named } from './import-order.ts'
import { definedNames, importsOf } from './imports.ts'
import type { Token } from './tokens.ts'

/** Modules of Python that read them. */
const READERS = new Set('inspect doctest pydoc unittest xmlrpc annotationlib'.split(' '))
/** Names by which code reads them. */
const READS = new Set(
  (
    '__doc__ __annotations__ __annotate__ __signature__ __code__ get_type_hints get_annotations getdoc signature getfullargspec ' +
    'inspect f_code gi_code cr_code ag_code singledispatch singledispatchmethod'
  ).split(' '),
)
const READ_BY_TEXT = /__(?:doc|annotations|annotate|signature|code)__/

export interface Plain {
  readonly tokens: readonly Token[]
  /** Roots of what it imports that are no library of the list: what they read is not known, unless they are the project's own. */
  readonly foreign: readonly string[]
}

/** The plain form of a source; undefined where it may itself read what that form lacks. */
export function plainOf(tokens: readonly Token[]): Plain | undefined {
  if (readsThem(tokens)) return undefined
  const roots = importsOf(tokens).imports.flatMap(({ level, module }) => (level === 0 ? [rootOf(module)] : []))
  if (roots.some((root) => READERS.has(root))) return undefined
  const foreign = new Set(roots.filter((root) => !isKnown(root)))
  return { tokens: new Writer(tokens).write(), foreign: [...foreign] }
}

function readsThem(tokens: readonly Token[]): boolean {
  return tokens.some(
    ({ kind, text, inner = [] }) =>
      (kind === 'name' && READS.has(text)) || (kind === 'text' && READ_BY_TEXT.test(text)) || readsThem(inner),
  )
}

/** What a block may lose. */
interface Block {
  /** It stands in a class that another made, or under a decorator: that may read what is in it. */
  readonly kept: boolean
  /** Its first text describes it. */
  readonly described: boolean
}

const STATEMENT_END: Token = { kind: 'newline', text: '' }

class Writer {
  readonly #tokens: readonly Token[]
  readonly #known: ReadonlySet<string>
  readonly #out: Token[] = []
  readonly #blocks: Block[] = [{ kept: false, described: true }]
  /** Imports of one thing each that stand one after another, and what each name of theirs stands for. */
  #imports: string[] = []
  readonly #bound = new Map<string, string>()
  #next: Block | undefined
  #decorated = false
  /** Nothing of the block has come yet. */
  #first = true

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
    this.#known = definedNames(tokens)
  }

  write(): readonly Token[] {
    let line: Token[] = []
    for (const token of this.#tokens) {
      if (token.kind === 'indent') this.#enter(token)
      else if (token.kind === 'dedent') this.#leave(token)
      else if (token.kind !== 'newline') line.push(token)
      else {
        this.#line(line)
        line = []
      }
    }
    if (line.length > 0) this.#line(line)
    this.#endImports()
    return this.#out
  }

  #enter(token: Token): void {
    this.#endImports()
    this.#blocks.push(this.#next ?? { ...this.#block, described: false })
    this.#first = true
    this.#out.push(token)
  }

  #leave(token: Token): void {
    this.#endImports()
    this.#blocks.pop()
    this.#out.push(token)
  }

  get #block(): Block {
    return this.#blocks.at(-1) ?? { kept: true, described: false }
  }

  #line(line: readonly Token[]): void {
    const { kept, described } = this.#block
    const wasFirst = this.#first
    this.#first = false
    this.#next = undefined
    if (wasFirst && described && line.every(isPlainText)) return
    const imports = importsIn(line)
    if (imports !== undefined && this.#takes(imports)) return
    this.#endImports()
    const isHeld = kept || this.#decorated
    this.#decorated = line[0]?.kind === 'mark' && line[0].text === '@'
    this.#out.push(...this.#statement(line, isHeld), STATEMENT_END)
  }

  /** A statement in its plain form; `isHeld` where something may read what it says of itself. */
  #statement(line: readonly Token[], isHeld: boolean): readonly Token[] {
    const head = line[0]?.text === 'async' ? 1 : 0
    const word = line[head]?.kind === 'name' ? line[head].text : ''
    if (word !== 'def' && word !== 'class') return line
    const kept = isHeld || (word === 'class' && hasBases(line))
    this.#next = { kept, described: !kept }
    return word === 'def' && !kept ? withoutHints(line, head + 1, this.#known) : line
  }

  /** Keeps imports to be put in order; false where one gives a name another meaning, so that their order counts. */
  #takes(imports: readonly Named[]): boolean {
    for (const { name, of } of imports) if ((this.#bound.get(name) ?? of) !== of) this.#endImports()
    const own = new Map<string, string>()
    for (const { name, of } of imports) {
      if ((own.get(name) ?? of) !== of) return false
      own.set(name, of)
    }
    for (const [name, of] of own) this.#bound.set(name, of)
    this.#imports.push(...imports.flatMap(({ text, isHint }) => (isHint ? [] : [text])))
    return true
  }

  #endImports(): void {
    for (const text of new Set(this.#imports.toSorted())) this.#out.push({ kind: 'mark', text }, STATEMENT_END)
    this.#imports = []
    this.#bound.clear()
  }
}

const isPlainText = ({ kind, text }: Token): boolean => kind === 'text' && /^[ruRU]?['"]/.test(text)

/** `class A(B):` and `class A[T](B):`; `class A:` and `class A():` have none. */
function hasBases(line: readonly Token[]): boolean {
  const open = line.findIndex(({ text }) => text === '(' || text === '[')
  return open >= 0 && line[open + 1]?.text !== ')'
}
