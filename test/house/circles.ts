/** Circles among imports: files that reach each other, and folders that do. */
import { dirname } from 'node:path'

/** An arrow from one name to another. */
export interface Arrow {
  readonly from: string
  readonly to: string
}

/** The strongly connected parts of a graph that have two members or more, each sorted, largest first. */
export function circles(arrows: readonly Arrow[]): string[][] {
  const next = new Map<string, Set<string>>()
  for (const { from, to } of arrows) {
    if (!next.has(from)) next.set(from, new Set())
    next.get(from)?.add(to)
  }
  const finder = new Tarjan(next)
  for (const name of next.keys()) finder.visit(name)
  return finder.found.sort((a, b) => b.length - a.length || ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1))
}

/** Tarjan’s algorithm, recursive: chains of imports are short enough for the stack. */
class Tarjan {
  readonly found: string[][] = []
  private readonly index = new Map<string, number>()
  private readonly low = new Map<string, number>()
  private readonly stack: string[] = []
  private readonly open = new Set<string>()
  private readonly next: ReadonlyMap<string, ReadonlySet<string>>

  constructor(next: ReadonlyMap<string, ReadonlySet<string>>) {
    this.next = next
  }

  visit(name: string): void {
    if (this.index.has(name)) return
    const own = this.index.size
    this.index.set(name, own)
    this.low.set(name, own)
    this.stack.push(name)
    this.open.add(name)
    for (const to of this.next.get(name) ?? []) {
      this.visit(to)
      if (this.open.has(to)) this.low.set(name, Math.min(this.low.get(name) ?? own, this.low.get(to) ?? own))
    }
    if (this.low.get(name) !== own) return
    const part = this.stack.splice(this.stack.indexOf(name))
    for (const member of part) this.open.delete(member)
    if (part.length > 1) this.found.push(part.sort())
  }
}

/** Pairs of folders that import each other, sorted, the first of a pair before the second; a file counts where it lies. */
export function folderPairs(arrows: readonly Arrow[]): [first: string, second: string][] {
  const between = new Set(arrows.map(({ from, to }) => `${dirname(from)} ${dirname(to)}`))
  return [...between]
    .sort()
    .map((pair): [string, string] => [pair.split(' ')[0] ?? '', pair.split(' ')[1] ?? ''])
    .filter(([first, second]) => first < second && between.has(`${second} ${first}`))
}
