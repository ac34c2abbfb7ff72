/** What every part of the llm room works with. */
import type { Tracking } from '../../tracking/context/context.ts'

/** What tracking works with, and how secrets are sealed. */
export interface Llm extends Tracking {
  /** Makes a text unreadable in the database, bound to what it is for; without it no secret of the gateway is kept. */
  readonly seal?: (text: string, of: string) => string
}
