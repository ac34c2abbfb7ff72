/** The logs of attempts, for tests of drivers. */
import type { Driver } from './driver.ts'

/** Its whole log so far. */
export async function logOf(driver: Driver, attempt: string): Promise<string> {
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const part = await driver.logs(attempt, at, 65_536)
    if (part.length === 0) return Buffer.concat(parts).toString()
    parts.push(part)
    at += part.length
  }
}
