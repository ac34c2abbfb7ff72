/** What Python's own parser says of cells: the shapes of `python/slipway/notebook`. Places are bytes of the clean source. */

export type Span = readonly [start: number, end: number]

export interface Literal {
  readonly type: string
  readonly json: string
}

export interface Argument {
  readonly span: Span
  readonly text: string
  readonly names: readonly string[]
  readonly kind: string
  readonly literal: Literal | null
  readonly star?: boolean
}

/** Where arguments can be added to a call. */
export interface Closing {
  readonly close: number
  readonly given: boolean
  readonly comma: boolean
  readonly generator: Span | null
}

export interface Call extends Closing {
  /** What is called, as Python writes it: `pd.read_csv`. */
  readonly text: string
  readonly root: string | null
  readonly span: Span
  readonly function: Span
  /** The call is a statement of its own. */
  readonly statement: boolean
  /** It stands in no loop, comprehension or function. */
  readonly once: boolean
  /** It stands in an f-string, where places mean nothing. */
  readonly joined: boolean
  readonly arguments: readonly Argument[]
  readonly keywords: readonly (Argument & { readonly name: string | null })[]
  readonly line: number
}

export interface Definition {
  readonly name: string
  readonly kind: 'function' | 'class'
  readonly span: Span
  /** Names of the module that are read where it is defined, and when it is called; names that it writes by `global`. */
  readonly now: readonly string[]
  readonly later: readonly string[]
  readonly written: readonly string[]
  readonly decorated: boolean
  readonly asynchronous: boolean
  /** Parameters with a default: where it stands, and the place among the positional ones. */
  readonly defaults?: readonly { readonly name: string; readonly span: Span; readonly at: number | null }[]
  readonly body: number
  readonly indent: number
  readonly own_line: boolean
  readonly documented: boolean
  readonly generator: boolean
  readonly parameters?: readonly string[]
  readonly bare?: readonly number[]
  readonly close?: number
  readonly colon?: number
  readonly returns?: boolean
  readonly given?: boolean
  readonly comma?: boolean
  readonly keyword_only?: boolean
  readonly star_kwargs?: number | null
}

export interface Import {
  readonly module: string
  readonly name: string | null
  readonly as: string | null
  readonly level: number
  /** Within a `try` that goes on without it. */
  readonly optional: boolean
  /** A statement at the top of its cell. */
  readonly top: boolean
  readonly span: Span
}

export interface Text {
  readonly value: string
  readonly span: Span
  readonly line: number
  /** Name, keyword or key that the text is given to. */
  readonly target: string
  /** Part of an f-string, which cannot be replaced by place. */
  readonly joined: boolean
  readonly doc: boolean
}

export interface Statement {
  readonly kind: string
  readonly start: number
  readonly end: number
  readonly line: number
  readonly binds: readonly string[]
  readonly maybe: readonly string[]
  readonly uses: readonly string[]
  /** Read when a function within is called. */
  readonly later: readonly string[]
  readonly changed: readonly string[]
  readonly called: readonly string[]
  readonly deleted: readonly string[]
  readonly imports: readonly Import[]
  readonly definition: Definition | null
  readonly definitions: readonly Definition[]
  readonly names: readonly { name: string; start: number; end: number; read: boolean; call: Closing | null }[]
  readonly calls: readonly Call[]
  readonly texts: readonly Text[]
  /** Waits at the top of a cell; `called` is the function whose call is awaited, null for another wait. */
  readonly awaits: readonly { span: Span; value: Span; called: string | null; line: number }[]
  readonly value: (Literal & { readonly name: string; readonly source: string }) | null
  readonly shown: { kind: string; text: string; root: string | null; calls: number; span: Span } | null
  readonly assigned: Span | null
}

export interface Magic {
  readonly line: number
  readonly text: string
  readonly action: 'drop' | 'keep' | 'translate' | 'main' | 'refuse'
  readonly installs: readonly string[]
}

export interface CellFacts {
  readonly id: number
  /** The cell as Python: what only IPython understands is translated or gone. */
  readonly clean: string
  readonly magics: readonly Magic[]
  readonly error: { readonly line: number; readonly message: string } | null
  readonly statements: readonly Statement[]
  /** Lines, from 1, that begin within a text, and so cannot be indented. */
  readonly held?: readonly number[]
}

export interface Facts {
  readonly python: string
  readonly builtins: readonly string[]
  readonly standard: readonly string[]
  readonly cells: readonly CellFacts[]
}

/** Which installed distributions explain imports. */
export interface Environment {
  readonly python: string
  readonly executable: string
  /** The name of the package is that of a module of Python or of the environment. */
  readonly taken: boolean
  readonly platform: string
  readonly resolved: Readonly<Record<string, readonly string[]>>
  readonly local: readonly string[]
  readonly missing: readonly { readonly import: string; readonly candidates: readonly string[] }[]
  readonly direct: Readonly<Record<string, string>>
  readonly closure: Readonly<Record<string, string>>
  readonly extras: Readonly<Record<string, string>>
  /** Every distribution that is there, whether or not the code has to do with it. */
  readonly installed: Readonly<Record<string, string>>
  /** Of modules that a run has seen: the distribution, where one alone has that module. */
  readonly owners: Readonly<Record<string, string>>
}

/** A parameter of an installed function or class; `at` is its place among the positional ones, null for one that is given by name only. */
export interface Parameter {
  readonly name: string
  /** As Python writes it; null without one. */
  readonly default: string | null
  readonly at: number | null
}
