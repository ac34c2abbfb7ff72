/** Names of wandb made into names that MLflow allows; two that would become one are told apart. */
import { LIMITS } from '../../mlflow/limits.ts'

/** Gives each name its own; remembers them in the order in which they come. */
export class Names {
  readonly #given = new Map<string, string>()
  readonly #taken = new Set<string>()

  of(name: string): string {
    const known = this.#given.get(name)
    if (known !== undefined) return known
    const clean = allowed(name)
    let own = clean
    for (let number = 2; this.#taken.has(own); number++) own = `${clean.slice(0, LIMITS.key - 8)}_${number}`
    this.#given.set(name, own)
    this.#taken.add(own)
    return own
  }

  /** The names that had to change, and what they are now. */
  changed(): [from: string, to: string][] {
    return [...this.#given].filter(([from, to]) => from !== to)
  }
}

/** The nearest name that `checkKey` takes. */
function allowed(name: string): string {
  const parts = name
    .replace(/[^/\p{L}\p{N}_.\- :]/gu, '_')
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .map((part) => (part.startsWith('..') ? part.replace(/^\.+/, '_') : part))
  return parts.join('/').slice(0, LIMITS.key).replace(/\/$/, '') || '_'
}
