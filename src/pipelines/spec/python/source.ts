/** What is known of a file of Python from its text alone. */
import { createHash } from 'node:crypto'
import { dynamicIn, namedSources, readsSources } from './dynamic.ts'
import { definedNames, importsOf, type Import } from './imports.ts'
import { plainOf } from './plain.ts'
import { spelling } from './spelling.ts'
import { tokensOf, Unreadable, type Token } from './tokens.ts'

export interface Source {
  readonly imports: readonly Import[]
  /** Ways to run or load code that no reader can follow. */
  readonly dynamic: readonly string[]
  /** Names in its texts that may be modules: `a.b` anywhere, a lone word where it is the whole text. */
  readonly words: readonly string[]
  /** Equal for sources that differ in comments, white space and kinds of quotes alone; undefined where it cannot be read. */
  readonly meaning: string | undefined
  /** As `meaning`, without descriptions, type hints and the order of imports; undefined where it may read them. */
  readonly plain: { readonly meaning: string; readonly foreign: readonly string[] } | undefined
  /** It may read the text of sources, so that comments in them count. */
  readonly readsSources: boolean
  /** Ends of paths of sources that it names, and so may read. */
  readonly namedSources: readonly string[]
  /** Names that it defines; '*' stands for any. */
  readonly defined: ReadonlySet<string>
}

/** Reads a source; null stands for one that is too large or is no UTF-8. */
export function readSource(text: string | null): Source {
  if (text === null) return unreadable('it is too large, or is no UTF-8')
  try {
    const tokens = tokensOf(text)
    return {
      imports: importsOf(tokens).imports,
      dynamic: dynamicIn(tokens),
      words: tokens.flatMap(wordsIn),
      defined: definedNames(tokens),
      meaning: meaningOf('python', tokens),
      plain: plainMeaning(tokens),
      readsSources: readsSources(tokens),
      namedSources: namedSources(tokens),
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    return unreadable(error.message)
  }
}

/** Names in a text that may be modules. */
export function wordsOf(text: string): string[] {
  if (/^[A-Za-z_]\w*$/.test(text)) return [text]
  return text.match(/[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|^[A-Za-z_]\w*(?=:)/g) ?? []
}

function meaningOf(form: string, tokens: readonly Token[]): string {
  const hash = createHash('sha256')
  for (const { kind, text } of tokens) {
    const meant = kind === 'text' ? spelling(text) : text
    hash.update(`${kind} ${meant.length} ${meant}\n`)
  }
  return `${form}:${hash.digest('hex')}`
}

function plainMeaning(tokens: readonly Token[]): Source['plain'] {
  const plain = plainOf(tokens)
  return plain && { meaning: meaningOf('python-plain', plain.tokens), foreign: plain.foreign }
}

function wordsIn({ kind, text, inner = [] }: Token): string[] {
  if (kind !== 'text') return []
  return [...wordsOf(text.replace(/^\w*(?:'''|"""|['"])|(?:'''|"""|['"])$/g, '')), ...inner.flatMap(wordsIn)]
}

function unreadable(why: string): Source {
  return {
    imports: [],
    dynamic: [`text that cannot be read (${why})`],
    words: [],
    meaning: undefined,
    plain: undefined,
    readsSources: true,
    namedSources: [],
    defined: new Set(['*']),
  }
}
