/** The cells of research code, whatever file they come from. */

/** What a cell put out when it was last run, as the file keeps it. */
export interface StoredOutput {
  readonly kind: 'stream' | 'result' | 'display' | 'error'
  /** Plain text; empty for pictures alone. */
  readonly text: string
  /** Its other texts, tags of HTML left out: nothing is held to them, and secrets may stand there. */
  readonly besides: string
  readonly picture: boolean
}

export interface Cell {
  /** From 1, in the order of the file, code cells only. */
  readonly id: number
  readonly source: string
  /** The number that the kernel gave to its last run; null where it was not run or the file does not say. */
  readonly count: number | null
  /** The heading or first line of the text before it; empty without one. */
  readonly heading: string
  readonly outputs: readonly StoredOutput[]
}

/** Research code as it was read. */
export interface Research {
  /** A notebook shows the value of the last expression of a cell; a script does not. */
  readonly kind: 'notebook' | 'script'
  readonly cells: readonly Cell[]
  /** The language that the file says it is written in; empty where it says none. */
  readonly language: string
  /** Python's version in the metadata; empty without one. */
  readonly python: string
  /** Texts of the file besides code and outputs, in which secrets may stand: markdown and metadata. */
  readonly texts: readonly { readonly where: string; readonly text: string }[]
}

/** Whether code that is no Python is R: it assigns by arrows, or asks for its packages as R does. */
export function isR({ cells }: Research): boolean {
  return cells.some(({ source }) =>
    /^\s*[A-Za-z.][\w.]*(?:\$[\w.]+)?\s*<-\s|^\s*(?:library|require)\([\w."']+\)\s*$/m.test(source),
  )
}
