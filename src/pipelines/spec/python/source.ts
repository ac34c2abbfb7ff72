/** What is known of a file of Python from its text alone. */
import { dynamicIn } from './dynamic.ts'
import { definedNames, importsOf, type Import } from './imports.ts'
import { tokensOf, Unreadable, type Token } from './tokens.ts'

export interface Source {
  readonly imports: readonly Import[]
  /** Ways to run or load code that no reader can follow. */
  readonly dynamic: readonly string[]
  /** Names in its texts that may be modules: `a.b` anywhere, a lone word where it is the whole text. */
  readonly words: readonly string[]
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

function wordsIn({ kind, text, inner = [] }: Token): string[] {
  if (kind !== 'text') return []
  return [...wordsOf(text.replace(/^\w*(?:'''|"""|['"])|(?:'''|"""|['"])$/g, '')), ...inner.flatMap(wordsIn)]
}

function unreadable(why: string): Source {
  return { imports: [], dynamic: [`text that cannot be read (${why})`], words: [], defined: new Set(['*']) }
}
