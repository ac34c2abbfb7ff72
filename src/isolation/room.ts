/** The isolation room: what this machine can hold other people's code to, found once at start. It has no routes and no loops. */
import { openIsolation, type Held, type IsolationOptions } from './isolation.ts'

/** Tries what holds. Throws a plain Error in mode `required` where files or processes would not be held back. */
export function isolationRoom(options: IsolationOptions): Promise<Held> {
  return openIsolation(options)
}
