import { createServer } from 'node:net'

/** Below these the system gives ports away by itself (`ip_local_port_range`): none of them is taken by a connection of somebody else. */
const FIRST = 20_000
const END = 32_000

/** What this process was given: its servers may begin later. */
const given = new Set<number>()

/** A port of 127.0.0.1 that nothing listens on, that no outgoing connection takes before its server begins, and that is given once. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (END - FIRST))
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const probe = createServer()
  probe.once('error', () => resolve(false))
  probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  return promise
}
